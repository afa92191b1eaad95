/*
 * The library's error codes and access lists, as ours.  What matters of a
 * code is whether the request was done: where the library cannot know, we
 * say so, and the publisher reads the node again.
 */
#include <zookeeper/zookeeper.h>

#include "codes.h"

/* Of servers that are newer than the library's header. */
#define UNKNOWN_SESSION (-12)
#define REQUEST_TIMEOUT (-122)
#define QUOTA_EXCEEDED  (-125)

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

static const struct code {
    int rc;
    enum store_code code;
    bool said; /* by a server that serves us */
    const char *words;
    const char *advice;
} CODES[] = {
    { ZOK, STORE_OK, true, "done", "" },

    /* The library's own, or a server's in trouble. */
    { ZSYSTEMERROR, STORE_UNCERTAIN, false, "system error",
      "look at the server's log" },
    { ZRUNTIMEINCONSISTENCY, STORE_UNCERTAIN, false, "runtime inconsistency",
      "look at the server's log" },
    { ZDATAINCONSISTENCY, STORE_UNCERTAIN, false, "data inconsistency",
      "look at the server's log" },
    { ZCONNECTIONLOSS, STORE_UNCERTAIN, false, "connection lost", "" },
    { ZMARSHALLINGERROR, STORE_UNCERTAIN, false, "the answer could not be read",
      "is that port a ZooKeeper?" },
    { ZUNIMPLEMENTED, STORE_FAILED, true,
      "the server does not know this operation",
      "ZooKeeper 3.4 or later is needed" },
    { ZOPERATIONTIMEOUT, STORE_UNCERTAIN, false, "no answer in time", "" },
    { ZBADARGUMENTS, STORE_FAILED, true, "the server refuses the request",
      "look at root, and at the names of agent and instance" },
    { ZINVALIDSTATE, STORE_SESSION_GONE, false, "the session is over", "" },
    { UNKNOWN_SESSION, STORE_UNCERTAIN, false,
      "the server does not know the session", "" },
    { ZNEWCONFIGNOQUORUM, STORE_BUSY, true,
      "no quorum of the new configuration", "start the servers that lack" },
    { ZRECONFIGINPROGRESS, STORE_BUSY, true,
      "the servers are being reconfigured", "" },
    { ZSSLCONNECTIONERROR, STORE_UNCERTAIN, false, "TLS failed",
      "this program speaks plain TCP: put stunnel before it" },

    /* Answers to a request. */
    { ZAPIERROR, STORE_FAILED, true, "the server refuses the request",
      "look at the server's log" },
    { ZNONODE, STORE_NO_NODE, true, "there is no such node", "" },
    { ZNOAUTH, STORE_NO_AUTH, true, "no right to do it",
      "look at the node's ACL and its parent's, at acl and at digest_file" },
    { ZBADVERSION, STORE_BAD_VERSION, true, "somebody else changed the node",
      "" },
    { ZNOCHILDRENFOREPHEMERALS, STORE_FAILED, true,
      "the parent is an ephemeral node, which has no children",
      "delete that node, or choose another root" },
    { ZNODEEXISTS, STORE_NODE_EXISTS, true, "the node exists already", "" },
    { ZNOTEMPTY, STORE_FAILED, true, "the node has children",
      "delete them: they are not the agent's" },
    { ZSESSIONEXPIRED, STORE_SESSION_GONE, false, "the session has expired",
      "" },
    { ZINVALIDCALLBACK, STORE_FAILED, true, "invalid callback", "" },
    /* "auth" without anybody having authenticated. */
    { ZINVALIDACL, STORE_NO_AUTH, true, "the server does not take the ACL",
      "acl = read and private need a digest_file that the server accepts" },
    { ZAUTHFAILED, STORE_UNCERTAIN, false,
      "the server does not take our authentication",
      "look at digest_file, and at the server's authProvider" },
    { ZCLOSING, STORE_UNCERTAIN, false, "the connection is being closed", "" },
    { ZNOTHING, STORE_FAILED, false, "no answer to process", "" },
    { ZSESSIONMOVED, STORE_BUSY, false, "the session is at another server",
      "" },
    { ZNOTREADONLY, STORE_BUSY, true, "the server is read-only",
      "it has lost its quorum: start the servers that lack" },
    { ZEPHEMERALONLOCALSESSION, STORE_FAILED, true,
      "ephemeral nodes are not for local sessions",
      "set localSessionsUpgradingEnabled on the servers" },
    { ZNOWATCHER, STORE_FAILED, true, "there is no such watcher", "" },
    { REQUEST_TIMEOUT, STORE_UNCERTAIN, true,
      "the servers did not agree in time", "look at their load" },
    { ZRECONFIGDISABLED, STORE_FAILED, true,
      "the servers may not be reconfigured", "" },
    { ZSESSIONCLOSEDREQUIRESASLAUTH, STORE_UNCERTAIN, false,
      "the server wants authentication",
      "digest_file with a user that it knows; of the schemes it may demand, "
      "this program has digest only" },
    { QUOTA_EXCEEDED, STORE_FAILED, true, "the quota is exceeded",
      "raise it (setquota), or delete what nobody needs" },
    { ZTHROTTLEDOP, STORE_BUSY, true, "the server asks to slow down", "" },
};

static const struct code UNKNOWN = { 0, STORE_FAILED, true,
                                     "the server refuses the request",
                                     "look at the server's log" };

static const struct code *code_of(int rc)
{
    for (size_t i = 0; i < sizeof CODES / sizeof CODES[0]; i++)
        if (CODES[i].rc == rc)
            return &CODES[i];
    return &UNKNOWN;
}

enum store_code zk_code(int rc)
{
    return code_of(rc)->code;
}

bool zk_server_said(int rc)
{
    return code_of(rc)->said;
}

const char *zk_code_words(int rc)
{
    return code_of(rc)->words;
}

const char *zk_code_advice(int rc)
{
    return code_of(rc)->advice;
}
