/*
 * The session's file: text of a fixed shape, so that whatever is not ours to
 * the last byte is recognised, and written beside its place and moved there,
 * so that a crash leaves the old one or the new one.
 *
 * A wrong id or password does no harm, as ZooKeeper then grants no session;
 * so there is no checksum.  The folder is opened anew each time: somebody may
 * have replaced it.
 */
#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/daemon.h"

#include "agent/session_file.h"

static const char HEAD[] = "sentinel-agent session 1\n";

/* Of it, all but the scope takes about a hundred bytes. */
#define FILE_MAX (SESSION_SCOPE_SIZE + 192)

static const char DIGITS[] = "0123456789abcdef";

struct session_file {
    char *folder;
    char *name; /* in the folder */
    char *temp; /* in the folder */
    char *path;
    char *lock_path;
    char *scope;
    int lock; /* -1: not locked */
};

/* ----------------------------------------------------------------- format */

static char *put_hex(char *at, const void *bytes, size_t n)
{
    const unsigned char *b = bytes;

    for (size_t i = 0; i < n; i++) {
        *at++ = DIGITS[b[i] >> 4];
        *at++ = DIGITS[b[i] & 15];
    }
    return at;
}

/* The text's length; OUT has room for FILE_MAX and a NUL. */
static size_t render(const struct session_file *f, const struct session_id *id,
                     char *out)
{
    uint64_t session = htobe64((uint64_t)id->session);
    char *at = stpcpy(stpcpy(stpcpy(out, HEAD), "scope "), f->scope);

    at = stpcpy(at, "\nid ");
    at = put_hex(at, &session, sizeof session);
    at = stpcpy(at, "\npassword ");
    at = put_hex(at, id->password, sizeof id->password);
    at = stpcpy(at, "\n");
    return (size_t)(at - out);
}

static bool skip(const char **p, const char *word)
{
    size_t len = strlen(word);

    if (strncmp(*p, word, len) != 0)
        return false;
    *p += len;
    return true;
}

static bool take_hex(const char **p, void *bytes, size_t n)
{
    unsigned char *b = bytes;

    for (size_t i = 0; i < 2 * n; i++, (*p)++) {
        const char *d = **p == '\0' ? NULL : strchr(DIGITS, **p);

        if (d == NULL)
            return false;
        b[i / 2] = (unsigned char)(b[i / 2] << 4 | (d - DIGITS));
    }
    return true;
}

/* The same text again, to the last byte; else WHY, without a secret in it. */
static int parse(const struct session_file *f, const char *text, size_t len,
                 struct session_id *out, struct err *why)
{
    const char *p = text;
    const char *scope;
    size_t scope_len;
    uint64_t session = 0;

    if (!skip(&p, HEAD) || !skip(&p, "scope ")) {
        err_set(why, "is no session file of this version");
        return -1;
    }
    scope = p;
    scope_len = strcspn(p, "\n");
    p += scope_len;
    if (!skip(&p, "\nid ") || !take_hex(&p, &session, sizeof session) ||
        !skip(&p, "\npassword ") ||
        !take_hex(&p, out->password, sizeof out->password) || !skip(&p, "\n") ||
        p != text + len || session == 0) {
        err_set(why, "is garbled");
        return -1;
    }
    if (strlen(f->scope) != scope_len ||
        memcmp(f->scope, scope, scope_len) != 0) {
        err_set(why, "is of another scope: %.*s", (int)scope_len, scope);
        return -1;
    }
    out->session = (int64_t)be64toh(session);
    return 0;
}

/* ------------------------------------------------------------------- open */

static void session_file_free(struct session_file *f)
{
    free(f->folder);
    free(f->name);
    free(f->temp);
    free(f->path);
    free(f->lock_path);
    free(f->scope);
    free(f);
}

static struct session_file *session_file_new(const char *folder,
                                             const char *name,
                                             const char *scope)
{
    struct session_file *f = calloc(1, sizeof *f);

    if (f == NULL)
        return NULL;
    f->lock = -1;
    f->folder = strdup(folder);
    f->scope = strdup(scope);
    if (asprintf(&f->name, "%s.session", name) < 0)
        f->name = NULL;
    if (asprintf(&f->temp, "%s.session.new", name) < 0)
        f->temp = NULL;
    if (asprintf(&f->path, "%s/%s.session", folder, name) < 0)
        f->path = NULL;
    if (asprintf(&f->lock_path, "%s/%s.lock", folder, name) < 0)
        f->lock_path = NULL;
    if (f->folder != NULL && f->scope != NULL && f->name != NULL &&
        f->temp != NULL && f->path != NULL && f->lock_path != NULL)
        return f;
    session_file_free(f);
    return NULL;
}

static int open_folder(const struct session_file *f, struct err *e)
{
    int dir = open(f->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (dir < 0)
        err_set(e, "%s: open: %s", f->folder, strerror(errno));
    return dir;
}

/* What an earlier life left half-written is in the way of O_EXCL, and cannot
 * be another's: we hold the lock. */
static int make_temp(const struct session_file *f, int dir)
{
    unlinkat(dir, f->temp, 0);
    return openat(dir, f->temp,
                  O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
}

/* Better to be told at the start than when a session is to be saved. */
static int try_folder(const struct session_file *f, struct err *e)
{
    int dir = open_folder(f, e);
    int fd;
    int error;

    if (dir < 0)
        return -1;
    fd = make_temp(f, dir);
    error = errno;
    if (fd >= 0) {
        close(fd);
        unlinkat(dir, f->temp, 0);
    }
    close(dir);
    if (fd >= 0 || error == ENOSPC || error == EDQUOT)
        return 0;
    err_set(e, "%s: create %s: %s", f->folder, f->temp, strerror(error));
    return -1;
}

struct session_file *session_file_open(const char *folder, const char *name,
                                       const char *scope, struct err *e)
{
    struct session_file *f = session_file_new(folder, name, scope);

    assert(strlen(scope) < SESSION_SCOPE_SIZE);
    if (f == NULL) {
        err_set(e, "%s: out of memory for the session's file", folder);
        return NULL;
    }
    f->lock = daemon_pid_lock(f->lock_path, 0, e);
    if (f->lock < 0)
        goto failed;
    if (try_folder(f, e) != 0)
        goto failed;
    /* It is for people; a full disk may have no room for it. */
    (void)!daemon_pid_write(f->lock, NULL);
    return f;

failed:
    session_file_close(f);
    return NULL;
}

/* ------------------------------------------------------------------- load */

static int read_file(int fd, char *text, size_t size, size_t *len,
                     struct err *why)
{
    ssize_t n;

    *len = 0;
    while (*len < size && (n = read(fd, text + *len, size - *len)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            err_set(why, "read: %s", strerror(errno));
            return -1;
        }
        *len += (size_t)n;
    }
    if (*len < size)
        return 0;
    err_set(why, "is too long");
    return -1;
}

static int trust(int fd, struct err *why)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        err_set(why, "fstat: %s", strerror(errno));
    else if (!S_ISREG(st.st_mode))
        err_set(why, "is no regular file");
    else if (st.st_uid != geteuid())
        err_set(why, "belongs to uid %ld, not to ours, %ld", (long)st.st_uid,
                (long)geteuid());
    else if ((st.st_mode & 077) != 0)
        err_set(why, "is open to others (mode %04o)", st.st_mode & 07777u);
    else
        return 0;
    return -1;
}

static int read_session(const struct session_file *f, int fd,
                        struct session_id *out, struct err *why)
{
    char text[FILE_MAX + 2];
    size_t len;
    int rc = -1;

    if (trust(fd, why) == 0 &&
        read_file(fd, text, sizeof text - 1, &len, why) == 0) {
        text[len] = '\0';
        rc = parse(f, text, len, out, why);
    }
    explicit_bzero(text, sizeof text);
    return rc;
}

enum session_found session_file_load(struct session_file *f,
                                     struct session_id *out, struct err *why)
{
    /* O_NONBLOCK for what is no regular file after all. */
    int fd = open(f->path,
                  O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    int rc = -1;

    if (fd < 0 && errno == ENOENT)
        return SESSION_NONE;
    if (fd < 0) {
        err_set(why, "open: %s", strerror(errno));
    } else {
        rc = read_session(f, fd, out, why);
        close(fd);
    }
    if (rc == 0)
        return SESSION_LOADED;
    explicit_bzero(out, sizeof *out);
    session_file_drop(f);
    return SESSION_REFUSED;
}

/* ------------------------------------------------------------------- save */

/* NULL, or the call that failed, with errno. */
static const char *fill(int fd, const char *text, size_t len)
{
    /* Whatever the umask is. */
    if (fchmod(fd, 0600) != 0)
        return "fchmod";
    while (len > 0) {
        ssize_t n = write(fd, text, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return "write";
        text += n;
        len -= (size_t)n;
    }
    return fsync(fd) != 0 ? "fsync" : NULL;
}

static const char *replace(const struct session_file *f, int dir,
                           const char *text, size_t len)
{
    int fd = make_temp(f, dir);
    const char *failed;
    int error;

    if (fd < 0)
        return "create";
    failed = fill(fd, text, len);
    error = errno;
    close(fd);
    errno = error;
    if (failed == NULL && renameat(dir, f->temp, dir, f->name) != 0)
        failed = "rename";
    if (failed == NULL) {
        /* Without it only a power failure could undo the change. */
        (void)!fsync(dir);
        return NULL;
    }
    error = errno;
    unlinkat(dir, f->temp, 0);
    errno = error;
    return failed;
}

int session_file_save(struct session_file *f, const struct session_id *id,
                      struct err *e)
{
    char text[FILE_MAX + 1];
    int dir = open_folder(f, e);
    const char *failed;

    if (dir < 0)
        return -1;
    failed = replace(f, dir, text, render(f, id, text));
    if (failed != NULL)
        err_set(e, "%s: %s: %s", f->path, failed, strerror(errno));
    explicit_bzero(text, sizeof text);
    close(dir);
    return failed == NULL ? 0 : -1;
}

void session_file_drop(struct session_file *f)
{
    unlink(f->path);
}

const char *session_file_path(const struct session_file *f)
{
    return f->path;
}

void session_file_close(struct session_file *f)
{
    if (f == NULL)
        return;
    if (f->lock >= 0)
        daemon_pid_release(f->lock, f->lock_path);
    session_file_free(f);
}

void session_file_leave(struct session_file *f)
{
    session_file_free(f);
}
