#ifndef PROBE_JUDGE_H
#define PROBE_JUDGE_H

#include "agent/config.h"
#include "agent/reason.h"
#include "reply.h"

/*
 * What one reply means for the instance: either what was hoped for, or an
 * error reply.  Pure.
 */
struct verdict {
    enum reason reason;
    bool ours; /* what we showed to prove who we are is at fault */
    char detail[ESCAPED_SIZE];
};

/* The same to keep for long: most are ok, and have no words. */
struct kept_verdict {
    enum reason reason;
    bool ours;
    char *words; /* owned; ESCAPED_SIZE bytes, or NULL: never had any */
};

/* Out of memory costs the words. */
void verdict_keep(struct kept_verdict *k, const struct verdict *v);
const char *verdict_words(const struct kept_verdict *k);

/* Cuts what does not fit. */
void verdict_set(struct verdict *v, enum reason reason, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Without words. */
void verdict_ok(struct verdict *v);

/* The reply to PING. */
void judge_ping(const struct reply *r, struct verdict *v);

/* What INFO replication says, as CONFIG would have it. */
void judge_info(const struct reply_info *i,
                const struct config_instance *config, struct verdict *v);
/* There is no INFO, WHY: that matters only where CONFIG needs it. */
void judge_no_info(const char *why, const struct config_instance *config,
                   struct verdict *v);
/* What CLUSTER INFO says. */
void judge_cluster(const struct reply_info *i, struct verdict *v);
/* The reply to the request of probe_key. */
void judge_key(const struct reply *r, struct verdict *v);

/* Which of two comes first where both hold; A where they are alike. */
const struct kept_verdict *verdict_first(const struct kept_verdict *a,
                                         const struct kept_verdict *b);

/* Keeps V unless what is kept comes first, or is alike. */
void verdict_keep_first(struct kept_verdict *k, const struct verdict *v);

/* How many bytes a replica knows itself to be behind; -1: it cannot tell. */
int64_t replica_behind(const struct reply_info *i);

/*
 * The reply to AUTH: ok for +OK, and for an error that does not speak of the
 * password (a server that wants none, an AUTH it does not know): whether
 * such a server serves us is what PING will tell.
 */
void judge_auth(const struct reply *r, struct verdict *v);

/*
 * A connection that was kept answers with KEPT, and a new one beside it came to
 * NEW, which is no good: what that makes of the instance, into OUT.  Returns
 * true when only our credentials are at fault.
 */
bool judge_new_client(const struct kept_verdict *kept,
                      const struct kept_verdict *new, struct verdict *out);

/*
 * True for the errors that a server says right after it accepted a connection
 * and before it closes it, whatever was asked.
 */
bool judge_farewell(const struct reply *r, struct verdict *v);

#endif
