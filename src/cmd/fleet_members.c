/*
 * The documents are read after the members and before the heartbeats, so that
 * nobody is believed to speak for a target who had gone before.
 */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "agent/clock.h"
#include "agent/config.h"
#include "agent/document.h"
#include "tree_branch.h"

#include "fleet_members.h"

static enum tree_end no_memory(struct err *e)
{
    err_set(e, "out of memory for the members");
    return TREE_FAILED;
}

static struct fleet_row *find(struct fleet_members *m, const char *id)
{
    for (size_t i = 0; i < m->n; i++)
        if (strcmp(m->rows[i].id, id) == 0)
            return &m->rows[i];
    return NULL;
}

/* The members, and every agent that a document names. */
static enum tree_end list_agents(struct fleet_members *m, struct err *e)
{
    m->rows = calloc(m->tree.nmembers + m->view.nwriters + 1, sizeof *m->rows);
    if (m->rows == NULL)
        return no_memory(e);
    for (size_t i = 0; i < m->tree.nmembers; i++)
        m->rows[m->n++] = (struct fleet_row){ .id = m->tree.members[i].id,
                                              .member = &m->tree.members[i],
                                              .pulse = PULSE_GONE };
    for (size_t i = 0; i < m->view.nwriters; i++)
        if (find(m, m->view.writers[i].id) == NULL)
            m->rows[m->n++] = (struct fleet_row){ .id = m->view.writers[i].id,
                                                  .pulse = PULSE_GONE };
    return TREE_DONE;
}

static void count(struct fleet_members *m)
{
    for (size_t i = 0; i < m->targets.n; i++) {
        struct fleet_row *first =
            find(m, fleet_tree_first(&m->tree, m->targets.targets[i]->name));
        if (first != NULL)
            first->share++;
    }
    for (size_t i = 0; i < m->view.nrows; i++) {
        const struct status_row *r = &m->view.rows[i];
        if (r->source == SOURCE_MISSING) {
            m->silent++;
            continue;
        }
        struct fleet_row *speaker = find(m, r->agent);
        if (speaker != NULL)
            speaker->speaking++;
        m->moving +=
            strcmp(r->agent, fleet_tree_first(&m->tree, r->instance)) != 0;
    }
}

static void read_heartbeat(struct fleet_members *m, struct fleet_row *row,
                           const struct tree_answer *a)
{
    if (a->code == STORE_NO_NODE)
        return;
    row->pulse = a->code == STORE_OK ? PULSE_GARBLED : PULSE_UNREADABLE;
    json_t *json =
        a->data != NULL ? json_loadb(a->data, a->len, 0, NULL) : NULL;
    const char *time = json_string_value(json_object_get(json, "time"));
    const char *until = json_string_value(json_object_get(json, "valid_until"));
    const char *basis = json_string_value(json_object_get(json, "basis"));
    int64_t interval = json_integer_value(json_object_get(json, "interval_ms"));
    if (time != NULL && until != NULL &&
        clock_parse_rfc3339(time, &row->time_wall_ms) == 0 &&
        clock_parse_rfc3339(until, &row->valid_until_wall_ms) == 0)
        row->pulse = m->now_wall_ms < row->valid_until_wall_ms ? PULSE_ALIVE
                                                               : PULSE_EXPIRED;
    row->late = row->pulse == PULSE_ALIVE && interval > 0 &&
                m->now_wall_ms - row->time_wall_ms > 2 * interval;
    if (basis != NULL)
        snprintf(row->basis, sizeof row->basis, "%s", basis);
    json_decref(json);
}

static enum tree_end read_heartbeats(struct tree_session *t,
                                     struct fleet_members *m, struct err *e)
{
    struct tree_branch agents;
    const char **ids = calloc(m->n + 1, sizeof *ids);
    if (ids == NULL)
        return no_memory(e);
    for (size_t i = 0; i < m->n; i++)
        ids[i] = m->rows[i].id;
    enum tree_end end = tree_branch_read_of(t, "agents", ids, m->n, &agents, e);
    free(ids);
    m->now_wall_ms = clock_wall_ms();
    for (size_t i = 0; end == TREE_DONE && i < m->n; i++)
        read_heartbeat(m, &m->rows[i], &agents.asks[i].answer);
    tree_branch_free(&agents);
    return end;
}

static void compare(struct fleet_members *m)
{
    const char *first = "";
    m->agree = true;
    for (size_t i = 0; i < m->tree.nmembers; i++) {
        const struct fleet_row *r = &m->rows[i];
        if (r->pulse != PULSE_ALIVE || r->basis[0] == '\0')
            continue;
        if (*first == '\0')
            first = r->basis;
        m->agree = m->agree && strcmp(first, r->basis) == 0;
    }
}

enum tree_end fleet_members_read(struct tree_session *t, const struct config *c,
                                 struct fleet_members *out, struct err *e)
{
    *out = (struct fleet_members){ .n = 0 };
    enum tree_end end = fleet_tree_read(t, c, &out->tree, e);
    if (end == TREE_DONE &&
        fleet_tree_targets(&out->tree, c, &out->targets, e) != 0)
        end = TREE_FAILED;
    if (end == TREE_DONE)
        end = fleet_status_look(t, c, &out->targets, &out->view, e);
    if (end == TREE_DONE)
        end = list_agents(out, e);
    if (end == TREE_DONE)
        end = read_heartbeats(t, out, e);
    if (end == TREE_DONE) {
        count(out);
        compare(out);
    } else {
        fleet_members_free(out);
    }
    return end;
}

void fleet_members_free(struct fleet_members *m)
{
    free(m->rows);
    status_view_free(&m->view);
    targets_list_free(&m->targets);
    fleet_tree_free(&m->tree);
    *m = (struct fleet_members){ .n = 0 };
}
