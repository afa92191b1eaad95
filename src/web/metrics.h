#ifndef WEB_METRICS_H
#define WEB_METRICS_H

#include "agent/fleet.h"
#include "agent/histogram.h"
#include "agent/process.h"
#include "agent/publisher.h"
#include "agent/reason.h"
#include "agent/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What a monitoring system reads: Prometheus' text format, version 0.0.4.
 * The caller gathers the figures of one moment; here they get their names.
 * Pure, but for the counters of objects.h.
 */
struct metrics_instance {
    const char *name;
    const char *address;
    enum status status;
    bool maintenance;
    int64_t since_wall_ms;         /* of the status */
    int64_t last_probe_wall_ms;    /* end of the last one; 0: none yet */
    int64_t tls_not_after_wall_ms; /* the first to end of the certificates that
                                      were sent; 0: none was seen */
    bool tls_expiring;             /* within tls_min_days */
    int64_t rtt_us;                /* of the last result; -1: no answer */
    uint32_t oks;                  /* results that were ok … */
    const uint32_t *others;        /* … and by reason those that were not;
                                      borrowed; NULL: none */
    uint64_t status_changes;
    bool credentials_rejected;
    uint64_t restarts;
};

struct metrics_source {
    const char *version;

    /* Rounds. */
    uint64_t interval_ms;
    uint64_t rounds;            /* begun */
    uint64_t rounds_overrun;    /* results missing when the next began */
    uint64_t round_us;          /* of the last one, to its last result */
    int64_t last_round_wall_ms; /* when that was in; 0: not once */
    uint64_t probes_skipped;    /* their instances were still busy */
    uint64_t results_void;      /* the agent was stalled */
    const struct histogram *probe_time; /* borrowed */

    /* Threads. */
    uint64_t workers;
    uint64_t jobs_active; /* with those that are queued */
    uint64_t jobs_queued;
    uint64_t wedged_threads;
    bool healthy; /* what /healthz says */
    uint64_t log_dropped;

    /* Without a [zookeeper] there are no metrics of it. */
    bool zookeeper_configured;
    struct publisher_info zookeeper;
    int64_t heartbeat_wall_ms; /* when ZooKeeper had the last one; 0: never */
    uint64_t not_vouched;      /* instances that the last one excepts */
    uint64_t in_maintenance;   /* entries in force */

    /* Without a [fleet] there are none of it. */
    bool fleet_configured;
    struct fleet_info fleet;

    struct process_figures process;
    int64_t process_started_wall_ms;

    /* Fills OUT with the instance of that INDEX below `slots`; false: there
     * is none.  Called several times for each. */
    bool (*instance)(void *arg, size_t index, struct metrics_instance *out);
    void *arg;
    size_t slots;
};

/* Appends all of it to OUT; out->failed says whether memory ran out. */
void metrics_render(const struct metrics_source *s, struct text *out);

#endif
