/*
 * The words of the contract as tables.  Everything that needs to know what a
 * reason is called or speaks for reads it here, so that a new reason is one
 * new line.
 */
#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "agent/reason.h"

static const struct {
    const char *name;
    int nagios;
} STATUSES[] = {
    [STATUS_UP] = { "up", 0 },
    [STATUS_DEGRADED] = { "degraded", 1 },
    [STATUS_DOWN] = { "down", 2 },
    [STATUS_UNKNOWN] = { "unknown", 3 },
};
static_assert(sizeof STATUSES / sizeof STATUSES[0] == STATUS_COUNT,
              "one line for each status");

static const struct {
    const char *name;
    enum status status; /* that a result with it speaks for */
    const char *sentence;
} REASONS[] = {
    /* clang-format off */
    [REASON_OK] = { "ok", STATUS_UP,
        "The server answers and serves." },
    [REASON_LOADING] = { "loading", STATUS_DEGRADED,
        "The server is loading its data set into memory." },
    [REASON_BUSY] = { "busy", STATUS_DEGRADED,
        "The server is busy with a script and serves no other client." },
    [REASON_MISCONF] = { "misconf", STATUS_DEGRADED,
        "The server refuses writes because it cannot save to disk." },
    [REASON_MASTERDOWN] = { "masterdown", STATUS_DEGRADED,
        "The replica lost its master and refuses to serve stale data." },
    [REASON_REPLICA_LINK_DOWN] = { "replica_link_down", STATUS_DEGRADED,
        "The replica's link to its master is down." },
    [REASON_WRONG_ROLE] = { "wrong_role", STATUS_DEGRADED,
        "The server's role is not the one that was expected." },
    [REASON_LAG] = { "lag", STATUS_DEGRADED,
        "The replica is further behind its master than it may be." },
    [REASON_NO_NEW_CLIENTS] = { "no_new_clients", STATUS_DEGRADED,
        "The connection that is kept answers, but a new client is not "
        "served." },
    [REASON_NO_REPLICAS] = { "no_replicas", STATUS_DEGRADED,
        "The master has too few replicas in touch, and refuses writes." },
    [REASON_CLUSTER_DOWN] = { "cluster_down", STATUS_DEGRADED,
        "The cluster, as this node sees it, does not serve." },
    [REASON_BACKEND] = { "backend", STATUS_DEGRADED,
        "A proxy answers, and what it asks of its server fails." },
    [REASON_REFUSED] = { "refused", STATUS_DOWN,
        "The connection was refused: nothing listens there." },
    [REASON_UNREACHABLE] = { "unreachable", STATUS_DOWN,
        "The network or the host cannot be reached." },
    [REASON_CONNECT_TIMEOUT] = { "connect_timeout", STATUS_DOWN,
        "No connection came about within the deadline." },
    [REASON_REPLY_TIMEOUT] = { "reply_timeout", STATUS_DOWN,
        "The connection stands, but no complete reply came within the "
        "deadline." },
    [REASON_RESET] = { "reset", STATUS_DOWN,
        "The server's side reset the connection." },
    [REASON_CLOSED] = { "closed", STATUS_DOWN,
        "The server closed the connection without an answer." },
    [REASON_MAXCLIENTS] = { "maxclients", STATUS_DOWN,
        "The server has no room for another client." },
    [REASON_PROTOCOL] = { "protocol", STATUS_DOWN,
        "The answer is not one that a Redis server gives to a probe." },
    [REASON_NOAUTH] = { "noauth", STATUS_UNKNOWN,
        "The server asks for a password, and none is configured." },
    [REASON_WRONGPASS] = { "wrongpass", STATUS_UNKNOWN,
        "The server does not accept the configured user or password." },
    [REASON_NOPERM] = { "noperm", STATUS_UNKNOWN,
        "The server does not allow what the probe has to ask." },
    [REASON_DNS] = { "dns", STATUS_UNKNOWN,
        "The host's name could not be looked up." },
    [REASON_TLS] = { "tls", STATUS_UNKNOWN,
        "No trusted TLS connection could be agreed on." },
    [REASON_NO_INFO] = { "no_info", STATUS_UNKNOWN,
        "The server answers, and does not tell what is to be checked." },
    [REASON_PENDING] = { "pending", STATUS_UNKNOWN,
        "There are too few results yet to tell." },
    [REASON_STUCK] = { "stuck", STATUS_UNKNOWN,
        "There was no result for three intervals." },
    [REASON_DOUBT] = { "doubt", STATUS_UNKNOWN,
        "The agent doubts its own results." },
    [REASON_REMOVED] = { "removed", STATUS_UNKNOWN,
        "The instance is no longer configured." },
    [REASON_SETTINGS] = { "settings", STATUS_UNKNOWN,
        "The target's settings cannot be used." },
    /* clang-format on */
};
static_assert(sizeof REASONS / sizeof REASONS[0] == REASON_COUNT,
              "one line for each reason");

const char *status_name(enum status s)
{
    assert((size_t)s < STATUS_COUNT);
    return STATUSES[s].name;
}

const char *reason_name(enum reason r)
{
    assert((size_t)r < REASON_COUNT);
    return REASONS[r].name;
}

bool status_parse(const char *word, enum status *out)
{
    for (size_t i = 0; i < STATUS_COUNT; i++) {
        if (strcmp(word, STATUSES[i].name) == 0) {
            *out = (enum status)i;
            return true;
        }
    }
    return false;
}

bool reason_parse(const char *word, enum reason *out)
{
    for (size_t i = 0; i < REASON_COUNT; i++) {
        if (strcmp(word, REASONS[i].name) == 0) {
            *out = (enum reason)i;
            return true;
        }
    }
    return false;
}

enum status reason_status(enum reason r)
{
    assert((size_t)r < REASON_COUNT);
    return REASONS[r].status;
}

const char *reason_sentence(enum reason r)
{
    assert((size_t)r < REASON_COUNT);
    return REASONS[r].sentence;
}

int status_nagios(enum status s)
{
    assert((size_t)s < STATUS_COUNT);
    return STATUSES[s].nagios;
}

int nagios_worse(int a, int b)
{
    /* An unknown outranks "all is well" only. */
    static const int RANK[] = { [0] = 0, [3] = 1, [1] = 2, [2] = 3 };
    assert(a >= 0 && a <= 3 && b >= 0 && b <= 3);
    return RANK[a] >= RANK[b] ? a : b;
}
