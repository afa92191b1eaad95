/*
 * A written document is made again from what is posted when it is needed, so
 * that a steady state holds each document once.
 */
#include <string.h>

#include "sent.h"
#include "wanted.h"

/* What document_seal adds at most. */
#define SEAL_ROOM 48

int sent_compose(struct sent *t, const struct wanted *w, enum slot_kind kind)
{
    t->seq = t->known_seq < DOCUMENT_SEQ_MAX ? t->known_seq + 1 : 1;
    if (w->want != WANT_NODE)
        return 0;
    if (kind != SLOT_STATUS)
        return buffer_set(&t->bytes, w->posted.bytes, w->posted.len);
    if (buffer_reserve(&t->bytes, w->posted.len + SEAL_ROOM) != 0)
        return -1;
    t->bytes.len = document_seal(w->posted.bytes, w->posted.len, t->seq,
                                 t->bytes.bytes, t->bytes.size);
    return t->bytes.len > 0 ? 0 : -1;
}

void sent_out(struct sent *t, uint64_t post)
{
    t->post = post;
}

int sent_keep(struct sent *t, const char *bytes, size_t len)
{
    return buffer_set(&t->bytes, bytes, len);
}

void sent_counted(struct sent *t)
{
    t->known_seq = t->seq;
}

void sent_acked(struct sent *t, int64_t wall_ms)
{
    t->acked_wall_ms = wall_ms;
}

void sent_go_on(struct sent *t, uint64_t seq)
{
    if (seq > t->known_seq)
        t->known_seq = seq;
}

void sent_drop(struct sent *t, const struct wanted *w, enum slot_kind kind)
{
    if (w->want == WANT_NODE && w->post == t->post && kind != SLOT_HEARTBEAT)
        buffer_clear(&t->bytes);
}

bool sent_is(const struct sent *t, const struct wanted *w, enum slot_kind kind,
             const char *bytes, size_t len)
{
    char again[DOCUMENT_MAX + SEAL_ROOM];
    struct buffer sent = t->bytes;

    if (sent.bytes == NULL && t->post > 0 && w->post == t->post) {
        sent = w->posted;
        if (kind == SLOT_STATUS) {
            sent.len = document_seal(w->posted.bytes, w->posted.len, t->seq,
                                     again, sizeof again);
            sent.bytes = again;
        }
    }
    return len > 0 && sent.len == len && memcmp(sent.bytes, bytes, len) == 0;
}
