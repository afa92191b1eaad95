/*
 * The asynchronous seam, made into calls that wait.  What was lost on the way,
 * or was to wait, is asked for again until the deadline; but a write is not:
 * it may have been done, so who made it looks first.
 *
 * An answer to an earlier call may still come: tokens carry the call's number.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "agent/clock.h"
#include "agent/config.h"
#include "agent/escape.h"
#include "agent/resolver.h"
#include "agent/zk.h"

#include "tree_session.h"

#define RETRY_MS   100
#define TIMEOUT_MS 5000
#define AT_ONCE    32
/* Of a write that is lost, or whose parent goes again. */
#define TRIES 10
/* The session has no node: nothing is lost if it is not ended in time. */
#define CLOSE_MS 500

struct tree_session {
    struct store *store;       /* owned */
    struct resolver *resolver; /* owned, or NULL */
    char *root;                /* owned; "" for "/" */
    unsigned timeout_ms;
    int cancel_fd;
    int woken; /* an eventfd */

    /* One call. */
    uint32_t call;
    struct tree_ask *asks;                                        /* borrowed */
    enum need { NEED_ASKING, NEED_ANSWER, NEED_NOTHING } * needs; /* owned */
    size_t n;
    size_t left;            /* that need something */
    size_t next;            /* those before it need no asking */
    uint64_t retry_mono_ms; /* nothing is asked before */
    struct err *why;
    bool failed; /* and WHY is filled */
};

/* Thread: any. */
static void wake(void *arg)
{
    struct tree_session *t = arg;
    eventfd_write(t->woken, 1);
}

/* ------------------------------------------------------------------- words */

/* "ZooKeeper: PATH: WHY", with PATH as it is in the tree. */
static void say(const struct tree_session *t, const char *path, const char *why,
                struct err *e)
{
    char name[120] = "";
    escape_add(name, sizeof name, path, strlen(path));
    err_set(e, "ZooKeeper: %s%s%s: %s", t->root,
            *path != '\0' || *t->root == '\0' ? "/" : "", name, why);
}

static void fail(struct tree_session *t, const char *path, const char *why)
{
    if (!t->failed)
        say(t, path, why, t->why);
    t->failed = true;
}

static bool reads(const struct tree_ask *a)
{
    return a->verb == STORE_GET || a->verb == STORE_LIST ||
           a->verb == STORE_EXISTS;
}

static void say_code(const struct tree_session *t, const struct tree_ask *a,
                     struct err *e)
{
    if (a->answer.code == STORE_NO_AUTH)
        say(t, a->path,
            reads(a) ? "no right to read it" : "no right to write it", e);
    else
        say(t, a->path, a->answer.said, e);
}

static void say_timeout(struct tree_session *t)
{
    struct store_status s;
    char why[sizeof s.why] = "";
    bool read = true;
    t->store->ops->status(t->store, &s);
    escape_add(why, sizeof why, s.why, strlen(s.why));
    for (size_t i = 0; i < t->n; i++)
        read = read && reads(&t->asks[i]);
    err_set(t->why, "ZooKeeper: not %s within %u ms: %s%s%s",
            read ? "read" : "written", t->timeout_ms, store_state_name(s.state),
            *why != '\0' ? ": " : "", why);
    t->failed = true;
}

/* ------------------------------------------------------------------ asking */

static int submit(struct tree_session *t, size_t index)
{
    const struct tree_ask *a = &t->asks[index];
    struct store_request r = {
        .verb = a->verb,
        .token = (uint64_t)t->call << 32 | index,
        .data = a->data != NULL ? a->data : "",
        .len = a->len,
        .version = a->version,
        .large = a->large,
    };
    char *path;
    if (asprintf(&path, "%s%s%s", t->root,
                 *a->path != '\0' || *t->root == '\0' ? "/" : "",
                 a->path) < 0) {
        fail(t, a->path, "out of memory for its path");
        return -1;
    }
    r.path = path;
    int rc = t->store->ops->submit(t->store, &r);
    free(path);
    return rc;
}

static void ask(struct tree_session *t, uint64_t now)
{
    if (now < t->retry_mono_ms)
        return;
    for (; t->next < t->n; t->next++) {
        if (t->needs[t->next] != NEED_ASKING)
            continue;
        if (submit(t, t->next) != 0)
            return;
        t->needs[t->next] = NEED_ANSWER;
    }
}

/* ----------------------------------------------------------------- answers */

/* False on lack of memory. */
static bool keep(struct tree_answer *a, const struct store_reply *r)
{
    a->code = r->code;
    a->version = r->version;
    a->owner = r->owner;
    a->mtime_wall_ms = r->mtime_wall_ms;
    a->said[0] = '\0';
    if (r->code == STORE_FAILED && r->words == NULL)
        snprintf(a->said, sizeof a->said, "%s", store_code_name(r->code));
    else if (r->code != STORE_OK)
        store_reply_say(r, a->said, sizeof a->said);
    if (r->code != STORE_OK || (r->verb != STORE_GET && r->verb != STORE_LIST))
        return true;
    a->data = malloc(r->len + 1);
    if (a->data == NULL)
        return false;
    if (r->len > 0)
        memcpy(a->data, r->data, r->len);
    a->data[r->len] = '\0';
    a->len = r->len;
    return true;
}

/* It was not done, or may safely be done twice. */
static bool to_ask_again(const struct tree_ask *a, enum store_code c)
{
    return c == STORE_BUSY || c == STORE_SESSION_GONE ||
           (c == STORE_UNCERTAIN && reads(a));
}

static void take(struct tree_session *t, const struct store_reply *r,
                 uint64_t now)
{
    size_t index = (uint32_t)r->token;
    if (r->token >> 32 != t->call || index >= t->n ||
        t->needs[index] != NEED_ANSWER)
        return;
    struct tree_ask *a = &t->asks[index];
    if (to_ask_again(a, r->code)) {
        t->needs[index] = NEED_ASKING;
        t->retry_mono_ms = now + RETRY_MS;
        if (index < t->next)
            t->next = index;
        return;
    }
    t->needs[index] = NEED_NOTHING;
    t->left--;
    if (!keep(&a->answer, r))
        fail(t, a->path, "out of memory for its data");
}

/* ----------------------------------------------------------------- waiting */

/* One turn of what is the publisher's loop elsewhere; when to be back. */
static uint64_t turn(struct tree_session *t, uint64_t now)
{
    struct store_reply replies[AT_ONCE];
    uint64_t next = t->store->ops->tick(t->store, now);
    size_t n;
    do {
        n = t->store->ops->collect(t->store, replies, AT_ONCE);
        for (size_t i = 0; i < n; i++)
            take(t, &replies[i], now);
    } while (n > 0);
    ask(t, now);
    return t->retry_mono_ms > now && t->retry_mono_ms < next ? t->retry_mono_ms
                                                             : next;
}

/* True when somebody calls us away. */
static bool await(struct tree_session *t, uint64_t until, uint64_t now)
{
    struct pollfd p[] = { { .fd = t->woken, .events = POLLIN },
                          { .fd = t->cancel_fd, .events = POLLIN } };
    eventfd_t count;
    if (poll(p, 2, until > now ? (int)(until - now) : 0) <= 0)
        return false;
    if (p[0].revents != 0)
        eventfd_read(t->woken, &count);
    return p[1].revents != 0;
}

static enum tree_end wait_for_all(struct tree_session *t)
{
    uint64_t end = clock_mono_ms() + t->timeout_ms;
    for (;;) {
        uint64_t now = clock_mono_ms();
        uint64_t next = turn(t, now);
        if (t->failed)
            return TREE_FAILED;
        if (t->left == 0)
            return TREE_DONE;
        if (now >= end) {
            say_timeout(t);
            return TREE_FAILED;
        }
        if (await(t, next < end ? next : end, now))
            return TREE_CANCELLED;
    }
}

enum tree_end tree_session_ask(struct tree_session *t, struct tree_ask *asks,
                               size_t n, struct err *e)
{
    for (size_t i = 0; i < n; i++)
        asks[i].answer = (struct tree_answer){ .version = -1 };
    t->needs = calloc(n + 1, sizeof *t->needs);
    if (t->needs == NULL) {
        err_set(e, "out of memory for %zu questions to ZooKeeper", n);
        return TREE_FAILED;
    }
    t->call++;
    t->asks = asks;
    t->n = t->left = n;
    t->next = 0;
    t->retry_mono_ms = 0;
    t->why = e;
    t->failed = false;
    enum tree_end end = wait_for_all(t);
    free(t->needs);
    t->needs = NULL;
    t->n = 0;
    return end;
}

void tree_answer_free(struct tree_answer *a)
{
    free(a->data);
    *a = (struct tree_answer){ 0 };
}

/* ----------------------------------------------------------- one at a time */

/* -1 and E for want of an answer. */
static int ask_one(struct tree_session *t, struct tree_ask *a, struct err *e)
{
    switch (tree_session_ask(t, a, 1, e)) {
    case TREE_DONE:
        return 0;
    case TREE_CANCELLED:
        err_set(e, "ZooKeeper: interrupted");
        break;
    case TREE_FAILED:
        break;
    }
    tree_answer_free(&a->answer);
    return -1;
}

int tree_session_check(const struct tree_session *t, const struct tree_ask *a,
                       struct err *e)
{
    if (a->answer.code == STORE_OK || a->answer.code == STORE_NO_NODE)
        return 0;
    say_code(t, a, e);
    return -1;
}

static int read_one(struct tree_session *t, enum store_verb verb,
                    const char *path, struct tree_answer *out, struct err *e)
{
    struct tree_ask a = { .verb = verb, .path = path, .large = true };
    *out = (struct tree_answer){ 0 };
    if (ask_one(t, &a, e) != 0)
        return -1;
    *out = a.answer;
    return tree_session_check(t, &a, e);
}

int tree_session_get(struct tree_session *t, const char *path,
                     struct tree_answer *out, struct err *e)
{
    return read_one(t, STORE_GET, path, out, e);
}

int tree_session_list(struct tree_session *t, const char *path,
                      struct tree_answer *out, struct err *e)
{
    return read_one(t, STORE_LIST, path, out, e);
}

/* -------------------------------------------------------------- what is above
 */

/* PATH alone; 1: what is above it is missing. */
static int make_one(struct tree_session *t, const char *path, struct err *e)
{
    struct tree_ask a = { .verb = STORE_CREATE, .path = path };
    do {
        if (ask_one(t, &a, e) != 0)
            return -1;
    } while (a.answer.code == STORE_UNCERTAIN);
    if (a.answer.code == STORE_OK || a.answer.code == STORE_NODE_EXISTS)
        return 0;
    say_code(t, &a, e);
    return a.answer.code == STORE_NO_NODE ? 1 : -1;
}

/* The levels of the root itself are above all: with a session of ROOT "". */
static int make_root(struct tree_session *t, struct err *e)
{
    char *root = t->root;
    int rc = *root != '\0' ? 0 : -1;
    for (char *end = root; rc == 0 && end != NULL;) {
        end = strchr(end + 1, '/');
        if (end != NULL)
            *end = '\0';
        /* Of an upper level: it may be there, and ours not to make. */
        rc = make_one(t, "", e);
        if (end != NULL) {
            *end = '/';
            rc = 0;
        }
    }
    return rc == 0 ? 0 : -1;
}

int tree_session_make(struct tree_session *t, const char *path, struct err *e)
{
    int rc = make_one(t, path, e);
    if (rc != 1)
        return rc;
    char *above = strdup(path);
    if (above == NULL) {
        err_set(e, "out of memory for what is above %.100s", path);
        return -1;
    }
    char *slash = strrchr(above, '/');
    if (slash != NULL)
        *slash = '\0';
    rc = slash != NULL ? tree_session_make(t, above, e) : make_root(t, e);
    free(above);
    return rc == 0 && make_one(t, path, e) == 0 ? 0 : -1;
}

/* What is above PATH. */
static int make_above(struct tree_session *t, const char *path, struct err *e)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        return make_root(t, e);
    char *above = strndup(path, (size_t)(slash - path));
    if (above == NULL) {
        err_set(e, "out of memory for what is above %.100s", path);
        return -1;
    }
    int rc = tree_session_make(t, above, e);
    free(above);
    return rc;
}

/* ----------------------------------------------------------------- writing */

/* After a write that was lost: whether it was done. */
enum found { FOUND_DONE, FOUND_UNDONE, FOUND_OTHERS, FOUND_FAILED };

static enum found look_for(struct tree_session *t, const struct tree_ask *a,
                           struct err *e)
{
    struct tree_answer now;
    if (tree_session_get(t, a->path, &now, e) != 0) {
        tree_answer_free(&now);
        return FOUND_FAILED;
    }
    bool there = now.code == STORE_OK;
    bool same = there && now.len == a->len &&
                (a->len == 0 || memcmp(now.data, a->data, a->len) == 0);
    int32_t version = now.version;
    tree_answer_free(&now);
    switch (a->verb) {
    case STORE_CREATE:
        if (!there)
            return FOUND_UNDONE;
        return same && version == 0 ? FOUND_DONE : FOUND_OTHERS;
    case STORE_DELETE:
        if (!there)
            return FOUND_DONE;
        return version == a->version ? FOUND_UNDONE : FOUND_OTHERS;
    case STORE_SET:
        if (there && version == a->version)
            return FOUND_UNDONE;
        return same && version == a->version + 1 ? FOUND_DONE : FOUND_OTHERS;
    case STORE_GET:
    case STORE_LIST:
    case STORE_EXISTS:
    case STORE_TAKE_OVER:
        break;
    }
    return FOUND_OTHERS;
}

static enum tree_write unwritten(struct err *e)
{
    struct err why = *e;
    err_set(e, "%.200s; it may have been written or not", why.text);
    return TREE_UNWRITTEN;
}

static enum tree_write write_one(struct tree_session *t, struct tree_ask *a,
                                 struct err *e)
{
    for (unsigned tries = 0; tries < TRIES; tries++) {
        if (ask_one(t, a, e) != 0)
            return unwritten(e);
        switch (a->answer.code) {
        case STORE_OK:
            return TREE_WRITTEN;
        case STORE_NODE_EXISTS:
        case STORE_BAD_VERSION:
            return TREE_CHANGED;
        case STORE_NO_NODE:
            if (a->verb == STORE_DELETE)
                return TREE_WRITTEN;
            if (a->verb == STORE_SET)
                return TREE_CHANGED;
            if (make_above(t, a->path, e) != 0)
                return TREE_UNWRITTEN;
            break;
        case STORE_UNCERTAIN:
            switch (look_for(t, a, e)) {
            case FOUND_DONE:
                return TREE_WRITTEN;
            case FOUND_OTHERS:
                return TREE_CHANGED;
            case FOUND_FAILED:
                return unwritten(e);
            case FOUND_UNDONE:
                break;
            }
            break;
        case STORE_NO_AUTH:
        case STORE_SESSION_GONE:
        case STORE_BUSY:
        case STORE_FAILED:
            say_code(t, a, e);
            return TREE_UNWRITTEN;
        }
    }
    say(t, a->path, "lost time and again", e);
    return TREE_UNWRITTEN;
}

enum tree_write tree_session_put(struct tree_session *t, const char *path,
                                 const char *data, size_t len, int32_t version,
                                 struct err *e)
{
    struct tree_ask a = {
        .verb = version == TREE_NEW ? STORE_CREATE : STORE_SET,
        .path = path,
        .data = data,
        .len = len,
        .version = version,
    };
    return write_one(t, &a, e);
}

enum tree_write tree_session_remove(struct tree_session *t, const char *path,
                                    int32_t version, struct err *e)
{
    struct tree_ask a = { .verb = STORE_DELETE,
                          .path = path,
                          .version = version };
    return write_one(t, &a, e);
}

int tree_session_clock(struct tree_session *t, const char *path,
                       int64_t *offset_ms, struct err *e)
{
    struct tree_ask a = { .verb = STORE_SET, .path = path, .version = -1 };
    struct tree_answer now;
    if (tree_session_make(t, path, e) != 0)
        return -1;
    int64_t before;
    do {
        before = clock_wall_ms();
        if (ask_one(t, &a, e) != 0)
            return -1;
    } while (a.answer.code == STORE_UNCERTAIN);
    int64_t after = clock_wall_ms();
    if (a.answer.code != STORE_OK) {
        say_code(t, &a, e);
        return -1;
    }
    int rc = tree_session_get(t, path, &now, e);
    if (rc == 0 && now.code != STORE_OK) {
        say(t, path, "it went while it was looked at", e);
        rc = -1;
    }
    if (rc == 0)
        *offset_ms = now.mtime_wall_ms - (before + (after - before) / 2);
    tree_answer_free(&now);
    return rc;
}

/* ------------------------------------------------------------------ public */

void tree_session_within(struct tree_session *t, unsigned timeout_ms)
{
    t->timeout_ms = timeout_ms;
}

void tree_session_cancel_by(struct tree_session *t, int fd)
{
    t->cancel_fd = fd;
}

struct tree_session *tree_session_new(struct store *store, const char *root,
                                      struct err *e)
{
    struct tree_session *t = calloc(1, sizeof *t);
    if (t == NULL)
        goto no_memory;
    t->store = store;
    t->timeout_ms = TIMEOUT_MS;
    t->cancel_fd = -1;
    /* Every path begins with it. */
    t->root = strdup(strcmp(root, "/") == 0 ? "" : root);
    if (t->root == NULL)
        goto no_memory;
    t->woken = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (t->woken < 0) {
        err_set(e, "eventfd: %s", strerror(errno));
        goto failed;
    }
    store->wake = wake;
    store->wake_arg = t;
    return t;

no_memory:
    err_set(e, "out of memory for the session with ZooKeeper");
failed:
    if (t != NULL)
        free(t->root);
    free(t);
    /* It was never ticked: there is nothing to wait for. */
    (void)!store->ops->close(store, 0);
    return NULL;
}

struct tree_session *tree_session_open(const struct config *c, struct err *e)
{
    struct store_zk_options zk = {
        .servers = c->zookeeper.servers,
        .nservers = c->zookeeper.nservers,
        .session_timeout_ms = c->zookeeper.session_timeout_ms,
        .within_ms = c->zookeeper.publish_timeout_ms,
        .acl = c->zookeeper.acl,
        .digest = c->zookeeper.digest,
        .digest_file = c->zookeeper.digest_file,
        .resolver = resolver_start(e),
    };
    if (zk.resolver == NULL)
        return NULL;
    struct store *store = store_zk_new(&zk, e);
    struct tree_session *t =
        store != NULL ? tree_session_new(store, c->zookeeper.root, e) : NULL;
    if (t == NULL) {
        /* Nothing was looked up yet: no thread can be left. */
        (void)!resolver_stop(zk.resolver);
        return NULL;
    }
    t->resolver = zk.resolver;
    t->timeout_ms = c->zookeeper.publish_timeout_ms;
    return t;
}

bool tree_session_close(struct tree_session *t)
{
    if (t == NULL)
        return true;
    /* A thread that was left behind may still call wake, or look up. */
    if (t->store->ops->close(t->store, CLOSE_MS) != STORE_CLOSED)
        return false;
    bool clean = resolver_stop(t->resolver);
    close(t->woken);
    free(t->root);
    free(t);
    return clean;
}
