/*
 * Everything the configuration reads from disk: its own files, and those that
 * hold a secret.  A file is read as a whole, so that its bytes, passwords among
 * them, lie in one place that can be wiped, and not in a buffer of stdio.
 * A file's mode is asked of the open descriptor: the name
 * may stand for another file a moment later.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"

#define SECRET_MAX 4096

void config_wipe(char *bytes, size_t len)
{
    if (bytes != NULL)
        explicit_bzero(bytes, len);
    free(bytes);
}

/* realloc would leave the old bytes behind, unwiped. */
static char *grow_wiped(char *bytes, size_t len, size_t size)
{
    char *grown = malloc(size);

    if (grown != NULL && bytes != NULL)
        memcpy(grown, bytes, len);
    config_wipe(bytes, len);
    return grown;
}

static char *read_all(int fd, size_t max, size_t *len, struct err *e)
{
    size_t used = 0, size = 0;
    char *bytes = NULL;
    ssize_t got;

    for (;;) {
        if (size - used < 2) {
            size = size > 0 ? size * 2 : 8192;
            bytes = grow_wiped(bytes, used, size);
            if (bytes == NULL) {
                err_set(e, "cannot read: out of memory for its bytes");
                return NULL;
            }
        }
        got = read(fd, bytes + used, size - used - 1);
        if (got < 0 && errno == EINTR)
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
    if (got < 0) {
        err_set(e, "cannot read: %s", strerror(errno));
        config_wipe(bytes, used);
        return NULL;
    }
    bytes[used] = '\0';
    *len = used;
    return bytes;
}

int config_slurp(const char *file, size_t max, struct config_bytes *out,
                 struct err *e)
{
    /* Not to wait for the other end of a FIFO. */
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat st;

    out->text = NULL;
    if (fd < 0) {
        err_set(e, "cannot open: %s", strerror(errno));
        return -1;
    }
    if (fstat(fd, &st) != 0)
        err_set(e, "cannot read: %s", strerror(errno));
    else if (S_ISFIFO(st.st_mode))
        err_set(e, "cannot read: a FIFO");
    else
        out->text = read_all(fd, max, &out->len, e);
    close(fd);
    if (out->text == NULL)
        return -1;
    out->mode = st.st_mode & 07777;
    return 0;
}

/* The group may: root:redis 0640 is how a user is let in. */
static int check_mode(unsigned mode, struct err *e)
{
    bool read = (mode & S_IROTH) != 0, write = (mode & S_IWOTH) != 0;

    if (!read && !write)
        return 0;
    err_set(e, "mode %04o lets others %s it (chmod o-rwx)", mode,
            read && write ? "read and write"
            : read        ? "read"
                          : "write");
    return -1;
}

char *config_secret(const char *file, struct err *e)
{
    struct config_bytes b;
    char *secret = NULL;
    const char *text;
    size_t len;

    if (config_slurp(file, SECRET_MAX, &b, e) != 0)
        return NULL;
    /* An editor's byte order mark is not part of the secret. */
    text = b.text + (strncmp(b.text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0);
    len = strcspn(text, "\r\n");
    if (check_mode(b.mode, e) != 0)
        goto done;
    if (len == 0)
        err_set(e, "its first line is empty");
    else if (strcmp(text + len, "\n") != 0 && strcmp(text + len, "\r\n") != 0 &&
             text[len] != '\0')
        err_set(e, "holds more than one line");
    else if (strlen(b.text) != b.len)
        err_set(e, "holds a NUL byte");
    else if ((secret = strndup(text, len)) == NULL)
        err_set(e, "cannot read: out of memory for its bytes");
done:
    config_wipe(b.text, b.len);
    return secret;
}

/*
 * PATTERN below the folder of MAIN, whose own * or ? stand for themselves.
 * NULL on lack of memory.
 */
static char *anchored(const char *main, const char *pattern)
{
    const char *slash = strrchr(main, '/');
    size_t folder =
        slash != NULL && pattern[0] != '/' ? (size_t)(slash + 1 - main) : 0;
    char *out = malloc(2 * folder + strlen(pattern) + 1);
    char *p = out;

    if (out == NULL)
        return NULL;
    for (size_t i = 0; i < folder; i++) {
        if (strchr("*?[\\", main[i]) != NULL)
            *p++ = '\\';
        *p++ = main[i];
    }
    strcpy(p, pattern);
    return out;
}

/* A folder that is not there has no files; one that is shut may have. */
static int on_glob_error(const char *folder, int error)
{
    (void)folder;
    return error != ENOENT && error != ENOTDIR;
}

int config_glob(const char *main, const char *pattern, glob_t *out,
                struct err *e)
{
    char *path = anchored(main, pattern);
    int rc = path != NULL ? glob(path, 0, on_glob_error, out) : GLOB_NOSPACE;
    int error = errno;

    free(path);
    switch (rc) {
    case 0:
        return 0;
    case GLOB_NOMATCH:
        if (strpbrk(pattern, "*?[") != NULL)
            return 0;
        err_set(e, "names no file");
        break;
    case GLOB_NOSPACE:
        err_set(e, "out of memory for its files");
        break;
    default:
        err_set(e, "cannot be looked up: %s", strerror(error));
    }
    globfree(out);
    return -1;
}

bool config_same_file(const char *a, const char *b)
{
    struct stat x, y;

    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev &&
           x.st_ino == y.st_ino;
}
