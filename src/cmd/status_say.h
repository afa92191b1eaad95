#ifndef CMD_STATUS_SAY_H
#define CMD_STATUS_SAY_H

#include "agent/status.h"
#include "status_screen.h"
#include "status_view.h"

/* One line on stderr: TEXT, after the program's name. */
void status_complain(const char *text);

/* How views of O are to be printed on T.  The texts in it are O's config's. */
struct status_style status_style_of(const struct status_options *o,
                                    const struct status_terminal *t);

#endif
