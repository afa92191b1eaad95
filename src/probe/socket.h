#ifndef PROBE_SOCKET_H
#define PROBE_SOCKET_H

#include "agent/reason.h"

#include <stdbool.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

/*
 * A probe's stream socket, TCP or UNIX.  libuv wants a handle's memory until
 * its close callback, so a socket under close can be opened again only after
 * the event `closed`.  No event comes from inside open, write or close.
 * Thread: worker.
 */
enum socket_state {
    SOCKET_CLOSED,
    SOCKET_CONNECTING,
    SOCKET_OPEN,
    SOCKET_CLOSING
};

struct socket;

struct socket_events {
    void (*opened)(struct socket *s);
    /* BYTES are lent for the length of the call. */
    void (*bytes)(struct socket *s, const char *bytes, size_t len);
    /* Connecting failed, or nothing more can be read: close it. */
    void (*broken)(struct socket *s, int error);
    void (*closed)(struct socket *s);
};

struct socket {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } u;
    const struct socket_events *events;
    char *buffer; /* borrowed: what is read goes there */
    uint32_t buffer_size;
    enum socket_state state : 8;
    bool said_end;
    in_port_t port; /* where it leads, in network order; TCP only */
};

/* 0, or libuv's error; the socket is then under close (event to come).  REQ is
 * borrowed until one of the events `opened` and `closed`. */
int socket_open_tcp(struct socket *s, uv_loop_t *loop,
                    const struct sockaddr *sa, uv_connect_t *req);

/* PATH of at most 107 bytes: libuv cuts longer ones without a word. */
void socket_open_unix(struct socket *s, uv_loop_t *loop, const char *path,
                      uv_connect_t *req);

/*
 * Writes at once what the kernel takes, and the rest by and by; the bytes
 * (not BUFS) are borrowed until the socket is closed.  One write at a time.
 * Errors are not told: the server's last words may still wait to be read,
 * and the reading side will break, too.
 */
void socket_write(struct socket *s, uv_buf_t *bufs, unsigned nbufs);

/* What the peer's host has confirmed of what was sent, by the kernel's own
 * account; the process behind it need not have seen it. */
enum socket_ack { SOCKET_ACK_UNKNOWN, SOCKET_ACK_ALL, SOCKET_ACK_MISSING };
enum socket_ack socket_ack(const struct socket *s);

/* From now on the kernel asks a silent host whether it still knows of the
 * connection, so that one which does not breaks it.  UNIX: a no-op. */
void socket_keep_alive(struct socket *s);

/* The same for LEN bytes of malloc that it takes over; one may follow another
 * before that is through. */
void socket_write_owned(struct socket *s, char *bytes, size_t len);

/* Tells the peer that nothing more will be said; its answers can still come.
 * It closes then, if its process runs. */
void socket_say_end(struct socket *s);

/* Closed, or being closed: a no-op. */
void socket_close(struct socket *s);

/* What a failed connect, or later a failed read, means. */
enum reason socket_connect_reason(int error, bool unix_socket);
enum reason socket_read_reason(int error);

#endif
