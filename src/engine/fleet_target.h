#ifndef ENGINE_FLEET_TARGET_H
#define ENGINE_FLEET_TARGET_H

#include "agent/rank.h"

#include <stdbool.h>

struct config_instance;
struct instance;

/* One target of the fleet, whoever speaks for it. */
struct fleet_target {
    struct config_instance *config; /* a reference */
    struct rank rank;
    struct instance *instance; /* borrowed; NULL: not in our hands */
    bool own;                  /* the agent's own config has this name, too */
    bool own_told;
    bool stays; /* while two sets are compared */
};

#endif
