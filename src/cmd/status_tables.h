#ifndef CMD_STATUS_TABLES_H
#define CMD_STATUS_TABLES_H

#include <stdio.h>

#include "status_view.h"

/* An empty line and the table of V's instances (status_rows.c). */
void status_print_rows(const struct status_view *v,
                       const struct status_style *s, FILE *out);

/* An empty line and the table of the agents that V found in ZooKeeper; nothing
 * where there is none (status_agents.c). */
void status_print_agents(const struct status_view *v,
                         const struct status_style *s, FILE *out);

#endif
