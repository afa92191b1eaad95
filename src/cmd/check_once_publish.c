/*
 * The last part of --check-once: what is published, what is left to others,
 * and what is said of it.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/clock.h"
#include "agent/config.h"
#include "agent/pool.h"

#include "check_once_impl.h"

void once_say(struct once *o, const char *text)
{
    snprintf(o->publishing, sizeof o->publishing, "%s", text);
}

static const char *host_name(const char *host)
{
    return host[0] != '\0' ? host : "an unknown host";
}

static void leave_to_agent(struct once *o, const char *host)
{
    o->left_to_agent = true;
    snprintf(o->publishing, sizeof o->publishing,
             "left to the running agent %.64s on %.120s",
             pool_parts(o->pool).id, host_name(host));
}

void once_found(void *arg, struct instance *i, const struct publisher_event *e)
{
    struct once *o = arg;
    if (i != NULL) {
        o->nfound++;
        return;
    }
    o->heartbeat_found = true;
    if (!e->exists || e->owner == 0)
        return;
    /* An ephemeral heartbeat: a daemon of this id has a session. */
    o->publish = false;
    leave_to_agent(o, e->seen.host);
}

/*
 * Vouches for all documents of this id until three periods of cron from now;
 * so a run over a part of the instances leaves it alone.
 */
static void post_heartbeat(struct once *o)
{
    int64_t now = clock_wall_ms();
    struct document_heartbeat d = {
        .agent = pool_parts(o->pool).id,
        .host = pool_parts(o->pool).host,
        .pid = (long)getpid(),
        .started_wall_ms = now,
        .round = 1,
        .interval_ms = o->config->agent.interval_ms,
        .time_wall_ms = now,
        .instances = o->nchecks,
    };
    if (o->nchecks < o->config->ninstances)
        return;
    pool_tally(o->pool, d.by_status);
    pool_heartbeat(o->pool, &d);
}

static void post_all(struct once *o)
{
    for (size_t i = 0; i < o->nchecks; i++) {
        instance_adopt_since(o->checks[i].instance);
        pool_post(o->pool, o->checks[i].instance);
    }
    post_heartbeat(o);
    o->posted = true;
}

static void give_up(struct once *o, const struct publisher_info *info)
{
    const char *why =
        info->trouble[0] != '\0' ? info->trouble : info->store.why;
    snprintf(o->publishing, sizeof o->publishing,
             "not published within %u ms: %.200s",
             o->config->zookeeper.publish_timeout_ms,
             why[0] != '\0' ? why : store_state_name(info->store.state));
    o->publish_failed = true;
    o->over = true;
}

/* What another agent holds is none of our business, but worth a word. */
static void say_published(struct once *o)
{
    const struct pool_parts pool = pool_parts(o->pool);
    struct publisher_holder holder = { "", "" };
    struct publisher_holder one;
    size_t n = 0;
    for (size_t i = 0; i < o->nchecks; i++)
        if (publisher_conflict(pool.publisher,
                               o->checks[i].instance->nodes.status_slot,
                               &one)) {
            holder = one;
            n++;
        }
    if (n == 0) {
        once_say(o, "published");
        return;
    }
    if (strcmp(holder.agent, pool_parts(o->pool).id) == 0) {
        leave_to_agent(o, holder.host);
        return;
    }
    snprintf(o->publishing, sizeof o->publishing,
             "published, but for %zu of %zu that agent %.64s on %.100s holds",
             n, o->nchecks, holder.agent, host_name(holder.host));
}

void once_publish_step(struct once *o, uint64_t now)
{
    struct publisher_info info;
    if (!o->publish) {
        o->over = true;
        return;
    }
    if (o->publish_until_mono_ms == 0)
        o->publish_until_mono_ms =
            now + o->config->zookeeper.publish_timeout_ms;
    if (!o->posted && o->heartbeat_found && o->nfound == o->nchecks)
        post_all(o);
    publisher_info(pool_parts(o->pool).publisher, &info);
    /* Of what left the config, later runs find what this one does not. */
    if (o->posted && info.pending == 0 &&
        (!info.seeking || now >= o->publish_until_mono_ms)) {
        say_published(o);
        o->over = true;
    } else if (now >= o->publish_until_mono_ms) {
        give_up(o, &info);
    }
}
