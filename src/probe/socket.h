#ifndef AGENT_SRC_PROBE_NET_H
#define AGENT_SRC_PROBE_NET_H

#include "agent/reason.h"

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

/*
 * A probe's stream socket, TCP or UNIX.  libuv wants a handle's memory until
 * its close callback, so a socket under close can be opened again only after
 * the event `closed`.  No event comes from inside open, write or close.
 * Private to probe.  Thread: worker.
 */
enum probe_net_state { NET_CLOSED, NET_CONNECTING, NET_OPEN, NET_CLOSING };

struct probe_net;

struct probe_net_events {
    void (*opened)(struct probe_net *n);
    /* BYTES are lent for the length of the call. */
    void (*bytes)(struct probe_net *n, const char *bytes, size_t len);
    /* Connecting failed, or nothing more can be read: close it. */
    void (*broken)(struct probe_net *n, int error);
    void (*closed)(struct probe_net *n);
};

struct probe_net {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } u;
    const struct probe_net_events *events;
    uv_buf_t buffer; /* borrowed */
    enum probe_net_state state;
};

/* 0, or libuv's error; the socket is then under close (event to come).  REQ is
 * borrowed until one of the events `opened` and `closed`. */
int probe_net_open_tcp(struct probe_net *n, uv_loop_t *loop,
                       const struct sockaddr *sa, uv_connect_t *req);

/* PATH of at most 107 bytes: libuv cuts longer ones without a word. */
void probe_net_open_unix(struct probe_net *n, uv_loop_t *loop, const char *path,
                         uv_connect_t *req);

/*
 * Writes at once what the kernel takes, and the rest by and by; the bytes
 * (not BUFS) are borrowed until the socket is closed.  One write at a time.
 * Errors are not told: the server's last words may still wait to be read,
 * and the reading side will break, too.
 */
void probe_net_write(struct probe_net *n, uv_buf_t *bufs, unsigned nbufs);

/* Closed, or being closed: a no-op. */
void probe_net_close(struct probe_net *n);

/* What a failed connect, or later a failed read, means. */
enum reason probe_net_connect_reason(int error, bool unix_socket);
enum reason probe_net_read_reason(int error);

#endif
