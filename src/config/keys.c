/*
 * The keys of the configuration, each told once: where its value lives, what
 * it may be, what it is when nobody says, and what it means.  Parsing,
 * checking, printing, inheriting and comparing walk these tables, and so do
 * the tests over config.example.ini; a new key is a new line here.
 *
 * A key of [defaults] is a key of [redis:NAME]; one of those that [agent]
 * has too (found by name) inherits from there.
 */
#include <assert.h>
#include <string.h>

#include "agent/role.h"

#include "keys.h"

#define AGENT(field)     offsetof(struct config, agent.field)
#define ZOOKEEPER(field) offsetof(struct config, zookeeper.field)
#define HTTP(field)      offsetof(struct config, http.field)
#define INSTANCE(field)  offsetof(struct config_instance, field)

#define SECOND_MS 1000u
#define MINUTE_MS 60000u
#define DAY_MS    (1440u * MINUTE_MS)
#define TERABYTE  ((uint64_t)1 << 40)

#define INTERVAL_RANGE .type = CONFIG_DURATION, .min = 50, .max = DAY_MS
#define TIMEOUT_RANGE  .type = CONFIG_DURATION, .min = 1, .max = 10 * MINUTE_MS
#define RETRY_RANGE    .type = CONFIG_DURATION, .min = 10, .max = 60 * MINUTE_MS
#define INFO_RANGE     .type = CONFIG_DURATION, .min = 50, .max = DAY_MS
#define ROW_RANGE      .type = CONFIG_COUNT, .min = 1, .max = 100

#define ARRAY_LEN(a) (sizeof(a) / sizeof *(a))

/* In the order of their enums. */
static const char *const FORMAT_WORDS[] = { "logfmt", "json", NULL };
static const char *const PUBLISH_WORDS[] = { "change", "round", NULL };
static const char *const ACL_WORDS[] = { "open", "read", "private", NULL };
static const char *const ROLE_WORDS[] = { "any", "master", "replica", NULL };

static const struct config_key AGENT_KEYS[] = {
    { .name = "id",
      .type = CONFIG_STRING,
      .offset = AGENT(id),
      .check = config_check_id,
      .example = "web-1",
      .flags = CONFIG_RESTART,
      .help = "this agent's name in ZooKeeper; default: the host's name" },
    { .name = "interval",
      INTERVAL_RANGE,
      .offset = AGENT(interval_ms),
      .deflt = "10s",
      .help = "one round of probes every ..." },
    { .name = "timeout",
      TIMEOUT_RANGE,
      .offset = AGENT(timeout_ms),
      .deflt = "1s",
      .help = "a whole probe: name, connect, login and all replies" },
    { .name = "retry_interval",
      RETRY_RANGE,
      .offset = AGENT(retry_interval_ms),
      .deflt = "1s",
      .help = "pace of probes while results contradict the status" },
    { .name = "connect_interval",
      INFO_RANGE,
      .offset = AGENT(connect_interval_ms),
      .deflt = "30s",
      .help = "a new connection beside the kept one at least this often" },
    { .name = "info_interval",
      INFO_RANGE,
      .offset = AGENT(info_interval_ms),
      .deflt = "10s",
      .help = "INFO replication when this long has passed; PING every round" },
    { .name = "rise",
      ROW_RANGE,
      .offset = AGENT(rise),
      .deflt = "2",
      .help = "better results in a row that raise the status" },
    { .name = "fall",
      ROW_RANGE,
      .offset = AGENT(fall),
      .deflt = "3",
      .help = "worse results in a row that lower it" },
    { .name = "workers",
      .type = CONFIG_COUNT,
      .min = 1,
      .max = 64,
      .offset = AGENT(workers),
      .deflt = "2",
      .flags = CONFIG_RESTART,
      .help = "probe threads, fixed for the life of the process" },
    { .name = "spread",
      .type = CONFIG_PERCENT,
      .min = 0,
      .max = 50,
      .offset = AGENT(spread_percent),
      .deflt = "20%",
      .help = "part of the interval over which a round's probes are spread" },
    { .name = "stop_timeout",
      .type = CONFIG_DURATION,
      .min = 100,
      .max = 10 * MINUTE_MS,
      .offset = AGENT(stop_timeout_ms),
      .deflt = "3s",
      .help = "after SIGTERM the process is gone by then, whatever hangs" },
    { .name = "log",
      .type = CONFIG_STRING,
      .offset = AGENT(log),
      .check = config_check_log,
      .deflt = "stderr",
      .help = "stderr | syslog | a file's absolute path" },
    { .name = "log_level",
      .type = CONFIG_WORD,
      .words = LOG_LEVEL_NAMES,
      .offset = AGENT(log_level),
      .deflt = "info",
      .help = "error | warn | info | debug" },
    { .name = "log_format",
      .type = CONFIG_WORD,
      .words = FORMAT_WORDS,
      .offset = AGENT(log_format),
      .deflt = "logfmt",
      .help = "logfmt | json" },
    { .name = "pid_file",
      .type = CONFIG_STRING,
      .offset = AGENT(pid_file),
      .check = config_check_new_file,
      .deflt = "/run/sentinel-agent.pid",
      .flags = CONFIG_RESTART,
      .help = "with -d: the pid; locked as long as the daemon runs" },
    { .name = "state_dir",
      .type = CONFIG_STRING,
      .offset = AGENT(state_dir),
      .check = config_check_folder,
      .example = "/var/lib/sentinel-agent",
      .flags = CONFIG_RESTART,
      .help = "the ZooKeeper session to resume after a restart" },
    { .name = "user",
      .type = CONFIG_STRING,
      .offset = AGENT(user),
      .check = config_check_user,
      .example = "redis",
      .flags = CONFIG_RESTART,
      .help = "drop to this user once started as root; default: do not" },
    { .name = "include",
      .type = CONFIG_STRING,
      .offset = AGENT(include),
      .example = "conf.d/*.ini",
      .flags = CONFIG_DONE,
      .help = "read these files too: a glob(3), relative to this file" },
    { .name = "wedge_timeout",
      .type = CONFIG_DURATION,
      .min = SECOND_MS,
      .max = 60 * MINUTE_MS,
      .offset = AGENT(wedge_timeout_ms),
      .deflt = "60s",
      .flags = CONFIG_RESTART,
      .help = "a thread of ours silent for so long: end, to be restarted" },
};

static const struct config_key ZOOKEEPER_KEYS[] = {
    { .name = "servers",
      .type = CONFIG_STRING,
      .offset = ZOOKEEPER(servers_text),
      .check = config_check_servers,
      .example = "127.0.0.1:2181,127.0.0.1:2182",
      .flags = CONFIG_RESTART,
      .help = "required in this section: host:port or [v6]:port, ..." },
    { .name = "root",
      .type = CONFIG_STRING,
      .offset = ZOOKEEPER(root),
      .check = config_check_root,
      .deflt = "/sentinel-agent",
      .flags = CONFIG_RESTART,
      .help = "the node above all of ours; created if missing" },
    { .name = "session_timeout",
      .type = CONFIG_DURATION,
      .min = SECOND_MS,
      .max = 10 * MINUTE_MS,
      .offset = ZOOKEEPER(session_timeout_ms),
      .deflt = "10s",
      .flags = CONFIG_RESTART,
      .help = "ephemeral nodes outlive a lost agent by this" },
    { .name = "publish",
      .type = CONFIG_WORD,
      .words = PUBLISH_WORDS,
      .offset = ZOOKEEPER(publish),
      .deflt = "change",
      .help = "change | round (write every status every round, as well)" },
    { .name = "publish_timeout",
      .type = CONFIG_DURATION,
      .min = 100,
      .max = 10 * MINUTE_MS,
      .offset = ZOOKEEPER(publish_timeout_ms),
      .deflt = "5s",
      .help = "--check-once waits at most this long for ZooKeeper" },
    { .name = "refresh",
      .type = CONFIG_DURATION,
      .min = SECOND_MS,
      .max = DAY_MS,
      .offset = ZOOKEEPER(refresh_ms),
      .deflt = "5m",
      .flags = CONFIG_RESTART,
      .help = "re-read our nodes, repair what others changed, every ..." },
    { .name = "presence",
      .type = CONFIG_BOOL,
      .offset = ZOOKEEPER(presence),
      .deflt = "no",
      .flags = CONFIG_RESTART,
      .help = "yes: also keep ROOT/alive/NAME for what is up or degraded" },
    { .name = "acl",
      .type = CONFIG_WORD,
      .words = ACL_WORDS,
      .offset = ZOOKEEPER(acl),
      .deflt = "open",
      .flags = CONFIG_RESTART,
      .help = "open | read (world reads, we write) | private" },
    { .name = "digest_file",
      .type = CONFIG_STRING,
      .offset = ZOOKEEPER(digest_file),
      .check = config_check_path,
      .example = "/etc/sentinel-agent/zk.secret",
      .flags = CONFIG_RESTART,
      .help = "one line user:password; required by read and private" },
};

static const struct config_key HTTP_KEYS[] = {
    { .name = "listen",
      .type = CONFIG_STRING,
      .offset = HTTP(listen),
      .check = config_check_listen,
      .deflt = "127.0.0.1:6060",
      .flags = CONFIG_RESTART,
      .help = "numeric address:port | [v6]:port | unix:/path" },
    { .name = "allow_hosts",
      .type = CONFIG_STRING,
      .offset = HTTP(allow_hosts),
      .check = config_check_hosts,
      .example = "status.example.org",
      .flags = CONFIG_RESTART,
      .help = "more names by which a browser may ask, comma-separated" },
};

static const struct config_key INSTANCE_KEYS[] = {
    { .name = "address",
      .type = CONFIG_STRING,
      .offset = INSTANCE(address),
      .check = config_check_address,
      .example = "127.0.0.1:6379",
      .help = "required: host:port | [v6]:port | unix:/path" },
    { .name = "interval",
      INTERVAL_RANGE,
      .offset = INSTANCE(interval_ms),
      .help = "as in [agent]" },
    { .name = "timeout",
      TIMEOUT_RANGE,
      .offset = INSTANCE(timeout_ms),
      .help = "as in [agent]" },
    { .name = "retry_interval",
      RETRY_RANGE,
      .offset = INSTANCE(retry_interval_ms),
      .help = "as in [agent]" },
    { .name = "connect_interval",
      INFO_RANGE,
      .offset = INSTANCE(connect_interval_ms),
      .help = "as in [agent]" },
    { .name = "info_interval",
      INFO_RANGE,
      .offset = INSTANCE(info_interval_ms),
      .help = "as in [agent]" },
    { .name = "rise",
      ROW_RANGE,
      .offset = INSTANCE(rise),
      .help = "as in [agent]" },
    { .name = "fall",
      ROW_RANGE,
      .offset = INSTANCE(fall),
      .help = "as in [agent]" },
    { .name = "username",
      .type = CONFIG_STRING,
      .offset = INSTANCE(username),
      .check = config_check_text,
      .example = "probe",
      .help = "an ACL user; needs a password" },
    { .name = "password",
      .type = CONFIG_STRING,
      .offset = INSTANCE(password),
      .check = config_check_text,
      .example = "sesame",
      .flags = CONFIG_SECRET,
      .help = "a ; after a space begins a comment: then use password_file" },
    { .name = "password_file",
      .type = CONFIG_STRING,
      .offset = INSTANCE(password_file),
      .check = config_check_path,
      .example = "/etc/sentinel-agent/cache-1.secret",
      .flags = CONFIG_COSMETIC,
      .help = "one line, the password; instead of password" },
    { .name = "expect_role",
      .type = CONFIG_WORD,
      .words = ROLE_WORDS,
      .offset = INSTANCE(expect_role),
      .deflt = "any",
      .help = "any | master | replica: another role is degraded" },
    { .name = "max_lag",
      .type = CONFIG_SIZE,
      .min = 1,
      .max = TERABYTE,
      .offset = INSTANCE(max_lag),
      .example = "10M",
      .help = "a replica further behind is degraded; default: not checked" },
    { .name = "paused",
      .type = CONFIG_BOOL,
      .offset = INSTANCE(paused),
      .deflt = "no",
      .flags = CONFIG_COSMETIC,
      .help = "keep probing and showing, publish maintenance" },
};

_Static_assert(ARRAY_LEN(AGENT_KEYS) <= CONFIG_KEYS_MAX, "lines[] too short");
_Static_assert(ARRAY_LEN(ZOOKEEPER_KEYS) <= CONFIG_KEYS_MAX, "as above");
_Static_assert(ARRAY_LEN(HTTP_KEYS) <= CONFIG_KEYS_MAX, "as above");
_Static_assert(ARRAY_LEN(INSTANCE_KEYS) <= CONFIG_KEYS_MAX, "as above");
/* CONFIG_WORD is read and written as an unsigned. */
_Static_assert(sizeof(enum role) == sizeof(unsigned), "enum size");

const struct config_keyset CONFIG_KEYSETS[CONFIG_SECTIONS] = {
    [SECTION_AGENT] = { "agent", AGENT_KEYS, ARRAY_LEN(AGENT_KEYS) },
    [SECTION_ZOOKEEPER] = { "zookeeper", ZOOKEEPER_KEYS,
                            ARRAY_LEN(ZOOKEEPER_KEYS) },
    [SECTION_HTTP] = { "http", HTTP_KEYS, ARRAY_LEN(HTTP_KEYS) },
    [SECTION_INSTANCE] = { "redis", INSTANCE_KEYS, ARRAY_LEN(INSTANCE_KEYS) },
};

int config_key_find(const struct config_keyset *set, const char *name)
{
    for (size_t i = 0; i < set->nkeys; i++) {
        if (strcmp(set->keys[i].name, name) == 0)
            return (int)i;
    }
    return -1;
}

size_t config_key_index(const struct config_keyset *set, const char *name)
{
    int i = config_key_find(set, name);

    assert(i >= 0);
    return (size_t)i;
}
