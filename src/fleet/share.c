#include "agent/share.h"

const char *share_name(enum share s)
{
    static const char *const NAMES[SHARES] = {
        [SHARE_NONE] = "none",
        [SHARE_PENDING] = "pending",
        [SHARE_SPEAKING] = "speaking",
        [SHARE_LEAVING] = "leaving",
    };

    return NAMES[s];
}

/* A document that names us is ours to keep, member or not: nobody else keeps
 * it.  Any other is taken by members only, or it would name one that readers
 * and fellows do not know. */
static enum share pending_next(const struct share_facts *f)
{
    if (!f->assigned)
        return f->ours ? SHARE_LEAVING : SHARE_NONE;
    return f->verdict && (f->member || f->ours) ? SHARE_SPEAKING
                                                : SHARE_PENDING;
}

enum share share_next(enum share s, const struct share_facts *f)
{
    switch (s) {
    case SHARE_NONE:
        return f->assigned ? SHARE_PENDING : SHARE_NONE;
    case SHARE_PENDING:
        return f->displaced ? SHARE_NONE : pending_next(f);
    case SHARE_SPEAKING:
    case SHARE_LEAVING:
        /* What was known of it is old by then: if it is to be ours again, it
         * begins anew. */
        if (f->displaced)
            return SHARE_NONE;
        return f->assigned ? SHARE_SPEAKING : SHARE_LEAVING;
    }
    return SHARE_NONE;
}
