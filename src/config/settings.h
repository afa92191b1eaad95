#ifndef CONFIG_SETTINGS_H
#define CONFIG_SETTINGS_H

#include "keys.h"

/* All zero but for the name, which is copied; one reference, the caller's.
 * NULL on lack of memory. */
struct config_instance *config_instance_new(const char *name);

#endif
