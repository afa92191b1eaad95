/*
 * The library's error codes and access lists, as ours.  What matters of a
 * code is whether the request was done: where the library cannot know, we
 * say so, and the publisher reads the node again.
 */
#include <zookeeper/zookeeper.h>

#include "codes.h"

static char auth_scheme[] = "auth";
static char auth_nobody[] = "";
static char world_scheme[] = "world";
static char world_anyone[] = "anyone";

/* Read for everybody, everything for those who made the node.  The
 * library's masks are variables, so they cannot stand here. */
static struct ACL read_acls[] = {
    { .perms = 0x1f, .id = { auth_scheme, auth_nobody } },
    { .perms = 0x01, .id = { world_scheme, world_anyone } },
};
static const struct ACL_vector read_acl = { 2, read_acls };

const struct ACL_vector *zk_acl(enum config_acl acl)
{
    switch (acl) {
    case CONFIG_ACL_OPEN:
        return &ZOO_OPEN_ACL_UNSAFE;
    case CONFIG_ACL_READ:
        return &read_acl;
    case CONFIG_ACL_PRIVATE:
        return &ZOO_CREATOR_ALL_ACL;
    }
    return &ZOO_CREATOR_ALL_ACL;
}

enum store_code zk_code(int rc)
{
    switch (rc) {
    case ZOK:
        return STORE_OK;
    case ZNONODE:
        return STORE_NO_NODE;
    case ZNODEEXISTS:
        return STORE_NODE_EXISTS;
    case ZBADVERSION:
        return STORE_BAD_VERSION;
    case ZNOAUTH:
    case ZINVALIDACL: /* "auth" without anybody having authenticated */
        return STORE_NO_AUTH;
    case ZCONNECTIONLOSS:
    case ZOPERATIONTIMEOUT:
    case ZMARSHALLINGERROR: /* a reply that could not be read */
    case ZSYSTEMERROR:
    case ZCLOSING:
    case ZAUTHFAILED:
        return STORE_UNCERTAIN;
    case ZSESSIONEXPIRED:
    case ZINVALIDSTATE:
        return STORE_SESSION_GONE;
    case ZSESSIONMOVED:
    case ZNOTREADONLY:
    case ZTHROTTLEDOP:
        return STORE_BUSY;
    }
    return STORE_FAILED;
}

bool zk_server_said(int rc)
{
    return rc == ZOK || rc == ZNONODE || rc == ZNODEEXISTS ||
           rc == ZBADVERSION || rc == ZNOAUTH;
}
