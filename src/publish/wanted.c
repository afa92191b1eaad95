/*
 * A post that came before the loop took what was found is kept, but does not
 * open the gate: it may say a `since` that the node knows better.
 */
#include <stdlib.h>

#include "wanted.h"

/* What is wanted now was said after the finding was taken: it counts. */
static void said(struct wanted *w, enum want want)
{
    w->want = want;
    w->post++;
    if (w->gate == GATE_TAKEN)
        w->gate = GATE_OPEN;
}

int wanted_post(struct wanted *w, const char *doc, size_t len)
{
    if (buffer_set(&w->posted, doc, len) != 0)
        return -1;
    said(w, WANT_NODE);
    return 0;
}

void wanted_withdraw(struct wanted *w)
{
    said(w, WANT_GONE);
}

void wanted_remove(struct wanted *w, struct finding_list *list)
{
    w->removed = true;
    /* Nobody will answer the finding any more. */
    if (w->gate == GATE_TOLD || w->gate == GATE_TAKEN)
        w->gate = GATE_OPEN;
    if (w->finding == NULL)
        return;
    TAILQ_REMOVE(list, w->finding, at);
    free(w->finding);
    w->finding = NULL;
}

void wanted_give_up(struct wanted *w)
{
    w->want = WANT_NOTHING;
}

int wanted_tell_again(struct wanted *w, const struct publisher_event *event,
                      struct finding_list *list, bool *told)
{
    if (w->removed) {
        w->gate = GATE_OPEN;
        return 0;
    }
    if (w->finding == NULL) {
        w->finding = malloc(sizeof *w->finding);
        if (w->finding == NULL)
            return -1;
        w->finding->of = w;
        TAILQ_INSERT_TAIL(list, w->finding, at);
    }
    w->finding->event = *event;
    w->gate = GATE_TOLD;
    *told = true;
    return 0;
}

int wanted_tell(struct wanted *w, const struct publisher_event *event,
                struct finding_list *list, bool *told)
{
    if (w->gate != GATE_UNREAD)
        return 0;
    return wanted_tell_again(w, event, list, told);
}

bool wanted_take(struct finding_list *list, struct publisher_event *out)
{
    struct finding *f = TAILQ_FIRST(list);

    if (f == NULL)
        return false;
    TAILQ_REMOVE(list, f, at);
    *out = f->event;
    f->of->finding = NULL;
    f->of->gate = GATE_TAKEN;
    free(f);
    return true;
}

void wanted_clear(struct wanted *w)
{
    free(w->finding);
    buffer_clear(&w->posted);
}
