/*
 * OpenSSL has no call that takes the certificate out of a session, but it
 * writes a session as DER and reads it again (d2i_SSL_SESSION(3)): a SEQUENCE,
 * in which the certificate is the optional element [3].  That one is left out
 * on the way.  Whatever else stands there is copied as it is, and what OpenSSL
 * does not read again is not used.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tls_library.h"
#include "tls_session.h"

#define TAG_SEQUENCE    0x30
#define TAG_CERTIFICATE 0xa3 /* constructed, context-specific, 3 */
#define HEAD_MAX        4    /* of what has less than 64 KiB */

struct der {
    const unsigned char *at;
    size_t left;
};

/* Moves D behind its first element, whose contents are then in *INSIDE; false:
 * it is none that OpenSSL would write. */
static bool next_element(struct der *d, unsigned char *tag, struct der *inside)
{
    size_t len, head = 2;
    if (d->left < 2)
        return false;
    *tag = d->at[0];
    len = d->at[1];
    if (len == 0x81 || len == 0x82) {
        head += len - 0x80;
        if (d->left < head)
            return false;
        len = head == 3 ? d->at[2] : (size_t)(d->at[2] << 8 | d->at[3]);
    } else if (len >= 0x80) {
        return false;
    }
    if (d->left - head < len)
        return false;
    *inside = (struct der){ d->at + head, len };
    d->at += head + len;
    d->left -= head + len;
    return true;
}

/* The elements of BODY but the certificate go to OUT, which has room for all
 * of them; their length, or 0. */
static size_t copy_others(struct der body, unsigned char *out)
{
    size_t len = 0;
    while (body.left > 0) {
        const unsigned char *from = body.at;
        unsigned char tag;
        struct der inside;
        if (!next_element(&body, &tag, &inside))
            return 0;
        if (tag == TAG_CERTIFICATE)
            continue;
        memcpy(out + len, from, (size_t)(body.at - from));
        len += (size_t)(body.at - from);
    }
    return len;
}

/* The session that the LEN bytes of DER at BYTES are, without certificate. */
static SSL_SESSION *read_others(const unsigned char *bytes, size_t len)
{
    struct der whole = { bytes, len }, body;
    unsigned char tag;
    SSL_SESSION *slim = NULL;
    if (len > UINT16_MAX || !next_element(&whole, &tag, &body) ||
        tag != TAG_SEQUENCE)
        return NULL;
    unsigned char *out = malloc(HEAD_MAX + len);
    if (out == NULL)
        return NULL;
    size_t kept = copy_others(body, out + HEAD_MAX);
    const unsigned char *at = out;
    out[0] = TAG_SEQUENCE;
    out[1] = 0x82;
    out[2] = (unsigned char)(kept >> 8);
    out[3] = (unsigned char)kept;
    if (kept > 0)
        slim = d2i_SSL_SESSION(NULL, &at, (long)(HEAD_MAX + kept));
    explicit_bzero(out, HEAD_MAX + len); /* it has the key */
    free(out);
    return slim;
}

SSL_SESSION *tls_session_slim(SSL_SESSION *s)
{
    if (SSL_SESSION_get0_peer(s) == NULL)
        return s;
    int len = i2d_SSL_SESSION(s, NULL);
    unsigned char *bytes = len <= 0 ? NULL : malloc((size_t)len);
    if (bytes == NULL)
        return s;
    unsigned char *end = bytes;
    len = i2d_SSL_SESSION(s, &end);
    SSL_SESSION *slim = len > 0 ? read_others(bytes, (size_t)len) : NULL;
    explicit_bzero(bytes, (size_t)(end - bytes));
    free(bytes);
    if (slim == NULL) {
        ERR_clear_error();
        return s;
    }
    SSL_SESSION_free(s);
    return slim;
}
