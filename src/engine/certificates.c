/*
 * The certificates that servers show: nobody looks at them until they have
 * ended, and then no client is served.
 */
#include "agent/clock.h"
#include "agent/config.h"
#include "agent/log.h"
#include "agent/pool.h"
#include "agent/probe.h"
#include "agent/tls.h"

#include "certificates.h"

#define DAY_MS 86400000

bool pool_certificate(const struct instance *i, struct tls_certificate *out)
{
    return i->config->tls && probe_certificate(i->job.probe, out);
}

bool pool_certificate_ends(const struct instance *i,
                           const struct tls_certificate *c, int64_t now_wall_ms)
{
    return c->earliest_wall_ms - now_wall_ms <
           (int64_t)i->config->tls_min_days * DAY_MS;
}

void certificates_look(struct instance *i, uint64_t now_mono_ms,
                       int64_t now_wall_ms)
{
    struct tls_certificate c;
    char ends[CLOCK_RFC3339_SIZE];
    if (i->expiry_told_mono_ms != 0 &&
        now_mono_ms - i->expiry_told_mono_ms < DAY_MS)
        return;
    if (!pool_certificate(i, &c) || !pool_certificate_ends(i, &c, now_wall_ms))
        return;
    i->expiry_told_mono_ms = now_mono_ms;
    LOG_EVENT(LOG_LEVEL_WARN, "tls_expiring",
              LOG_STR("instance", i->config->name),
              LOG_STR("address", i->config->address),
              LOG_INT("days", (c.earliest_wall_ms - now_wall_ms) / DAY_MS),
              LOG_STR("ends", clock_rfc3339(c.earliest_wall_ms, ends)),
              LOG_STR("subject", c.subject), LOG_STR("issuer", c.issuer));
}
