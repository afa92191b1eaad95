#ifndef AGENT_CONFIG_H
#define AGENT_CONFIG_H

#include "agent/err.h"
#include "agent/log.h"
#include "agent/role.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct net_allow;
struct tls_context;

/*
 * INI text in, immutable settings out.  One table of keys (name, type, range,
 * default, help) drives parsing, checking, defaults and printing.  inih does
 * the INI; its surprises (cut lines and section names, joined lines, silent
 * empty sections) are errors or right here.
 */

/* Longest NAME of an instance (the contract), without NUL. */
#define CONFIG_NAME_MAX      40
#define CONFIG_INSTANCES_MAX 100000

enum config_publish { CONFIG_PUBLISH_CHANGE, CONFIG_PUBLISH_ROUND };
enum config_probe { CONFIG_PROBE_FULL, CONFIG_PROBE_PING };
enum config_acl { CONFIG_ACL_OPEN, CONFIG_ACL_READ, CONFIG_ACL_PRIVATE };

/*
 * One [redis:NAME], with [defaults] and [agent] already applied.  Counted
 * references, because after a reload unchanged instances live on while their
 * struct config goes: config_instance_ref and _unref, from any thread.
 */
struct config_instance {
    char *name;
    char *address; /* as written */
    char *host;    /* NULL for a UNIX socket; IPv6 without brackets */
    char *path;    /* of the UNIX socket, else NULL */
    uint16_t port; /* without a path; small values lie side by side */
    bool tls;      /* the keys that begin with it count only then */
    bool tls_verify;
    bool paused;
    unsigned tls_min_days;
    unsigned interval_ms;
    unsigned timeout_ms;
    unsigned retry_interval_ms;
    unsigned connect_interval_ms;
    unsigned info_interval_ms;
    unsigned rise;
    unsigned fall;
    char *username;      /* NULL: none */
    char *password;      /* NULL: none; secret */
    char *password_file; /* NULL: none; as written, for printing */
    char *credentials;   /* of a target: where those three are from, in the
                            agent's own config; or NULL */
    enum role expect_role;
    enum config_probe probe;
    char *probe_key;  /* NULL: not asked */
    uint64_t max_lag; /* bytes; 0: not checked */
    char *tls_ca_file;
    char *tls_ca_dir;
    char *tls_cert_file;
    char *tls_key_file;
    char *tls_server_name;           /* NULL: host */
    struct tls_context *tls_context; /* a reference; NULL without TLS, and
                                        where passwords are left, too */
    /* Of a target of a fleet, not of a section in a file. */
    struct net_allow *allow; /* a reference; NULL: any address */
    char *fault;             /* it cannot be used, and why; NULL: it can */
};

struct config_server {
    char *host; /* numeric or a name; IPv6 without brackets */
    uint16_t port;
};

/* A file that the configuration was read from. */
struct config_file {
    char *path;
    unsigned mode;     /* permission bits */
    bool exposed;      /* a password stands in it, and others can read it */
    unsigned cut_line; /* of the first password that may be cut: blanks at its
                          end, or what reads as a comment; 0: none */
};

struct config {
    struct config_file *files; /* the main one first, then those included */
    size_t nfiles;
    struct {
        char *id;
        unsigned interval_ms;
        unsigned timeout_ms;
        unsigned retry_interval_ms;
        unsigned connect_interval_ms;
        unsigned info_interval_ms;
        unsigned rise;
        unsigned fall;
        unsigned workers;
        unsigned spread_percent;
        unsigned stop_timeout_ms;
        char *log; /* "stderr", "syslog" or a path */
        enum log_level log_level;
        enum log_form log_format;
        char *pid_file;
        char *state_dir; /* NULL: no session is kept over a stop */
        char *user;      /* NULL: stay who we are */
        char *include;   /* NULL: none; as written, for printing */
        unsigned wedge_timeout_ms;
    } agent;
    struct {
        bool enabled;       /* the section is there */
        char *servers_text; /* as written */
        struct config_server *servers;
        size_t nservers;
        char *root; /* starts with /, does not end with it unless "/" */
        unsigned session_timeout_ms;
        enum config_publish publish;
        unsigned publish_timeout_ms;
        unsigned refresh_ms;
        bool presence;
        enum config_acl acl;
        char *digest_file; /* NULL: none */
        char *digest;      /* "user:password" from it, or NULL; secret */
    } zookeeper;
    struct {
        bool enabled; /* the section is there */
        char *listen; /* as written */
        char *host;   /* a numeric address, IPv6 without brackets; NULL for a
                         UNIX socket */
        uint16_t port;
        char *path; /* of the UNIX socket, else NULL */
        /* Names with commas between them, as written; NULL: none. */
        char *allow_hosts;
    } http;
    struct {
        bool enabled;            /* the section is there */
        char *name;              /* NULL without the section */
        char *zone;              /* NULL: none */
        char *targets_allow;     /* as written */
        struct net_allow *allow; /* a reference; from it */
    } fleet;
    /* [credentials:NAME], for targets of the fleet: of such an instance the
     * name, username, password and the client's certificate alone count. */
    struct config_instance **credentials;
    size_t ncredentials;
    bool looks;                         /* secrets were left in their files */
    struct config_instance **instances; /* in the files' order */
    size_t ninstances;
};

/* All that is wrong, each "FILE:LINE: message", in the order of the files
 * and of their lines; "FILE: message", before the others of that file, for
 * what has no line. */
struct config_faults {
    char **lines; /* owned */
    size_t count;
};

/*
 * Reads and checks FILE, what it includes, and the secret files that they
 * name; a secret file that others can read or write is a fault.  NULL when
 * there is any fault; FAULTS then has all of them (at least one, unless memory
 * ran out even for that).  Free FAULTS with config_faults_free in either case.
 */
struct config *config_load(const char *file,
                           struct config_faults *faults) MUST_USE;

/*
 * As config_load; a log or a state_dir that the config's user cannot write is
 * a fault as well.  It is tried as that user, by a child process where we are
 * root, and not at all where we are another user than that.
 */
struct config *config_load_to_test(const char *file,
                                   struct config_faults *faults) MUST_USE;

/*
 * As config_load, for a command that only looks at what an agent does, as any
 * user who can read FILE: at its page, as [http] says, or at ZOOKEEPER, as
 * [zookeeper] says.  Only a fault in that section makes it NULL; others are in
 * FAULTS all the same.  The passwords of instances are left in their files,
 * which nobody but the agent's user may be able to read, and so is the digest
 * unless ZooKeeper is looked at.
 */
struct config *config_load_to_look(const char *file, bool zookeeper,
                                   struct config_faults *faults) MUST_USE;

/*
 * The settings of a command that looks at the page at ADDRESS (host:port,
 * [v6]:port or unix:/path; the host may be a name), without any file: the
 * rest are defaults.  NULL and E.
 */
struct config *config_of_http(const char *address, struct err *e) MUST_USE;

void config_faults_free(struct config_faults *faults);

/* Secrets are wiped.  NULL is a no-op. */
void config_free(struct config *c);

/* For a process that goes on with the other settings only: passwords are wiped.
 */
void config_drop_instances(struct config *c);

/* Whether there is any password or digest in it. */
bool config_has_secrets(const struct config *c);

struct config_instance *config_instance_ref(struct config_instance *i);
void config_instance_unref(struct config_instance *i);

/*
 * True when nothing that a probe or a verdict depends on differs: not
 * compared are paused, where the password was read from, and the line.
 */
bool config_instance_equal(const struct config_instance *a,
                           const struct config_instance *b);
/* Names the keys that make the two unequal, into OUT, comma-separated (cut at
 * SIZE); returns their number.  It is 0 too where a fault alone does. */
size_t config_instance_keys(const struct config_instance *a,
                            const struct config_instance *b, char *out,
                            size_t size);

/* The settings in force as INI, defaults filled in, secrets as ***; what was
 * included is spelled out, and `include` a comment. */
void config_print(const struct config *c, FILE *out);

/*
 * Names the keys ("agent.id", "zookeeper.servers", …) whose change between A
 * and B needs a restart, into OUT, comma-separated (cut at SIZE); returns
 * their number.  "zookeeper" or "http" stands for the whole section come or
 * gone.
 */
size_t config_restart_keys(const struct config *a, const struct config *b,
                           char *out, size_t size);

#endif
