/* What one judgement costs. */
#include "agent/health.h"

#include "pace.h"

static const struct health_policy POLICY = { .rise = 2, .fall = 3 };
static struct health health;

static void same(unsigned i)
{
    (void)i;
    health_step(&health, &POLICY, REASON_OK);
}

static void flapping(unsigned i)
{
    health_step(&health, &POLICY, i / 4 % 2 == 0 ? REASON_OK : REASON_REFUSED);
}

int main(void)
{
    health_init(&health);
    pace("health: ok after ok", same);
    pace("health: up and down", flapping);
}
