#ifndef ZK_CODES_H
#define ZK_CODES_H

#include "agent/config.h"
#include "agent/store.h"

#include <stdbool.h>

struct ACL_vector; /* the library's */

/* What new nodes get; static. */
const struct ACL_vector *zk_acl(enum config_acl acl);
/* What the library's code RC means to the publisher. */
enum store_code zk_code(int rc);
/* RC came from a server that serves us, in answer to a request. */
bool zk_server_said(int rc);
/* What is the matter, and what is to be done about it, for people; static.
 * The latter is "" where there is nothing to be done. */
const char *zk_code_words(int rc);
const char *zk_code_advice(int rc);

#endif
