#ifndef ZK_CALL_H
#define ZK_CALL_H

#include "agent/store.h"

#include <zookeeper/zookeeper.h>

struct zk_op;

/*
 * Hands R to the library; OP comes back as its context, and is told of the
 * outcome by zk_op_done.  ACL is for what is created; borrowed for good.
 * Returns the library's code: other than ZOK and ZSYSTEMERROR, OP will hear
 * of nothing.  Thread: publisher.
 */
int zk_call(zhandle_t *zh, const struct ACL_vector *acl, struct zk_op *op,
            const struct store_request *r);

#endif
