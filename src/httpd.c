/*
 * libmicrohttpd in its external epoll mode: it has one epoll descriptor that
 * becomes readable when any of its sockets has something to do, and the loop
 * watches that with one uv_poll.  After each MHD_run it says when it wants to
 * be called again at the latest: also at once, for it watches its sockets
 * edge-triggered, and what it left unread would raise no event
 * (microhttpd.h, MHD_get_timeout).
 *
 * Its own timeout only counts silence, so that one byte now and then would
 * keep a connection for ever.  So every connection stands in a list here, in
 * the order in which its present wait began, and is cut by a shutdown of its
 * socket, which the library sees like the peer's end, when it waits too long
 * or when another one needs its place.  Who asks and reads at once is served
 * within one turn of the loop, before anybody can take that place.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include <microhttpd.h>
#include <uv.h>

#include "agent/clock.h"
#include "agent/log.h"
#include "agent/objects.h"
#include "agent/reply.h"
#include "httpd_listen.h"

#include "agent/httpd.h"

/* To send a request. */
#define REQUEST_MS 10000
/* To rest between two: more than a page waits that asks now and then. */
#define REST_MS 30000
/* To take the answer. */
#define ANSWER_MS 30000
#define SWEEP_MS  1000
/* Of one connection: a request's line and headers must fit. */
#define CONNECTION_MEMORY 16384

struct httpd_body {
    struct MHD_Response *response;
    unsigned references;
};

TAILQ_HEAD(connection_list, connection);

struct connection {
    struct connection_list *list; /* where it stands */
    TAILQ_ENTRY(connection) in_list;
    int fd;
    uint64_t until_mono_ms;
    bool cut;
};

struct httpd {
    void (*answer)(void *arg, const struct httpd_request *r,
                   struct httpd_answer *out);
    void *arg;
    struct httpd_listener listener;
    struct MHD_Daemon *daemon;
    uv_poll_t poll;
    uv_timer_t timer;               /* what the library wants */
    uv_timer_t sweep;               /* runs while there are connections */
    struct connection_list resting; /* between two requests */
    struct connection_list asking;  /* the first one is not here yet */
    struct connection_list taking;  /* an answer */
    size_t nconnections;
    bool stopping;
};

/* ---------------------------------------------------------------- bodies */

static void free_bytes(void *bytes)
{
    object_gone(OBJECT_HTTP_RESPONSE);
    free(bytes);
}

static void leave_bytes(void *bytes)
{
    (void)bytes;
    object_gone(OBJECT_HTTP_RESPONSE);
}

static struct MHD_Response *response_of(const struct httpd_content *c)
{
    struct MHD_Response *r = MHD_create_response_from_buffer_with_free_callback(
        c->len, c->bytes, c->constant ? leave_bytes : free_bytes);

    if (r == NULL) {
        if (!c->constant)
            free(c->bytes);
        return NULL;
    }
    object_made(OBJECT_HTTP_RESPONSE);
    if (MHD_add_response_header(r, "Content-Type", c->type) == MHD_YES &&
        MHD_add_response_header(r, "Cache-Control", "no-store") == MHD_YES &&
        MHD_add_response_header(r, "X-Content-Type-Options", "nosniff") ==
            MHD_YES &&
        (c->policy == NULL ||
         MHD_add_response_header(r, "Content-Security-Policy", c->policy) ==
             MHD_YES))
        return r;
    MHD_destroy_response(r);
    return NULL;
}

struct httpd_body *httpd_body_new(const struct httpd_content *c)
{
    struct MHD_Response *r = response_of(c);
    struct httpd_body *b;

    if (r == NULL)
        return NULL;
    b = malloc(sizeof *b);
    if (b == NULL)
        MHD_destroy_response(r);
    else
        *b = (struct httpd_body){ .response = r, .references = 1 };
    return b;
}

struct httpd_body *httpd_body_ref(struct httpd_body *b)
{
    b->references++;
    return b;
}

void httpd_body_unref(struct httpd_body *b)
{
    if (b == NULL || --b->references > 0)
        return;
    /* The library has references of its own, for answers under way. */
    MHD_destroy_response(b->response);
    free(b);
}

/* ----------------------------------------------------------- connections */

static struct connection *connection_of(struct MHD_Connection *mc)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mc, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info == NULL ? NULL : info->socket_context;
}

/* The limits are the same for all of a list, so the new ones come last. */
static void stand_in(struct connection *c, struct connection_list *list,
                     unsigned ms)
{
    c->list = list;
    c->until_mono_ms = clock_mono_ms() + ms;
    TAILQ_INSERT_TAIL(list, c, in_list);
}

/* The library closes it, in this run or in the next. */
static void cut(struct connection *c)
{
    if (c->cut)
        return;
    c->cut = true;
    shutdown(c->fd, SHUT_RDWR);
}

static void cut_overdue(struct connection_list *list, uint64_t now)
{
    struct connection *c;

    TAILQ_FOREACH(c, list, in_list)
    {
        if (c->until_mono_ms > now)
            return;
        cut(c);
    }
}

static void on_sweep(uv_timer_t *sweep)
{
    struct httpd *h = sweep->data;
    uint64_t now = clock_mono_ms();

    cut_overdue(&h->resting, now);
    cut_overdue(&h->asking, now);
    cut_overdue(&h->taking, now);
}

/* Who has rested longest makes room, or waited longest. */
static void make_room(struct httpd *h)
{
    struct connection_list *lists[] = { &h->resting, &h->asking, &h->taking };
    struct connection *c;

    for (size_t i = 0; i < 3; i++) {
        TAILQ_FOREACH(c, lists[i], in_list)
        {
            if (c->cut)
                continue;
            cut(c);
            return;
        }
    }
}

static void begin_connection(struct httpd *h, struct MHD_Connection *mc,
                             void **context)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mc, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct connection *c = calloc(1, sizeof *c);

    *context = c;
    if (c == NULL || info == NULL) {
        free(c);
        *context = NULL;
        return; /* without a place in the list: answered with an end */
    }
    object_made(OBJECT_HTTP_CONNECTION);
    c->fd = info->connect_fd;
    stand_in(c, &h->asking, REQUEST_MS);
    if (h->nconnections++ == 0 && !h->stopping)
        uv_timer_start(&h->sweep, on_sweep, SWEEP_MS, SWEEP_MS);
    if (h->nconnections >= HTTPD_CONNECTIONS)
        make_room(h);
}

static void end_connection(struct httpd *h, struct connection *c)
{
    if (c == NULL)
        return;
    TAILQ_REMOVE(c->list, c, in_list);
    free(c);
    object_gone(OBJECT_HTTP_CONNECTION);
    if (--h->nconnections == 0 && !h->stopping)
        uv_timer_stop(&h->sweep);
}

static void on_connection(void *arg, struct MHD_Connection *mc, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        begin_connection(arg, mc, context);
    else
        end_connection(arg, *context);
}

static void on_completed(void *arg, struct MHD_Connection *mc, void **context,
                         enum MHD_RequestTerminationCode code)
{
    struct httpd *h = arg;
    struct connection *c = connection_of(mc);

    (void)context;
    (void)code;
    if (c != NULL) {
        TAILQ_REMOVE(c->list, c, in_list);
        stand_in(c, &h->resting, REST_MS);
    }
}

/* --------------------------------------------------------------- requests */

const char *httpd_query(const struct httpd_request *r, const char *name)
{
    const char *value = NULL;
    size_t len;

    if (MHD_lookup_connection_value_n(r->context, MHD_GET_ARGUMENT_KIND, name,
                                      strlen(name), &value, &len) != MHD_YES)
        return NULL;
    return value == NULL ? "" : value;
}

static enum MHD_Result refuse_method(struct MHD_Connection *mc,
                                     const char *method)
{
    char shown[32] = "";
    char text[96];
    struct MHD_Response *r;
    enum MHD_Result rc;

    reply_escape(shown, sizeof shown, method, strlen(method));
    snprintf(text, sizeof text, "method not allowed: %s; only GET and HEAD\n",
             shown);
    r = MHD_create_response_from_buffer(strlen(text), text,
                                        MHD_RESPMEM_MUST_COPY);
    if (r == NULL)
        return MHD_NO;
    MHD_add_response_header(r, "Allow", "GET, HEAD");
    MHD_add_response_header(r, "Content-Type", "text/plain; charset=utf-8");
    MHD_add_response_header(r, "Cache-Control", "no-store");
    rc = MHD_queue_response(mc, MHD_HTTP_METHOD_NOT_ALLOWED, r);
    MHD_destroy_response(r);
    return rc;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *mc,
                                  const char *url, const char *method,
                                  const char *version, const char *upload,
                                  size_t *upload_size, void **context)
{
    struct httpd *h = arg;
    struct connection *c = connection_of(mc);
    const struct httpd_request request = { .path = url, .context = mc };
    struct httpd_answer answer = { .status = MHD_HTTP_OK };
    enum MHD_Result rc;

    (void)version;
    (void)upload;
    (void)upload_size;
    if (c == NULL)
        return MHD_NO;
    TAILQ_REMOVE(c->list, c, in_list);
    stand_in(c, &h->taking, ANSWER_MS);
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
        return refuse_method(mc, method);
    /* An answer at the first of the two calls, when the headers are in,
     * counts as one that came too early, and closes the connection. */
    if (*context == NULL) {
        *context = c;
        return MHD_YES;
    }
    h->answer(h->arg, &request, &answer);
    if (answer.body == NULL)
        return MHD_NO;
    rc = MHD_queue_response(mc, answer.status, answer.body->response);
    httpd_body_unref(answer.body);
    return rc;
}

/* A path that holds a NUL is not the one before it. */
static size_t unescape(void *arg, struct MHD_Connection *mc, char *s)
{
    size_t len = MHD_http_unescape(s);

    (void)arg;
    (void)mc;
    for (size_t i = 0; i < len; i++) {
        if (s[i] == '\0')
            s[i] = '\1';
    }
    return len;
}

/* --------------------------------------------------------------- the loop */

static void run(struct httpd *h);

static void on_timer(uv_timer_t *timer)
{
    run(timer->data);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    run(poll->data);
}

static void run(struct httpd *h)
{
    MHD_UNSIGNED_LONG_LONG ms;

    MHD_run(h->daemon);
    if (MHD_get_timeout(h->daemon, &ms) == MHD_YES)
        uv_timer_start(&h->timer, on_timer, ms, 0);
    else
        uv_timer_stop(&h->timer);
}

static void on_log(void *arg, const char *format, va_list ap)
    __attribute__((format(printf, 2, 0)));

static void on_log(void *arg, const char *format, va_list ap)
{
    char text[256];

    (void)arg;
    vsnprintf(text, sizeof text, format, ap);
    text[strcspn(text, "\n")] = '\0';
    LOG_EVENT(LOG_LEVEL_DEBUG, "http_log", LOG_STR("detail", text));
}

static int start_daemon(struct httpd *h, struct err *e)
{
    h->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_USE_ERROR_LOG, 0, NULL, NULL, on_request, h,
        MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL, MHD_OPTION_LISTEN_SOCKET,
        h->listener.fd, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)HTTPD_CONNECTIONS, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)CONNECTION_MEMORY, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)ANSWER_MS / 1000, MHD_OPTION_NOTIFY_CONNECTION, on_connection,
        h, MHD_OPTION_NOTIFY_COMPLETED, on_completed, h,
        MHD_OPTION_UNESCAPE_CALLBACK, unescape, NULL,
        MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_END);
    if (h->daemon != NULL)
        return 0;
    err_set(e, "[http]: the server cannot be started: %s", strerror(errno));
    return -1;
}

static int watch(struct httpd *h, uv_loop_t *loop, struct err *e)
{
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    int rc =
        info == NULL ? UV_EINVAL : uv_poll_init(loop, &h->poll, info->epoll_fd);

    if (rc == 0)
        rc = uv_poll_start(&h->poll, UV_READABLE, on_poll);
    if (rc != 0) {
        err_set(e, "[http]: uv_poll: %s", uv_strerror(rc));
        return -1;
    }
    uv_timer_init(loop, &h->timer);
    uv_timer_init(loop, &h->sweep);
    h->poll.data = h->timer.data = h->sweep.data = h;
    return 0;
}

struct httpd *httpd_start(const struct httpd_options *o, struct err *e)
{
    struct httpd *h = calloc(1, sizeof *h);

    if (h == NULL) {
        err_set(e, "[http]: out of memory");
        return NULL;
    }
    h->answer = o->answer;
    h->arg = o->arg;
    TAILQ_INIT(&h->resting);
    TAILQ_INIT(&h->asking);
    TAILQ_INIT(&h->taking);
    if (httpd_listen(&h->listener, o->config, e) != 0)
        goto free_it;
    if (start_daemon(h, e) != 0)
        goto close_socket;
    if (watch(h, o->loop, e) != 0)
        goto stop_daemon;
    return h;
stop_daemon:
    h->stopping = true;
    MHD_stop_daemon(h->daemon); /* closes the socket */
    httpd_unlisten(&h->listener);
    goto free_it;
close_socket:
    close(h->listener.fd);
    httpd_unlisten(&h->listener);
free_it:
    free(h);
    return NULL;
}

void httpd_stop(struct httpd *h)
{
    if (h == NULL || h->stopping)
        return;
    h->stopping = true;
    /* Before its descriptor is closed. */
    uv_close((uv_handle_t *)&h->poll, NULL);
    uv_close((uv_handle_t *)&h->timer, NULL);
    uv_close((uv_handle_t *)&h->sweep, NULL);
    MHD_stop_daemon(h->daemon);
    httpd_unlisten(&h->listener);
}

void httpd_free(struct httpd *h)
{
    free(h);
}
