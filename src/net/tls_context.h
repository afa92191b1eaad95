#ifndef NET_TLS_CONTEXT_H
#define NET_TLS_CONTEXT_H

#include "agent/tls.h"

#include <openssl/types.h>

/* One connection of C, as its files were read last, and *GENERATION, which is
 * another one once they were read anew.  NULL on lack of memory.  Thread:
 * any. */
SSL *tls_context_connection(struct tls_context *c, unsigned *generation);

bool tls_context_verifies(const struct tls_context *c);

/* Whether any certificate that we trust is named in the settings. */
bool tls_context_has_ca(const struct tls_context *c);

#endif
