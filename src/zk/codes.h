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
/* RC came from a server, in answer to a request. */
bool zk_server_said(int rc);

#endif
