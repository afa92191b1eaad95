/*
 * A body lives as long as its response: the library counts the answers that
 * are being sent, and it goes when they are through and this program refers to
 * it no more.
 */
#include <stdlib.h>

#include <microhttpd.h>

#include "agent/objects.h"

#include "body.h"

struct httpd_body {
    struct MHD_Response *response;
    unsigned references; /* ours */
    char *bytes;         /* owned; NULL: constant */
    size_t len;
};

static size_t held;

static void on_gone(void *arg)
{
    struct httpd_body *b = arg;

    object_gone(OBJECT_HTTP_RESPONSE);
    if (b->bytes != NULL)
        held -= b->len;
    free(b->bytes);
    free(b);
}

static struct httpd_body *body_of(const struct httpd_content *c)
{
    struct httpd_body *b = malloc(sizeof *b);

    if (b == NULL)
        return NULL;
    *b = (struct httpd_body){
        .references = 1,
        .bytes = c->constant ? NULL : c->bytes,
        .len = c->len,
    };
    b->response = MHD_create_response_from_buffer_with_free_callback_cls(
        c->len, c->bytes, on_gone, b);
    if (b->response != NULL)
        return b;
    free(b);
    return NULL;
}

struct httpd_body *httpd_body_new(const struct httpd_content *c)
{
    struct httpd_body *b = body_of(c);

    if (b == NULL) {
        if (!c->constant)
            free(c->bytes);
        return NULL;
    }
    object_made(OBJECT_HTTP_RESPONSE);
    if (b->bytes != NULL)
        held += b->len;
    struct MHD_Response *r = b->response;
    if (MHD_add_response_header(r, "Content-Type", c->type) == MHD_YES &&
        MHD_add_response_header(r, "Cache-Control", "no-store") == MHD_YES &&
        MHD_add_response_header(r, "X-Content-Type-Options", "nosniff") ==
            MHD_YES &&
        (c->policy == NULL ||
         MHD_add_response_header(r, "Content-Security-Policy", c->policy) ==
             MHD_YES))
        return b;
    MHD_destroy_response(r);
    return NULL;
}

struct httpd_body *httpd_body_ref(struct httpd_body *b)
{
    b->references++;
    return b;
}

void httpd_body_unref(struct httpd_body *b)
{
    if (b != NULL && --b->references == 0)
        MHD_destroy_response(b->response);
}

struct MHD_Response *httpd_body_response(const struct httpd_body *b)
{
    return b->response;
}

size_t httpd_bodies_held(void)
{
    return held;
}
