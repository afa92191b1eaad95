#ifndef TEST_FAKE_HTTP_H
#define TEST_FAKE_HTTP_H

/*
 * A server that sends the same bytes to whoever asks, one after the other, in
 * a thread of its own, on a port that the kernel picks.  Failures of the
 * set-up abort the test.
 */
struct fake_http;

enum fake_http_then {
    FAKE_HTTP_CLOSE,
    FAKE_HTTP_HOLD,  /* until the client goes */
    FAKE_HTTP_DRIP,  /* the last byte again and again, 20 ms apart */
    FAKE_HTTP_FLOOD, /* the last byte again and again, as fast as it goes */
    FAKE_HTTP_RESET, /* a close that the client sees as ECONNRESET */
};

/* HOST: "127.0.0.1", "::1" or "unix:PATH".  BYTES: borrowed; "": nothing. */
struct fake_http *fake_http_start(const char *host, const char *bytes,
                                  enum fake_http_then then);
void fake_http_stop(struct fake_http *f);

unsigned short fake_http_port(const struct fake_http *f);

/* What the last client that got an answer had sent. */
#define FAKE_HTTP_REQUEST 4096
void fake_http_request(struct fake_http *f, char out[FAKE_HTTP_REQUEST]);

#endif
