#ifndef PROBE_REMOTE_H
#define PROBE_REMOTE_H

#include "agent/config.h"
#include "agent/resolver.h"
#include "agent/result.h"
#include "agent/tls_stream.h"

#include "env.h"
#include "judge.h"
#include "request.h"

/*
 * The Redis behind an instance's address: how to get there, how to log in, and
 * what it said last.  All connections to it share this.  Thread: worker, once
 * it is attached.
 */
struct remote {
    struct probe_env *env;          /* borrowed; NULL before probe_attach */
    struct config_instance *config; /* owned: a reference */
    struct resolver_name *name;     /* owned: a reference; NULL: no name */
    struct request auth;            /* owned; bytes NULL: no password */
    struct request key;             /* owned; bytes NULL: no probe_key */
    struct tls_peer *tls;           /* owned; NULL: in plain */
    struct net_addr addr;  /* no name: the address; else, by dial.c, the one
                              that worked last */
    uint32_t list_version; /* of the name's addresses, as last compared */

    /* Written by talk: last known, also from earlier probes. */
    struct kept_verdict info; /* what INFO, CLUSTER INFO and probe_key's request
                                 say against it: what comes first */
    uint64_t info_us;         /* when these were asked; 0: never, or anew */
    int64_t offset;
    int64_t behind; /* by its own view; -1: it has none */
    uint64_t run_id;
    int64_t started_mono_ms;
    enum role role;
    char server[WORD_SIZE];
    char version[VERSION_SIZE];
    char replid[REPLID_SIZE];
    bool plain;      /* it closes on what is not PING: that alone is asked */
    bool is_cluster; /* as its INFO server says */
    bool is_sentinel;
    bool process_known; /* run_id and started are */
    bool fresh_info;    /* in the probe under way: life.c clears it */
    bool follows;       /* a replica, or says so of itself */
    bool mute; /* nothing came in the last TLS handshake: perhaps it speaks no
                  TLS; by connection.c */
    char
        *other_role; /* owned: the word, where the role is not known; or NULL */
    char *refusal;   /* owned: how INFO was refused last; NULL: it was not */
};

/* Where a connection leads: an address, or a socket's file. */
struct place {
    union {
        struct net_addr addr;
        struct {
            uint64_t device;
            uint64_t inode; /* 0: it could not be looked at */
        } file;
    } u;
};

/* Takes a reference to CONFIG.  -1 and E on lack of memory; remote_clear is
 * due all the same.  R must be zeroed.  Thread: loop. */
int remote_init(struct remote *r, struct config_instance *config,
                struct resolver *resolver, struct err *e) MUST_USE;
void remote_clear(struct remote *r);

/* The role as it is shown; "": not known. */
const char *remote_role_word(const struct remote *r);

/* INFO was refused, in these words; NULL: it was not.  Out of memory keeps
 * what is. */
void remote_refused(struct remote *r, const char *words);

/* The place to which the settings lead now; ADDR: the one to be dialled, of a
 * name or as configured. */
void remote_place(const struct remote *r, const struct net_addr *addr,
                  struct place *out);

/* The settings still lead to PLACE: it is one of the name's addresses, or the
 * file is the same.  Asks no name service. */
bool remote_leads_to(const struct remote *r, const struct place *place);

/* The addresses have changed since this was asked last. */
bool remote_has_moved(struct remote *r);

#endif
