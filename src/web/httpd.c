/*
 * libmicrohttpd in its external epoll mode: it has one epoll descriptor that
 * becomes readable when any of its sockets has something to do, and the loop
 * watches that with one uv_poll.  After each MHD_run it says when it wants to
 * be called again at the latest: also at once, for it watches its sockets
 * edge-triggered, and what it left unread would raise no event
 * (microhttpd.h, MHD_get_timeout).
 *
 * It is handed its connections by us, since it would stop to accept at its
 * limit until something else happens, and not stop while descriptors are used
 * up (daemon.c of 0.9.75, MHD_epoll and MHD_accept_connection).
 *
 * Its own timeout only counts silence, so that one byte now and then would
 * keep a connection for ever.  So every connection's present wait is watched
 * here (waits.c), and the connection is cut when that takes too long or when
 * another one needs its place.  A client that asks and reads at once is served
 * within one turn of the loop, before another can take that place.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <microhttpd.h>
#include <uv.h>

#include "agent/clock.h"
#include "agent/log.h"
#include "agent/escape.h"
#include "body.h"
#include "hosts.h"
#include "listen.h"
#include "waits.h"

#include "agent/httpd.h"

/* Of silence.  Each wait ends before; this bounds what is no wait. */
#define SILENCE_S 30
#define SWEEP_MS  1000
/* To accept again when there was no descriptor for it. */
#define ACCEPT_RETRY_MS 1000
/* Bytes of bodies; beyond, the client that takes longest is cut. */
#define HELD_MAX (64u << 20)
/* Bytes of one connection: a request's line and headers must fit. */
#define CONNECTION_MEMORY 16384

struct httpd {
    void (*answer)(void *arg, const struct httpd_request *r,
                   struct httpd_answer *out);
    void *arg;
    struct hosts hosts;
    struct httpd_listener listener;
    struct MHD_Daemon *daemon;
    uv_poll_t incoming;
    uv_poll_t poll;   /* the library's epoll */
    uv_timer_t timer; /* what the library wants */
    uv_timer_t sweep; /* runs while there are connections */
    uv_timer_t retry; /* to accept, after a failure */
    struct waits waits;
    bool failing; /* the last accept failed, and this was said */
    bool stopping;
};

/* ----------------------------------------------------------- connections */

static void on_incoming(uv_poll_t *poll, int status, int events);

/* Accepts again; a no-op when it does already. */
static void listen_again(struct httpd *h)
{
    if (h->waits.count < HTTPD_CONNECTIONS &&
        !uv_is_active((uv_handle_t *)&h->retry))
        uv_poll_start(&h->incoming, UV_READABLE, on_incoming);
}

static struct waiter *connection_of(struct MHD_Connection *mc)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mc, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info == NULL ? NULL : info->socket_context;
}

static void on_sweep(uv_timer_t *sweep)
{
    struct httpd *h = sweep->data;

    waits_cut_overdue(&h->waits, clock_mono_ms());
}

static void begin_connection(struct httpd *h, struct MHD_Connection *mc,
                             void **context)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mc, MHD_CONNECTION_INFO_CONNECTION_FD);

    /* Without memory it has no place, and its first request closes it. */
    *context = info == NULL ? NULL : waits_begin(&h->waits, info->connect_fd);
    if (*context != NULL && !uv_is_active((uv_handle_t *)&h->sweep))
        uv_timer_start(&h->sweep, on_sweep, SWEEP_MS, SWEEP_MS);
}

static void end_connection(struct httpd *h, struct waiter *c)
{
    if (c == NULL)
        return;
    waits_end(&h->waits, c);
    if (h->stopping)
        return;
    if (h->waits.count == 0)
        uv_timer_stop(&h->sweep);
    listen_again(h);
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
    struct waiter *c = connection_of(mc);

    (void)context;
    (void)code;
    if (c != NULL)
        waits_move(&h->waits, c, WAIT_RESTING);
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

/* What the server itself has to say, in a line of text.  NULL on lack of
 * memory. */
static struct MHD_Response *line_of_text(const char *text)
{
    struct MHD_Response *r = MHD_create_response_from_buffer(
        strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);

    if (r == NULL)
        return NULL;
    MHD_add_response_header(r, "Content-Type", "text/plain; charset=utf-8");
    MHD_add_response_header(r, "Cache-Control", "no-store");
    return r;
}

static enum MHD_Result refuse_method(struct MHD_Connection *mc,
                                     const char *method)
{
    char shown[32] = "";
    char text[96];

    escape_add(shown, sizeof shown, method, strlen(method));
    snprintf(text, sizeof text, "method not allowed: %s; only GET and HEAD\n",
             shown);
    struct MHD_Response *r = line_of_text(text);
    if (r == NULL)
        return MHD_NO;
    MHD_add_response_header(r, "Allow", "GET, HEAD");
    enum MHD_Result rc = MHD_queue_response(mc, MHD_HTTP_METHOD_NOT_ALLOWED, r);
    MHD_destroy_response(r);
    return rc;
}

static const char *host_of(struct MHD_Connection *mc)
{
    return MHD_lookup_connection_value(mc, MHD_HEADER_KIND,
                                       MHD_HTTP_HEADER_HOST);
}

static enum MHD_Result refuse_host(struct MHD_Connection *mc)
{
    const char *host = host_of(mc);
    char shown[96] = "";
    char text[256];

    escape_add(shown, sizeof shown, host, strlen(host));
    snprintf(text, sizeof text,
             "not answered by the name %s: allow it with allow_hosts in the "
             "section [http] of the agent's config\n",
             shown);
    struct MHD_Response *r = line_of_text(text);
    if (r == NULL)
        return MHD_NO;
    enum MHD_Result rc =
        MHD_queue_response(mc, MHD_HTTP_MISDIRECTED_REQUEST, r);
    MHD_destroy_response(r);
    return rc;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *mc,
                                  const char *url, const char *method,
                                  const char *version, const char *upload,
                                  size_t *upload_size, void **context)
{
    struct httpd *h = arg;
    struct waiter *c = connection_of(mc);
    const struct httpd_request request = { .path = url, .context = mc };
    struct httpd_answer answer = { .status = MHD_HTTP_OK };
    bool begins = *context == NULL;

    (void)version;
    (void)upload;
    if (c == NULL)
        return MHD_NO;
    if (begins) {
        *context = c;
        waits_move(&h->waits, c, WAIT_TAKING);
    }
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
        return refuse_method(mc, method);
    /* An answer to the first call, when the headers are in, counts as one
     * that came too early, and closes the connection; and none is taken in
     * the middle of a body, which means nothing here. */
    if (begins || *upload_size > 0) {
        *upload_size = 0;
        return MHD_YES;
    }
    if (!hosts_answer(&h->hosts, host_of(mc)))
        return refuse_host(mc);
    h->answer(h->arg, &request, &answer);
    if (answer.body == NULL)
        return MHD_NO;
    if (httpd_bodies_held() > HELD_MAX)
        waits_cut_taker(&h->waits, c);
    enum MHD_Result rc =
        MHD_queue_response(mc, answer.status, httpd_body_response(answer.body));
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

static void on_retry(uv_timer_t *retry)
{
    listen_again(retry->data);
}

/* A descriptor may be free by then.  Said once, until an accept succeeds. */
static void accept_later(struct httpd *h, int error)
{
    if (!h->failing)
        LOG_EVENT(LOG_LEVEL_WARN, "http_accept_failed",
                  LOG_STR("detail", strerror(error)));
    h->failing = true;
    uv_poll_stop(&h->incoming);
    uv_timer_start(&h->retry, on_retry, ACCEPT_RETRY_MS, 0);
}

/*
 * One at a time, so that it has its chance to ask before the next one comes.
 * The last place is always being made free.  The library is run before the
 * places are counted: since 1.0 it begins a connection only then.
 */
static void on_incoming(uv_poll_t *poll, int status, int events)
{
    struct httpd *h = poll->data;
    union httpd_address from;
    socklen_t len = sizeof from;
    int fd =
        accept4(h->listener.fd, &from.sa, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);

    (void)status;
    (void)events;
    if (fd < 0) {
        if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
            accept_later(h, errno);
        return;
    }
    /* Closes it if it fails. */
    if (MHD_add_connection(h->daemon, fd, &from.sa, len) == MHD_YES)
        h->failing = false;
    else
        accept_later(h, errno);
    run(h);
    if (h->waits.count >= HTTPD_CONNECTIONS) {
        uv_poll_stop(&h->incoming);
        waits_make_room(&h->waits);
        run(h);
    }
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
        MHD_USE_EPOLL | MHD_USE_ERROR_LOG | MHD_USE_NO_LISTEN_SOCKET, 0, NULL,
        NULL, on_request, h, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)HTTPD_CONNECTIONS,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)SILENCE_S,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, h,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, h,
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
        rc = uv_poll_init(loop, &h->incoming, h->listener.fd);
    if (rc != 0) {
        err_set(e, "[http]: uv_poll_init: %s", uv_strerror(rc));
        return -1;
    }
    uv_timer_init(loop, &h->timer);
    uv_timer_init(loop, &h->sweep);
    uv_timer_init(loop, &h->retry);
    h->poll.data = h->incoming.data = h;
    h->timer.data = h->sweep.data = h->retry.data = h;
    /* These fail for unknown events only. */
    uv_poll_start(&h->poll, UV_READABLE, on_poll);
    listen_again(h);
    return 0;
}

static void stop_listening(struct httpd *h)
{
    close(h->listener.fd);
    httpd_unlisten(&h->listener);
}

struct httpd *httpd_start(const struct httpd_options *o, struct err *e)
{
    struct httpd *h = calloc(1, sizeof *h);

    if (h == NULL) {
        err_set(e, "[http]: out of memory for the server");
        return NULL;
    }
    h->answer = o->answer;
    h->arg = o->arg;
    waits_init(&h->waits);
    if (hosts_init(&h->hosts, o->config, e) != 0 ||
        httpd_listen(&h->listener, o->config, e) != 0)
        goto clear_hosts;
    if (start_daemon(h, e) != 0)
        goto stop_listening;
    if (watch(h, o->loop, e) != 0)
        goto stop_daemon;
    return h;
stop_daemon:
    MHD_stop_daemon(h->daemon);
stop_listening:
    stop_listening(h);
clear_hosts:
    hosts_clear(&h->hosts);
    free(h);
    return NULL;
}

void httpd_stop(struct httpd *h)
{
    if (h == NULL || h->stopping)
        return;
    h->stopping = true;
    /* Handles first, the descriptors that they watch after. */
    uv_close((uv_handle_t *)&h->incoming, NULL);
    uv_close((uv_handle_t *)&h->poll, NULL);
    uv_close((uv_handle_t *)&h->timer, NULL);
    uv_close((uv_handle_t *)&h->sweep, NULL);
    uv_close((uv_handle_t *)&h->retry, NULL);
    MHD_stop_daemon(h->daemon);
    stop_listening(h);
}

void httpd_free(struct httpd *h)
{
    if (h == NULL)
        return;
    hosts_clear(&h->hosts);
    free(h);
}
