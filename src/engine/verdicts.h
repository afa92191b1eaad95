#ifndef ENGINE_VERDICTS_H
#define ENGINE_VERDICTS_H

#include "rounds.h"

/* What becomes of a verdict: log, history, ZooKeeper.  Thread: loop. */

/* Posts what is known; the node is then no longer an earlier life's. */
void verdicts_post(struct rounds *r, struct instance *i);

/* The verdict on I was BEFORE and is another since EDGE, for CAUSE: logs it
 * and keeps it.  No-op for HEALTH_SAME. */
void verdicts_note(struct rounds *r, struct instance *i, enum health_edge edge,
                   const struct health *before, const char *cause);

/* Judges a result that counts and stands for REASON; posts what came of it. */
void verdicts_judge(struct rounds *r, struct instance *i,
                    const struct result *res, enum reason reason);

/* Unknown at once, with REASON and DETAIL; noted and posted, and the round
 * waits no longer. */
void verdicts_doubt(struct rounds *r, struct instance *i, enum reason reason,
                    const char *detail);

/* What the server said of itself is told, once: another process answers (log
 * and history), or INFO is refused (log). */
void verdicts_tell_server(struct rounds *r, struct instance *i);

/* I is no longer configured: keeps that.  The log says it in `reloaded`;
 * readers of the history learn it here. */
void verdicts_removed(struct rounds *r, const struct instance *i);

#endif
