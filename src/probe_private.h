#ifndef AGENT_SRC_PROBE_PRIVATE_H
#define AGENT_SRC_PROBE_PRIVATE_H

#include "agent/config.h"
#include "agent/probe.h"
#include "agent/resolver.h"

#include "probe_env.h"
#include "probe_judge.h"
#include "probe_net.h"

#include <stdatomic.h>

/*
 * A probe from the inside, for its three files:
 *
 *     probe.c ──→ dial (name, addresses, connect) ──→ talk (requests, replies)
 *        ↑          │ all addresses failed              │ judged, broken
 *        └──────────┴───────── probe_finish ────────────┘
 */
struct probe {
    /* Owned. */
    struct config_instance *config; /* a reference */
    struct resolver_name *name;     /* a reference; NULL: no name */
    struct probe_request auth;      /* bytes NULL: no password */
    struct probe_net net;
    struct deadline deadline;    /* or one address's share of it */
    struct reply_reader *reader; /* lent by env; NULL between replies */

    struct probe_env *env;     /* borrowed; NULL before probe_attach */
    LIST_ENTRY(probe) waiting; /* in env's list while in PROBE_LOOKUP */
    _Atomic enum probe_phase phase;
    bool closing; /* probe_close was called */

    /* This probe. */
    struct job job;
    uint64_t started_us;
    uint64_t deadline_us;
    uint64_t entered_us; /* the phase */
    uint64_t spent_us[PROBE_REPLY + 1];
    uint64_t sent_us;
    uint64_t watch_begun; /* of env's watch */
    size_t received;      /* bytes */
    bool answered;        /* the last reply is in */
    bool may_reopen;      /* kept connection, nothing received on it yet */
    bool expired;         /* the deadline passed: this is the turn of grace */
    bool ran_out;         /* of time, or of an address's share of it */
    bool fresh_info;

    /* Dial. */
    struct net_addr addrs[RESOLVER_ADDRS];
    struct net_addr good; /* the one that worked last */
    uint8_t naddrs;
    uint8_t next_addr;
    bool failed; /* failure says why the addresses so far did not work */
    struct verdict failure;

    /* Talk: what was asked, in order, and how much of it is answered. */
    uint8_t asks[PROBE_ASKS];
    uint8_t nasks;
    uint8_t nanswers;
    struct verdict ping;

    /* Last known, also from earlier probes. */
    struct verdict info;
    uint64_t info_us; /* the start of the probe that had it; 0: none */
    enum role role;
    char version[REPLY_VERSION];
    char replid[REPLY_REPLID];
    int64_t offset;
};

/* One hundred thousand instances are to fit. */
_Static_assert(sizeof(struct probe) <= 2048, "a probe has grown fat");

/* The only place that assigns the phase. */
void probe_enter(struct probe *p, enum probe_phase phase, uint64_t now_us);

/* Sets the deadline to MS from now, or sets it anew. */
void probe_arm(struct probe *p, uint64_t now_us, uint64_t ms);

/* Milliseconds to the end of all, at least 1. */
uint64_t probe_left_ms(const struct probe *p, uint64_t now_us);

/* Ends the probe with V; the connection is closed unless KEEP. */
void probe_finish(struct probe *p, const struct verdict *v, bool keep);

/* Closes the connection and forgets a reply that has begun. */
void probe_hang_up(struct probe *p);

/* Looks up if need be, and connects. */
void dial_start(struct probe *p);
/* In PROBE_LOOKUP: something new is known. */
void dial_resolved(struct probe *p);
/* In PROBE_CONNECT: try the next address once the last socket is closed. */
void dial_next(struct probe *p);
void dial_failed(struct probe *p, int error);
void dial_expired(struct probe *p);
void dial_succeeded(struct probe *p);

/* Asks; FRESH: the first time on this connection. */
void talk_start(struct probe *p, bool fresh, uint64_t now_us);
void talk_bytes(struct probe *p, const char *bytes, size_t len);
void talk_broken(struct probe *p, int error);
void talk_expired(struct probe *p);

#endif
