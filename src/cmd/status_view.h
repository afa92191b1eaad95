#ifndef CMD_STATUS_VIEW_H
#define CMD_STATUS_VIEW_H

#include "agent/err.h"
#include "agent/reason.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * What is shown of instances in a terminal: those of one running agent, as
 * its status page says, or those of all agents, as ZooKeeper alone says.
 * Pure but for the stream.  Every text in here comes from others, is any
 * bytes, and is escaped when it is printed.
 */
struct config;
struct json_t; /* jansson's */

/* ------------------------------------------------------ what is looked at */

/* A node as it was read.  All of it is owned. */
struct status_node {
    char *name;
    char *data; /* NULL: it may not be read */
    size_t len;
    int64_t owner; /* ephemeralOwner; 0: persistent */
};

/* What stands below <root>/instances and <root>/agents. */
struct status_tree {
    struct status_node *instances;
    size_t ninstances;
    struct status_node *agents;
    size_t nagents;
};

void status_tree_free(struct status_tree *t); /* what T points to */

/* --------------------------------------------------------- what is shown */

/* What an agent's heartbeat is worth. */
enum status_pulse {
    PULSE_ALIVE,      /* valid_until lies ahead */
    PULSE_EXPIRED,    /* it does not */
    PULSE_GARBLED,    /* the node is no heartbeat */
    PULSE_UNREADABLE, /* we have no right to read it */
    PULSE_GONE,       /* there is no node */
};

struct status_writer {
    const char *id;
    enum status_pulse pulse;
    const char *host; /* "": not said */
    int64_t round;    /* -1: not said */
    int64_t interval_ms;
    int64_t instances;           /* -1: not said */
    int64_t time_wall_ms;        /* 0: not said */
    int64_t valid_until_wall_ms; /* 0: not said */
    bool persistent;             /* of --check-once */
    size_t documents;            /* that name this agent */
    struct json_t *json;         /* NULL: none */
};

enum status_source {
    SOURCE_DOCUMENT,
    SOURCE_GARBLED,    /* a node that is no status document */
    SOURCE_UNREADABLE, /* we have no right to read it */
    SOURCE_MISSING,    /* configured here, and there is no node */
};

struct status_row {
    const char *instance;
    enum status_source source;
    enum status status;  /* as it stands there */
    const char *address; /* "": not said; so are the other texts */
    const char *reason;  /* the word, also one that we don't know */
    const char *detail;
    const char *role;
    const char *version;
    const char *agent;
    int64_t since_wall_ms; /* 0: not said */
    int64_t rtt_us;        /* -1: none */
    bool maintenance;
    const char *maintenance_owner; /* "config": paused there */
    const char *maintenance_reason;
    int64_t maintenance_until_wall_ms; /* 0: without an end */
    /* On a status page. */
    bool pending;      /* ZooKeeper does not hold this verdict yet */
    bool conflict;     /* RIVAL holds the node */
    const char *rival; /* an agent's id */
    const char *rival_host;
    /* In ZooKeeper. */
    const struct status_writer *writer; /* NULL: no agent is named */
    bool excepted; /* its agent's heartbeat does not vouch for it */
    bool stray;    /* by the agent of this config, which does not name it */
    struct json_t *json; /* NULL: none */
};

struct status_view {
    bool of_zookeeper;
    bool of_targets;         /* of a fleet, and of nothing else */
    int64_t time_wall_ms;    /* the moment that it shows */
    struct status_row *rows; /* the worst first, then by name; what was
                                removed last */
    size_t nrows;
    /* What a status page says of its agent. */
    struct {
        const char *id;
        const char *host;
        const char *version;
        int64_t pid;
        int64_t started_wall_ms;
        int64_t round;
        int64_t interval_ms;
        int64_t workers;
        int64_t jobs;
        int64_t threads;
        bool well;
        struct json_t *trouble; /* a list of sentences; or NULL */
        bool publishes;
        const char *zk_state;
        const char *zk_server;
        int64_t zk_since_wall_ms;
        int64_t zk_pending;
        const char *zk_trouble;
        const char *needs_restart; /* changed keys; "" for none */
    } page;
    /* What ZooKeeper says of all agents. */
    struct status_writer *writers; /* by name, then those without a node */
    size_t nwriters;
    /* The storage of all this. */
    struct json_t *json;
    struct status_tree tree;
};

/* The answer to GET /status.  -1 and E, which says what is wrong with it. */
int status_view_of_page(struct status_view *v, const char *body, size_t len,
                        struct err *e) MUST_USE;

/*
 * T is taken over, also on failure.  C (borrowed during the call, and its
 * texts for as long as V) tells which instances should be there and which
 * agent is its own.  -1 and E on lack of memory.
 */
int status_view_of_tree(struct status_view *v, struct status_tree *t,
                        const struct config *c, int64_t now_wall_ms,
                        struct err *e) MUST_USE;

/* Frees what V holds, not V. */
void status_view_free(struct status_view *v);

/* Sorts the rows: the worst first, then by name. */
void status_view_sort(struct status_view *v);

/* A reader may rely on what the row says; always so on a status page. */
bool status_row_trusted(const struct status_view *v,
                        const struct status_row *r);

/* Of a row that is not trusted: why.  Printable ASCII, cut at SIZE. */
void status_row_why(const struct status_view *v, const struct status_row *r,
                    char *out, size_t size);

/* The status to rely on: unknown where the row is not trusted. */
enum status status_row_verdict(const struct status_view *v,
                               const struct status_row *r);

/* It says that nobody watches the instance any more. */
bool status_row_removed(const struct status_row *r);

/* Without those that were removed. */
void status_view_tally(const struct status_view *v,
                       size_t by_status[STATUS_COUNT]);

/* The same for two views when a person would see nothing new in the second:
 * leaves out all that moves by itself. */
uint64_t status_view_digest(const struct status_view *v);

/* --------------------------------------------------------------- printing */

struct status_style {
    unsigned width;  /* of the screen; 0: no line is broken or cut */
    unsigned height; /* the headline comes again below a table that is
                        higher than this; 0: never */
    bool colours;
    /* What [zookeeper] names, for the headline of a view of ZooKeeper. */
    const char *servers;
    const char *root;
    const char *fleet; /* whose targets alone are shown; or NULL */
    /* The id in our config, if another agent is to be marked; or NULL. */
    const char *expected_id;
};

/* One paragraph, in red where there are colours, as wide as the screen. */
void status_view_warn(const struct status_style *s, FILE *out,
                      const char *format, ...)
    __attribute__((format(printf, 3, 4)));

void status_view_print(const struct status_view *v,
                       const struct status_style *s, FILE *out);

/*
 * As one line of JSON, in ASCII: the status page as it came, or what was read
 * below ROOT.  -1: no memory, or the stream.
 */
int status_view_print_json(const struct status_view *v, const char *root,
                           FILE *out) MUST_USE;

#endif
