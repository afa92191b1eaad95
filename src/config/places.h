#ifndef CONFIG_PLACES_H
#define CONFIG_PLACES_H

#include "read.h"

/*
 * Tells a state_dir that is not there, with the command that makes it; with
 * TRY also a state_dir and a log that C's user cannot write, tried as that
 * user.  Thread: any; with TRY it forks, and waits for the file system.
 */
void config_check_places(struct config_reading *r, const struct config *c,
                         bool try);

#endif
