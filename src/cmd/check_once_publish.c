/*
 * The last part of --check-once: what is published, what is left to others,
 * and what is said of it.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/clock.h"
#include "agent/config.h"
#include "agent/instance.h"
#include "agent/pool.h"

#include "check_once_publish.h"

void once_publish_say(struct once_publish *p, const char *text)
{
    snprintf(p->words, sizeof p->words, "%s", text);
}

static const char *host_name(const char *host)
{
    return host[0] != '\0' ? host : "an unknown host";
}

static void leave_to_agent(struct once_publish *p, const char *host)
{
    p->left_to_agent = true;
    snprintf(p->words, sizeof p->words,
             "left to the running agent %.64s on %.120s",
             pool_parts(p->pool).id, host_name(host));
}

void once_publish_found(struct once_publish *p, const struct instance *i,
                        const struct publisher_event *e)
{
    if (i != NULL) {
        p->found++;
        return;
    }
    p->heartbeat_found = true;
    if (!e->exists || e->owner == 0)
        return;
    /* An ephemeral heartbeat: a daemon of this id has a session. */
    p->wanted = false;
    leave_to_agent(p, e->seen.host);
}

/*
 * A heartbeat vouches for all documents of this id until three periods of
 * cron from now; so a run over a part of the instances writes none.
 */
static void post_heartbeat(struct once_publish *p)
{
    int64_t now = clock_wall_ms();
    struct document_heartbeat d = {
        .agent = pool_parts(p->pool).id,
        .host = pool_parts(p->pool).host,
        .pid = (long)getpid(),
        .started_wall_ms = now,
        .round = 1,
        .interval_ms = p->config->agent.interval_ms,
        .time_wall_ms = now,
        .instances = pool_parts(p->pool).count,
    };
    if (d.instances < p->config->ninstances)
        return;
    pool_tally(p->pool, d.by_status);
    pool_heartbeat(p->pool, &d);
}

static void post_all(struct once_publish *p)
{
    once_maintenance_apply(&p->maintenance, p->pool);
    for (size_t n = 0; n < pool_size(p->pool); n++) {
        struct instance *i = pool_instance(p->pool, n);
        if (i == NULL)
            continue;
        instance_adopt_since(i);
        pool_post(p->pool, i);
    }
    p->posted = true;
}

/* When every document is written or refused, so that the heartbeat does not
 * vouch for what ZooKeeper did not take. */
static void vouch(struct once_publish *p, struct publisher_info *info)
{
    if (!p->posted || p->vouched || info->pending > info->refused)
        return;
    p->vouched = true;
    post_heartbeat(p);
    publisher_info(pool_parts(p->pool).publisher, info);
}

static void give_up(struct once_publish *p, const struct publisher_info *info)
{
    const char *why =
        info->store.why[0] != '\0' ? info->store.why : info->trouble;
    snprintf(p->words, sizeof p->words, "not published within %u ms: %.200s",
             p->config->zookeeper.publish_timeout_ms,
             why[0] != '\0' ? why : store_state_name(info->store.state));
    p->failed = true;
}

/* Another agent's nodes are left alone; that is no failure, and is said. */
static void say_published(struct once_publish *p)
{
    const struct pool_parts pool = pool_parts(p->pool);
    struct publisher_holder holder = { "", "" };
    struct publisher_holder one;
    size_t n = 0;
    for (size_t at = 0; at < pool_size(p->pool); at++) {
        const struct instance *i = pool_instance(p->pool, at);
        if (i != NULL &&
            publisher_conflict(pool.publisher, i->nodes.status_slot, &one)) {
            holder = one;
            n++;
        }
    }
    if (n == 0) {
        once_publish_say(p, "published");
        return;
    }
    if (strcmp(holder.agent, pool_parts(p->pool).id) == 0) {
        leave_to_agent(p, holder.host);
        return;
    }
    snprintf(p->words, sizeof p->words,
             "published, but for %zu of %zu that agent %.64s on %.100s holds",
             n, pool.count, holder.agent, host_name(holder.host));
}

bool once_publish_step(struct once_publish *p, uint64_t now_mono_ms)
{
    struct publisher_info info;
    if (!p->wanted)
        return true;
    if (p->until_mono_ms == 0)
        p->until_mono_ms =
            now_mono_ms + p->config->zookeeper.publish_timeout_ms;
    bool late = now_mono_ms >= p->until_mono_ms;
    if (!p->posted && p->heartbeat_found && p->maintenance.known &&
        p->found == pool_parts(p->pool).count)
        post_all(p);
    publisher_info(pool_parts(p->pool).publisher, &info);
    vouch(p, &info);
    /* Of what left the config, later runs find what this one does not. */
    if (p->posted && info.pending == 0 && (!info.seeking || late)) {
        say_published(p);
        return true;
    }
    if (late)
        give_up(p, &info);
    return late;
}
