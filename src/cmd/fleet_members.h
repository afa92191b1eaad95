#ifndef CMD_FLEET_MEMBERS_H
#define CMD_FLEET_MEMBERS_H

#include "fleet_status.h"
#include "fleet_tree.h"

/*
 * The members of a fleet, and whoever else still speaks for its targets: what
 * each has, and whether they agree.
 */
struct fleet_row {
    const char *id;                         /* borrowed */
    const struct fleet_tree_member *member; /* NULL: it is none */
    size_t share;                           /* targets that it is first for */
    size_t speaking;                        /* … whose documents name it */
    enum status_pulse pulse;
    int64_t time_wall_ms;        /* of its heartbeat; 0: not said */
    int64_t valid_until_wall_ms; /* 0: not said */
    bool late;                   /* an interval was left out */
    char basis[16];              /* "": not said */
};

struct fleet_members {
    struct fleet_tree tree;
    struct targets_list targets;
    struct status_view view;
    struct fleet_row *rows; /* owned; members by id, then the others */
    size_t n;
    size_t moving; /* documents that name another than the first */
    size_t silent; /* targets without a document */
    bool agree;    /* each member that says so works from the same */
    int64_t now_wall_ms;
};

/* Of the fleet that C, borrowed for as long as OUT lives, names.  OUT is the
 * caller's to free when TREE_DONE. */
enum tree_end fleet_members_read(struct tree_session *t, const struct config *c,
                                 struct fleet_members *out,
                                 struct err *e) MUST_USE;
void fleet_members_free(struct fleet_members *m);

#endif
