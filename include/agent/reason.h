#ifndef AGENT_REASON_H
#define AGENT_REASON_H

#include <stdbool.h>

/*
 * The words of the contract: the four statuses, and for each reason the
 * status that a result with it speaks for.  Pure tables.
 */

/* The first three from best to worst; unknown stands apart. */
enum status {
    STATUS_UP,
    STATUS_DEGRADED,
    STATUS_DOWN,
    STATUS_UNKNOWN,
};
#define STATUS_COUNT 4

enum reason {
    REASON_OK,
    REASON_LOADING,
    REASON_BUSY,
    REASON_MISCONF,
    REASON_MASTERDOWN,
    REASON_REPLICA_LINK_DOWN,
    REASON_WRONG_ROLE,
    REASON_LAG,
    REASON_NO_NEW_CLIENTS,
    REASON_NO_REPLICAS,
    REASON_CLUSTER_DOWN,
    REASON_BACKEND,
    REASON_REFUSED,
    REASON_UNREACHABLE,
    REASON_CONNECT_TIMEOUT,
    REASON_REPLY_TIMEOUT,
    REASON_RESET,
    REASON_CLOSED,
    REASON_MAXCLIENTS,
    REASON_PROTOCOL,
    REASON_NOAUTH,
    REASON_WRONGPASS,
    REASON_NOPERM,
    REASON_DNS,
    REASON_TLS,
    REASON_NO_INFO,
    REASON_SETTINGS,
    REASON_PENDING,
    REASON_STUCK,
    REASON_DOUBT,
    REASON_REMOVED,
};
#define REASON_COUNT 31

/* The word as published: "up", "replica_link_down". */
const char *status_name(enum status s);
const char *reason_name(enum reason r);

/* Returns false, and leaves *OUT alone, when WORD is none of them. */
bool status_parse(const char *word, enum status *out);
bool reason_parse(const char *word, enum reason *out);

/* The status that a result with this reason speaks for. */
enum status reason_status(enum reason r);

/* One sentence for people: what the reason means. */
const char *reason_sentence(enum reason r);

/* Nagios plugin exit code: up 0, degraded 1, down 2, unknown 3. */
int status_nagios(enum status s);

/* The worse of two Nagios codes; worst first: 2, 1, 3, 0. */
int nagios_worse(int a, int b);

#endif
