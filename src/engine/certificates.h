#ifndef ENGINE_CERTIFICATES_H
#define ENGINE_CERTIFICATES_H

#include "agent/instance.h"

/* A new connection to I was made with TLS: logs, once a day, that a certificate
 * of its server ends within tls_min_days.  Thread: loop. */
void certificates_look(struct instance *i, uint64_t now_mono_ms,
                       int64_t now_wall_ms);

#endif
