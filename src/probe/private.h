#ifndef AGENT_SRC_PROBE_PRIVATE_H
#define AGENT_SRC_PROBE_PRIVATE_H

#include "agent/config.h"
#include "agent/probe.h"
#include "agent/resolver.h"

#include "env.h"
#include "judge.h"
#include "socket.h"

#include <stdatomic.h>

/*
 * A probe from the inside, for its three files:
 *
 *     probe.c ──→ dial (name, addresses, connect) ──→ talk (requests, replies)
 *        ↑          │ all addresses failed              │ judged, broken
 *        └──────────┴───────── probe_finish ────────────┘
 */
struct probe {
    /* What each probe touches comes first, and together. */
    _Atomic enum probe_phase phase;
    bool closing;    /* probe_close was called */
    bool answered;   /* the last reply is in */
    bool may_reopen; /* kept connection, nothing received on it yet */
    bool expired;    /* the deadline passed: this is the turn of grace */
    bool ran_out;    /* of time, or of an address's share of it */
    bool fresh_info;
    uint8_t asks[PROBE_ASKS]; /* in order, … */
    uint8_t nasks;
    uint8_t nanswers;  /* … and how many of them are answered */
    uint32_t received; /* bytes */
    uint32_t spent_us[PROBE_REPLY + 1];
    struct job job;
    uint64_t started_us;
    uint64_t deadline_us;
    uint64_t entered_us; /* the phase */
    uint64_t sent_us;
    uint64_t watch_begun;           /* of env's watch */
    struct deadline deadline;       /* or one address's share of it */
    struct probe_env *env;          /* borrowed; NULL before probe_attach */
    struct config_instance *config; /* owned: a reference */
    struct reply_reader *reader;    /* lent by env; NULL between replies */
    struct kept_verdict ping;       /* of this probe */
    /* Last known, also from earlier probes. */
    struct kept_verdict info;
    uint64_t info_us; /* the start of the probe that had it; 0: none */
    enum role role;
    char version[VERSION_SIZE];
    struct probe_net net;

    char replid[REPLID_SIZE];
    int64_t offset;

    /* To connect. */
    LIST_ENTRY(probe) waiting;  /* in env's list while in PROBE_LOOKUP */
    struct resolver_name *name; /* owned: a reference; NULL: no name */
    uint64_t looked_anew_us;    /* as no address answered; 0: never */
    struct probe_request auth;  /* owned; bytes NULL: no password */
    struct probe_dial *dial; /* lent by env while it dials, and as long as its
                                socket uses it; else NULL */
    struct net_addr addr;    /* no name: the address; else the one that worked
                                last */
};

/* One hundred thousand instances are to fit. */
_Static_assert(sizeof(struct probe) <= 768, "a probe has grown fat");

/* The only place that assigns the phase. */
void probe_enter(struct probe *p, enum probe_phase phase, uint64_t now_us);

/* Sets the deadline to MS from now, or sets it anew. */
void probe_arm(struct probe *p, uint64_t now_us, uint64_t ms);

/* Milliseconds to the end of all, at least 1. */
uint64_t probe_left_ms(const struct probe *p, uint64_t now_us);

/* Ends the probe; the connection is closed unless KEEP. */
void probe_finish(struct probe *p, enum reason reason, const char *words,
                  bool keep);

/* Closes the connection and forgets a reply that has begun. */
void probe_hang_up(struct probe *p);

/* Gives back what is lent to dial, unless it is still in use. */
void dial_done(struct probe *p);

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
