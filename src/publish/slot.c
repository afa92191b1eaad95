#include <stdlib.h>
#include <string.h>

#include "agent/objects.h"

#include "slot.h"

struct slot *slot_new(enum slot_kind kind, const char *path)
{
    struct slot *s = calloc(1, sizeof *s);

    if (s == NULL)
        return NULL;
    s->kind = kind;
    s->path = strdup(path);
    if (s->path == NULL) {
        free(s);
        return NULL;
    }
    object_made(OBJECT_ZK_SLOT);
    return s;
}

void slot_free(struct slot *s)
{
    if (s == NULL)
        return;
    wanted_clear(&s->wanted);
    buffer_clear(&s->sent.bytes);
    free(s->path);
    free(s);
    object_gone(OBJECT_ZK_SLOT);
}

bool slot_is_ephemeral(const struct slot *s)
{
    return s->kind == SLOT_HEARTBEAT || s->kind == SLOT_PRESENCE ||
           s->kind == SLOT_MEMBER;
}

bool slot_is_clean(const struct slot *s)
{
    if (!s->node.known)
        return false;
    return s->wanted.want == WANT_GONE ? !s->node.exists
                                       : s->node.done == s->wanted.post;
}

bool slot_is_shut(const struct slot *s)
{
    return s->kind != SLOT_PRESENCE && s->kind != SLOT_MEMBER &&
           s->wanted.gate != GATE_OPEN;
}
