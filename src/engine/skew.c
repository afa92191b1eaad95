#include <stdlib.h>

#include "agent/log.h"

#include "skew.h"

/* Said above this, and over below half of it, so that one on the edge is not
 * said in every round. */
#define SAID_MS 2000
#define OVER_MS 1000

int64_t skew_ms(const struct rounds *r)
{
    struct publisher *publisher = pool_parts(r->pool).publisher;
    struct publisher_info info;

    if (publisher == NULL)
        return 0;
    publisher_info(publisher, &info);
    return info.clock_known ? info.clock_offset_ms : 0;
}

void skew_look(struct rounds *r)
{
    int64_t skew = skew_ms(r);
    bool said = r->skew_said;
    bool now = llabs(skew) > (said ? OVER_MS : SAID_MS);

    r->skew_said = now;
    if (now && !said)
        LOG_EVENT(LOG_LEVEL_WARN, "clock_skew", LOG_INT("skew_ms", skew),
                  LOG_STR("detail", skew > 0
                                        ? "our clock is behind ZooKeeper's"
                                        : "our clock is ahead of ZooKeeper's"));
    else if (said && !now)
        LOG_EVENT(LOG_LEVEL_INFO, "clock_skew", LOG_INT("skew_ms", skew),
                  LOG_STR("detail", "our clock agrees with ZooKeeper's again"));
}

bool skew_is_too_much(const struct rounds *r)
{
    return llabs(skew_ms(r)) > (int64_t)r->settings.interval_ms;
}
