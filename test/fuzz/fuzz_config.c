/*
 * Any bytes as a configuration.  What is wrong is said with a line that is
 * there, in printable words; what is right prints as a configuration that is
 * right again, prints the same and needs no restart.
 *
 * No byte of the input reaches this machine's files: what config asks the
 * system for is answered here, from the input alone.  What follows a line
 * "%%" is what every file holds that the configuration names.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/config.h"

#include "fuzz.h"

#define MAIN_FILE "/etc/sentinel-agent/agent.ini"
#define PART_FILE "/etc/sentinel-agent/conf.d/part.ini"

static const char CUT[] = "\n%%\n";

/* The system as config sees it; libFuzzer, linked with the same wraps, sees
 * the real one. */
static struct {
    bool inside;
    int main_fd;  /* memfd, -1 before the first input */
    int other_fd; /* of all other files */
} world = { .main_fd = -1, .other_fd = -1 };

/* By the names that the linker sees: meson asks for large files. */
int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __real_stat64(const char *path, struct stat *st);
int __wrap_stat64(const char *path, struct stat *st);
int __wrap_glob64(const char *pattern, int flags,
                  int (*on_error)(const char *, int), glob_t *out);
void __wrap_globfree64(glob_t *g);
struct passwd *__wrap_getpwnam(const char *name);
int __wrap_gethostname(char *name, size_t size);

int __wrap_open64(const char *path, int flags, ...)
{
    int fd = strcmp(path, MAIN_FILE) == 0 ? world.main_fd : world.other_fd;

    if (!world.inside) {
        va_list ap;
        mode_t mode = 0;

        va_start(ap, flags);
        if (flags & O_CREAT)
            mode = va_arg(ap, mode_t);
        va_end(ap);
        return __real_open64(path, flags, mode);
    }
    HOLDS((flags & O_ACCMODE) == O_RDONLY);
    HOLDS(lseek(fd, 0, SEEK_SET) == 0);
    return fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

/* A few folders, and no file. */
int __wrap_stat64(const char *path, struct stat *st)
{
    if (!world.inside)
        return __real_stat64(path, st);
    if (strcmp(path, "/") == 0 || strcmp(path, "/run") == 0 ||
        strcmp(path, "/var/log") == 0) {
        *st = (struct stat){ .st_mode = S_IFDIR | 0755 };
        return 0;
    }
    errno = ENOENT;
    return -1;
}

int __wrap_glob64(const char *pattern, int flags,
                  int (*on_error)(const char *, int), glob_t *out)
{
    static char part[] = PART_FILE;
    static char *found[] = { part, NULL };

    (void)flags;
    (void)on_error;
    *out = (glob_t){ 0 };
    if (!strstr(pattern, ".ini"))
        return GLOB_NOMATCH;
    out->gl_pathc = 1;
    out->gl_pathv = found;
    return 0;
}

void __wrap_globfree64(glob_t *g)
{
    *g = (glob_t){ 0 };
}

struct passwd *__wrap_getpwnam(const char *name)
{
    static struct passwd redis;

    return strcmp(name, "redis") == 0 ? &redis : NULL;
}

int __wrap_gethostname(char *name, size_t size)
{
    snprintf(name, size, "web-1");
    return 0;
}

static void hold(int *fd, const char *bytes, size_t len)
{
    if (*fd == -1)
        *fd = memfd_create("fuzz", MFD_CLOEXEC);
    HOLDS(*fd != -1);
    /* A secret is not for others to read. */
    HOLDS(fchmod(*fd, 0600) == 0);
    HOLDS(ftruncate(*fd, 0) == 0);
    HOLDS(pwrite(*fd, bytes, len, 0) == (ssize_t)len);
}

static struct config *load(const char *bytes, size_t len,
                           struct config_faults *faults)
{
    struct config *c;

    hold(&world.main_fd, bytes, len);
    world.inside = true;
    c = config_load(MAIN_FILE, faults);
    world.inside = false;
    HOLDS((c == NULL) == (faults->count > 0));
    return c;
}

static unsigned long count_lines(const char *bytes, size_t len)
{
    unsigned long n = 0;

    for (size_t i = 0; i < len; i++)
        n += bytes[i] == '\n';
    return n + 1;
}

/* "FILE: text" or "FILE:LINE: text", in order of the lines of each file. */
static void check_fault(const char *text, unsigned long lines,
                        unsigned long *last)
{
    bool main_file = strncmp(text, MAIN_FILE ":", sizeof MAIN_FILE) == 0;
    unsigned long line;
    char *end;

    for (const char *p = text; *p; p++)
        HOLDS((unsigned char)*p >= ' ' && *p != 0x7f);
    if (!main_file) {
        HOLDS(strncmp(text, PART_FILE ":", sizeof PART_FILE) == 0);
        return;
    }
    text += sizeof MAIN_FILE;
    line = strtoul(text, &end, 10);
    HOLDS((line == 0) == (end == text));
    HOLDS(strncmp(line ? end : " ", line ? ": " : text, line ? 2 : 1) == 0);
    HOLDS(line >= *last && line <= lines);
    *last = line;
}

static void check_faults(const struct config_faults *faults,
                         unsigned long lines)
{
    unsigned long last = 0;

    for (size_t i = 0; i < faults->count; i++)
        check_fault(faults->lines[i], lines, &last);
}

static void check_instance(const struct config_instance *i)
{
    size_t len = strlen(i->name);

    HOLDS(len > 0 && len <= CONFIG_NAME_MAX);
    HOLDS((i->host != NULL) == (i->path == NULL));
    HOLDS(!i->host || i->port > 0);
    HOLDS(i->interval_ms >= 50 && i->timeout_ms >= 1);
    HOLDS(i->retry_interval_ms >= 10 && i->info_interval_ms >= 50);
    HOLDS(i->rise >= 1 && i->rise <= 100 && i->fall >= 1 && i->fall <= 100);
    HOLDS(!i->username || i->password);
}

static void check_config(const struct config *c)
{
    HOLDS(c->ninstances > 0);
    for (size_t i = 0; i < c->ninstances; i++)
        check_instance(c->instances[i]);
    HOLDS(c->agent.id && *c->agent.id);
    HOLDS(c->agent.workers >= 1 && c->agent.workers <= 64);
    HOLDS(c->agent.spread_percent <= 50);
    HOLDS(c->zookeeper.enabled == (c->zookeeper.nservers > 0));
}

/* The one comment in what is printed: what was included stands there. */
static void drop_include(char *text, size_t *len)
{
    char *line = strstr(text, "\n; include = ");
    size_t size;

    if (!line)
        return;
    size = strcspn(line + 1, "\n") + 1;
    memmove(line, line + size, strlen(line + size) + 1);
    *len -= size;
}

static char *print(const struct config *c, size_t *len)
{
    char *text = NULL;
    FILE *f = open_memstream(&text, len);

    HOLDS(f);
    config_print(c, f);
    HOLDS(fclose(f) == 0);
    drop_include(text, len);
    return text;
}

static void check_print(const struct config *c)
{
    size_t len, again_len;
    char *text = print(c, &len), *again_text;
    struct config_faults faults;
    struct config *again = load(text, len, &faults);
    char keys[256];

    for (size_t i = 0; i < faults.count; i++)
        fprintf(stderr, "%s\n", faults.lines[i]);
    HOLDS(again);
    again_text = print(again, &again_len);
    HOLDS(len == again_len && memcmp(text, again_text, len) == 0);
    HOLDS(config_restart_keys(c, again, keys, sizeof keys) == 0);
    HOLDS(c->ninstances == again->ninstances);
    for (size_t i = 0; i < c->ninstances; i++) {
        const struct config_instance *x = c->instances[i];

        /* A literal password was printed as ***. */
        HOLDS((x->password && !x->password_file) ||
              config_instance_equal(x, again->instances[i]));
    }
    free(text);
    free(again_text);
    config_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len)
{
    const char *bytes = (const char *)input;
    const char *cut = memmem(bytes, len, CUT, sizeof CUT - 1);
    size_t main_len = cut ? (size_t)(cut - bytes) + 1 : len;
    const char *other = cut ? cut + sizeof CUT - 1 : "sesame:1\n";
    size_t other_len = cut ? (size_t)(bytes + len - other) : strlen(other);
    struct config_faults faults;
    struct config *c;

    hold(&world.other_fd, other, other_len);
    c = load(bytes, main_len, &faults);
    check_faults(&faults, count_lines(bytes, main_len));
    config_faults_free(&faults);
    if (c) {
        check_config(c);
        check_print(c);
    }
    config_free(c);
    return 0;
}
