#ifndef AGENT_PROBE_H
#define AGENT_PROBE_H

#include "agent/err.h"
#include "agent/result.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * One instance as a worker sees it: a socket that is kept open between
 * rounds, the phases of a probe, one deadline over all of them.  A probe
 * never waits and ends in exactly one struct result.  Everything here runs on
 * the worker's thread unless it says otherwise.
 */
struct config_instance;
struct resolver;
struct probe;

/* Idle first; the names are what `phase` in dump_job says. */
enum probe_phase {
    PROBE_IDLE,
    PROBE_LOOKUP,
    PROBE_CONNECT,
    PROBE_TLS,
    PROBE_AUTH,
    PROBE_REPLY,
};
#define PROBE_PHASES 6
const char *probe_phase_name(enum probe_phase p);

/* What the worker lends to its probes; all of it outlives them. */
struct probe_env;

/*
 * ID is the instance's number.  Takes a reference to CONFIG.  Nothing is opened
 * before the first start. NULL and E on lack of memory.  Thread: loop, before
 * the worker has it.
 */
struct probe *probe_new(uint64_t id, struct config_instance *config,
                        struct resolver *resolver, struct err *e) MUST_USE;

/*
 * Binds the probe to its worker's loop; once, before the first start.
 */
void probe_attach(struct probe *p, struct probe_env *env);

/* It will be started soon: its memory is fetched meanwhile, and then that of
 * its connection. */
void probe_expect(const struct probe *p);
void probe_expect_connection(const struct probe *p);

/* Starts a probe; the one before must have ended. */
void probe_start(struct probe *p, const struct job *job);

/* Ends it without a result, closes what it has open, and frees it; the loop
 * must turn on until what was open is closed. */
void probe_close(struct probe *p);

/* For a probe that was never attached.  NULL is a no-op. */
void probe_free(struct probe *p);

/* The certificate that the server showed last; false: none, or no TLS.
 * Thread: any. */
struct tls_certificate;
bool probe_certificate(const struct probe *p, struct tls_certificate *out);

/* Thread: any (the answer may be old by the time it is read). */
enum probe_phase probe_phase(const struct probe *p);

#endif
