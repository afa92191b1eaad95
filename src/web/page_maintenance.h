#ifndef WEB_PAGE_MAINTENANCE_H
#define WEB_PAGE_MAINTENANCE_H

#include <stdbool.h>

struct rounds;
struct text;

/* "maintenance": the entries in force into an open object; of the fleet alone
 * if FLEET_ONLY. */
void page_add_maintenance(const struct rounds *r, bool fleet_only,
                          struct text *out);

#endif
