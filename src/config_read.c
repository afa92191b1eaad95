/*
 * A file's bytes to keys and values, by inih, whose surprises are kept away
 * from its users.  By default it cuts lines at 200 bytes and section names at
 * 49, joins an indented line to the one before, says nothing of an empty
 * section and does not tell its handler the line.  So its run-time switches
 * are set, and it reads through a function of ours that sees every line: it
 * counts them, turns away those that inih would not see whole, and handles
 * the section headers itself.  What is left to inih are comments, spaces and
 * the split into key and value.
 *
 * The file is read as a whole first, so that its bytes, passwords among them,
 * lie in one place that can be wiped, and not in a buffer of stdio.
 */
#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ini.h>

#include "config_read.h"

#define FILE_MAX   ((size_t)64 << 20)
#define LINE_LIMIT 4000
/* So that its line is within the limit in whatever way it is spelled. */
#define VALUE_LIMIT 3900

/* What isspace() is to inih in the C locale. */
#define SPACES " \t\r\n\v\f"

static bool more_room(void **items, size_t used, size_t *size, size_t each)
{
    size_t wanted = *size ? *size * 2 : 16;
    void *grown;

    if (used < *size)
        return true;
    grown = reallocarray(*items, wanted, each);
    if (!grown)
        return false;
    *items = grown;
    *size = wanted;
    return true;
}

void config_fault(struct config_reading *r, unsigned line, const char *fmt, ...)
{
    void *items = r->faults;
    char place[16] = "", *message, *text;
    va_list ap;
    int len;

    va_start(ap, fmt);
    len = vasprintf(&message, fmt, ap);
    va_end(ap);
    if (len == -1) {
        r->out_of_memory = true;
        return;
    }
    if (line)
        snprintf(place, sizeof place, "%u:", line);
    len = asprintf(&text, "%s:%s %s", r->file, place, message);
    free(message);
    if (len != -1 &&
        more_room(&items, r->nfaults, &r->faults_size, sizeof *r->faults)) {
        r->faults = items;
        r->faults[r->nfaults] = (struct config_fault){ line, r->nfaults, text };
        r->nfaults++;
        return;
    }
    if (len != -1)
        free(text);
    r->out_of_memory = true;
}

void config_wipe(char *bytes, size_t len)
{
    if (bytes)
        explicit_bzero(bytes, len);
    free(bytes);
}

/* realloc would leave the old bytes behind, unwiped. */
static char *grow_wiped(char *bytes, size_t len, size_t size)
{
    char *grown = malloc(size);

    if (grown && bytes)
        memcpy(grown, bytes, len);
    config_wipe(bytes, len);
    return grown;
}

static char *slurp_fd(int fd, size_t max, size_t *len, struct err *e)
{
    size_t used = 0, size = 0;
    char *bytes = NULL;
    ssize_t got;

    for (;;) {
        if (size - used < 2) {
            size = size ? size * 2 : 8192;
            bytes = grow_wiped(bytes, used, size);
            if (!bytes) {
                err_set(e, "cannot read: out of memory");
                return NULL;
            }
        }
        got = read(fd, bytes + used, size - used - 1);
        if (got == -1 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        used += (size_t)got;
        if (used > max) {
            err_set(e, "cannot read: larger than %zu bytes", max);
            config_wipe(bytes, used);
            return NULL;
        }
    }
    if (got == -1) {
        err_set(e, "cannot read: %s", strerror(errno));
        config_wipe(bytes, used);
        return NULL;
    }
    bytes[used] = '\0';
    *len = used;
    return bytes;
}

char *config_slurp(const char *file, size_t max, size_t *len, struct err *e)
{
    /* Not to wait for the other end of a FIFO. */
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat st;
    char *bytes = NULL;

    if (fd == -1) {
        err_set(e, "cannot open: %s", strerror(errno));
        return NULL;
    }
    if (fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode))
        err_set(e, "cannot read: a FIFO");
    else
        bytes = slurp_fd(fd, max, len, e);
    close(fd);
    return bytes;
}

static void enter(struct config_reading *r, struct config_section *s,
                  const char *header)
{
    char shown[REPLY_TEXT];

    r->current = s;
    if (s->line)
        config_fault(r, r->line, "duplicate section [%s], first at line %u",
                     config_show(header, shown), s->line);
    else
        s->line = r->line;
}

static int by_name(const void *a, const void *b)
{
    const struct config_instance *x = ((const struct config_section *)a)->base;
    const struct config_instance *y = ((const struct config_section *)b)->base;

    return strcmp(x->name, y->name);
}

/* The section of that name, made if there is none; NULL on lack of memory. */
static struct config_section *instance_section(struct config_reading *r,
                                               const char *name)
{
    struct config_section *s = calloc(1, sizeof *s);
    void *items = r->instances;
    struct config_section **found;

    if (!s)
        return NULL;
    s->set = &CONFIG_KEYSETS[SECTION_INSTANCE];
    s->base = config_instance_new(name, r->line);
    if (!s->base ||
        !more_room(&items, r->ninstances, &r->instances_size, sizeof(void *)))
        goto fail;
    r->instances = items;
    found = tsearch(s, &r->by_name, by_name);
    if (!found)
        goto fail;
    if (*found == s) {
        r->instances[r->ninstances++] = s;
        return s;
    }
    config_instance_unref(s->base);
    free(s);
    return *found;
fail:
    config_instance_unref(s->base);
    free(s);
    return NULL;
}

static void enter_instance(struct config_reading *r, const char *header,
                           const char *name)
{
    char shown[REPLY_TEXT];
    struct config_section *s;
    struct err why;

    if (config_check_instance(name, &why) == -1)
        config_fault(r, r->line, "[%s]: the name %s",
                     config_show(header, shown), why.text);
    if (r->ninstances == CONFIG_INSTANCES_MAX) {
        config_fault(r, r->line, "more than %d instances",
                     CONFIG_INSTANCES_MAX);
        r->current = &r->unknown;
        return;
    }
    s = instance_section(r, name);
    if (!s) {
        r->out_of_memory = true;
        r->current = &r->unknown;
        return;
    }
    enter(r, s, header);
}

/* A line that begins with [; after a fault the keys below are skipped or
 * checked, whichever gives fewer faults that are none. */
static void section_line(struct config_reading *r, char *line)
{
    char shown[REPLY_TEXT];
    char *header = line + 1;
    char *end = strchr(header, ']');

    r->current = &r->unknown;
    if (!end) {
        config_fault(r, r->line, "no ] after %s", config_show(line, shown));
        return;
    }
    *end++ = '\0';
    end += strspn(end, SPACES);
    if (*end != '\0' && *end != ';')
        config_fault(r, r->line, "text after ]: %s", config_show(end, shown));
    if (strcmp(header, "agent") == 0)
        enter(r, &r->agent, header);
    else if (strcmp(header, "zookeeper") == 0)
        enter(r, &r->zookeeper, header);
    else if (strcmp(header, "defaults") == 0)
        enter(r, &r->defaults, header);
    else if (strncmp(header, "redis:", 6) == 0)
        enter_instance(r, header, header + 6);
    else
        config_fault(r, r->line, "unknown section [%s]",
                     config_show(header, shown));
}

/* inih's reader.  A line that it must not see is shown to it as empty, so
 * that the count of lines stays right. */
static char *next_line(char *out, int size, void *stream)
{
    struct config_reading *r = stream;
    const char *start = r->text + r->pos;
    size_t left = r->text_len - r->pos;
    const char *end = memchr(start, '\n', left);
    size_t len = end ? (size_t)(end - start) : left;
    char *p = out;

    if (left == 0) {
        /* The line buffer is inih's and goes back to the heap after this. */
        explicit_bzero(out, (size_t)size);
        return NULL;
    }
    r->pos += end ? len + 1 : len;
    r->line++;
    out[0] = '\0';
    if (len > LINE_LIMIT || len >= (size_t)size) {
        config_fault(r, r->line, "line of more than %d bytes", LINE_LIMIT);
        return out;
    }
    if (memchr(start, '\0', len)) {
        config_fault(r, r->line, "line holds a NUL byte");
        return out;
    }
    memcpy(out, start, len);
    out[len] = '\0';
    if (r->line == 1 && strncmp(p, "\xef\xbb\xbf", 3) == 0)
        p += 3;
    p += strspn(p, SPACES);
    if (*p == '[') {
        section_line(r, p);
        out[0] = '\0';
    }
    return out;
}

static const char *section_title(const struct config_reading *r,
                                 const struct config_section *s,
                                 char out[REPLY_TEXT])
{
    const struct config_instance *instance;

    if (s == &r->defaults)
        return "defaults";
    if (s->set != &CONFIG_KEYSETS[SECTION_INSTANCE])
        return s->set->name;
    instance = s->base;
    snprintf(out, REPLY_TEXT, "redis:");
    reply_escape(out, REPLY_TEXT, instance->name, strlen(instance->name));
    return out;
}

/*
 * NAME cut at its first space: what follows may be a secret, in a line like
 * "password sesame:1".
 */
static const char *show_key(const char *name, char out[REPLY_TEXT])
{
    out[0] = '\0';
    reply_escape(out, REPLY_TEXT, name, strcspn(name, SPACES));
    return out;
}

static void set_value(struct config_reading *r, struct config_section *s,
                      size_t key, const char *value)
{
    const struct config_key *k = &s->set->keys[key];
    char title[REPLY_TEXT];
    struct err why;

    if (s->lines[key]) {
        config_fault(r, r->line, "duplicate key %s in [%s], first at line %u",
                     k->name, section_title(r, s, title), s->lines[key]);
        return;
    }
    s->lines[key] = r->line;
    if (*value == '\0')
        config_fault(r, r->line, "%s has no value", k->name);
    else if (strlen(value) > VALUE_LIMIT)
        config_fault(r, r->line, "%s is longer than %d bytes", k->name,
                     VALUE_LIMIT);
    else if (config_check_text(value, &why) == -1)
        config_fault(r, r->line, "%s %s", k->name, why.text);
    else if (config_value_parse(k, value, s->base, &why) == -1)
        config_fault(r, r->line, "%s", why.text);
}

/* inih's handler; VALUE is NULL for a line without = or :.  The section that
 * inih names is none, as it saw no header. */
static int on_pair(void *user, const char *section, const char *name,
                   const char *value)
{
    struct config_reading *r = user;
    struct config_section *s = r->current;
    char shown[REPLY_TEXT], title[REPLY_TEXT];
    int key;

    (void)section;
    if (!value)
        config_fault(r, r->line, "not of the form key = value");
    else if (!s)
        config_fault(r, r->line, "key %s before any section",
                     show_key(name, shown));
    if (!value || !s || !s->set)
        return 1;
    key = config_key_find(s->set, name);
    if (key == -1)
        config_fault(r, r->line, "unknown key %s in [%s]",
                     show_key(name, shown), section_title(r, s, title));
    else if (s == &r->defaults && strcmp(name, "address") == 0)
        config_fault(r, r->line,
                     "address belongs in each [redis:NAME], "
                     "not in [defaults]");
    else
        set_value(r, s, (size_t)key, value);
    return 1;
}

bool config_read(struct config_reading *r)
{
    struct err why;
    char *bytes = config_slurp(r->file, FILE_MAX, &r->text_len, &why);

    if (!bytes) {
        config_fault(r, 0, "%s", why.text);
        return false;
    }
    r->text = bytes;
    ini_allow_multiline = false;
    ini_allow_bom = true;
    ini_allow_inline_comments = true;
    ini_use_stack = false;
    ini_initial_alloc = LINE_LIMIT + 1;
    ini_stop_on_first_error = false;
    ini_allow_no_value = true;
    if (ini_parse_stream(next_line, r, on_pair, r) != 0)
        r->out_of_memory = true;
    r->text = NULL;
    config_wipe(bytes, r->text_len);
    return true;
}
