/*
 * A cause that may pass by itself is tried again soon and then ever later;
 * rights, which somebody has to give, always late.
 */
#include <stdio.h>

#include "agent/log.h"

#include "refusal.h"

static const char *const CAUSES[] = {
    [CAUSE_NONE] = "none",           [CAUSE_NO_AUTH] = "no_auth",
    [CAUSE_FAILED] = "failed",       [CAUSE_BUSY] = "busy",
    [CAUSE_NO_PARENT] = "no_parent", [CAUSE_NO_MEMORY] = "no_memory",
};

/* The wait doubles for what may be over soon, up to that of a refusal. */
static unsigned wait_ms(struct refusal *f, enum cause cause, unsigned max_ms)
{
    switch (cause) {
    case CAUSE_FAILED:
        f->failed_ms =
            f->cause == CAUSE_FAILED ? f->failed_ms * 2 : FAILED_FIRST_MS;
        if (f->failed_ms > max_ms)
            f->failed_ms = max_ms;
        return f->failed_ms;
    case CAUSE_NONE:
    case CAUSE_BUSY:
    case CAUSE_NO_MEMORY:
        return BUSY_RETRY_MS;
    case CAUSE_NO_AUTH:
    case CAUSE_NO_PARENT:
        return max_ms;
    }
    return max_ms;
}

unsigned refusal_add(struct refusal *f, const struct refused *what,
                     const char *path, char *trouble, size_t size)
{
    unsigned ms = wait_ms(f, what->cause, what->max_ms);

    if (what->cause == CAUSE_BUSY)
        return ms;
    snprintf(trouble, size, "%s: %s", path, what->detail);
    if (f->cause != what->cause)
        LOG_EVENT(LOG_LEVEL_WARN, "publish_failed", LOG_STR("path", path),
                  LOG_STR("code", CAUSES[what->cause]),
                  LOG_STR("detail", what->detail), LOG_INT("raw", what->raw));
    if (f->cause == CAUSE_NONE)
        f->since_mono_ms = what->now_mono_ms;
    f->cause = what->cause;
    return ms;
}

bool refusal_lasts(const struct refusal *f, uint64_t ms, uint64_t now_mono_ms)
{
    return f->cause != CAUSE_NONE && now_mono_ms >= f->since_mono_ms + ms;
}

void refusal_over(struct refusal *f)
{
    f->cause = CAUSE_NONE;
    f->parents_tried = false;
}

bool refusal_try_parents(struct refusal *f)
{
    bool first = !f->parents_tried;

    f->parents_tried = first;
    return first;
}
