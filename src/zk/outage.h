#ifndef ZK_OUTAGE_H
#define ZK_OUTAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * One outage: from the last useful answer before it to the next one, and
 * what each address did meanwhile.  All zero: there is none.  Pure; thread:
 * publisher.
 */
#define ZK_OUTAGE_CAUSES 8
#define ZK_OUTAGE_ADDR   80
#define ZK_OUTAGE_WORDS  144

struct zk_outage {
    bool under_way;
    bool told; /* that no server is of use */
    uint64_t since_mono_ms;
    struct zk_outage_cause {
        char addr[ZK_OUTAGE_ADDR]; /* "": of no address */
        char words[ZK_OUTAGE_WORDS];
    } causes[ZK_OUTAGE_CAUSES]; /* the oldest first */
    size_t ncauses;
};

/* SINCE: the last useful answer.  One that is under way goes on. */
void zk_outage_begin(struct zk_outage *o, uint64_t since_mono_ms);
void zk_outage_end(struct zk_outage *o);
/* WORDS are what ADDR did last; they replace what it did before. */
void zk_outage_note(struct zk_outage *o, const char *addr, const char *words);
/* "127.0.0.1:2181: connection refused; …", cut at SIZE; "" without a cause. */
void zk_outage_text(const struct zk_outage *o, char *out, size_t size);

#endif
