#ifndef CONFIG_COMPLETE_H
#define CONFIG_COMPLETE_H

#include "read.h"

/* What nobody set, filled in when all was read. */

/* From the table of keys. */
void config_set_defaults(struct config_reading *r,
                         const struct config_keyset *set, void *base);

/* [defaults], from [agent] or the table. */
void config_complete_defaults(struct config_reading *r);

/* One [redis:NAME], from [defaults]; checks what spans several keys. */
void config_complete_instance(struct config_reading *r,
                              struct config_section *s);

/* All that R owns but the texts of its faults. */
void config_reading_free(struct config_reading *r);

#endif
