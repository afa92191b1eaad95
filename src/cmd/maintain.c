/*
 * --maintenance.  An entry is one node; who sets one that is there replaces
 * it, by a versioned write, and is told whose it was.  Times are those of the
 * ensemble's clock, so that an hour's error of this machine's does no harm.
 */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/clock.h"
#include "agent/config.h"
#include "agent/escape.h"
#include "agent/log.h"
#include "agent/maintenance.h"
#include "agent/utf8.h"
#include "agent/guard.h"
#include "maintain_list.h"
#include "maintain_scope.h"
#include "tree_session.h"

#include "agent/maintain.h"

#define DONE  0
#define NOT   1
#define USAGE 2
/* Others that write the same entry at the same time. */
#define TRIES     10
#define STEPS_MAX 1000

struct maintain {
    const struct maintain_options *o;
    struct tree_session *tree;
    char own[SCOPE_SIZE]; /* of this config's agent */
    int64_t for_ms;
    char owner[MAINTENANCE_OWNER_MAX + 1];
    bool failed; /* and said why */
    bool away;   /* a read had no answer: the next would have none either */
};

/* ------------------------------------------------------------------- words */

static void complain(const char *name, const char *why)
{
    fprintf(stderr, "sentinel-agent: %s%s%s\n", name, *name != '\0' ? ": " : "",
            why);
}

static void fail(struct maintain *m, const char *name, const char *why)
{
    complain(name, why);
    m->failed = true;
}

/* "of fleet cache", "of agent web-1". */
static const char *whose(const char *scope, char out[SCOPE_SIZE + 16])
{
    bool agent = *scope == '@';
    snprintf(out, SCOPE_SIZE + 16, "of %s %s", agent ? "agent" : "fleet",
             scope + agent);
    return out;
}

/* "ops: kernel", as far as they are there, for a line. */
static void say_entry(const struct maintenance_entry *e, char *out, size_t size)
{
    char owner[ESCAPED_SIZE] = "", reason[ESCAPED_SIZE] = "";
    escape_add(owner, sizeof owner, e->owner, strlen(e->owner));
    escape_add(reason, sizeof reason, e->reason, strlen(e->reason));
    snprintf(out, size, "%s: %s", *owner != '\0' ? owner : "somebody",
             *reason != '\0' ? reason : "no reason given");
}

/* ------------------------------------------------------------------ values */

/* "2h" into ms; 0: it is none. */
static int64_t length_of(const char *text)
{
    static const struct {
        char unit;
        int64_t ms;
    } UNITS[] = { { 's', 1000 },
                  { 'm', 60 * 1000 },
                  { 'h', 60 * 60 * 1000 },
                  { 'd', 24 * 60 * 60 * 1000 } };
    size_t digits = strspn(text, "0123456789");
    if (digits < 1 || digits > 7 || strlen(text) != digits + 1)
        return 0;
    for (size_t i = 0; i < sizeof UNITS / sizeof *UNITS; i++)
        if (text[digits] == UNITS[i].unit)
            return strtol(text, NULL, 10) * UNITS[i].ms;
    return 0;
}

/* A line for people: no control characters, and well-formed. */
static bool is_line(const char *s, size_t max)
{
    uint32_t code;
    if (*s == '\0' || strlen(s) > max)
        return false;
    for (size_t n; *s != '\0'; s += n) {
        n = utf8_at(s, &code);
        if (n == 0 || code < 0x20 || (code >= 0x7f && code < 0xa0))
            return false;
    }
    return true;
}

static int bad(const char *what, const char *why, const char *value)
{
    char shown[ESCAPED_SIZE] = "";
    escape_add(shown, sizeof shown, value, strlen(value));
    fprintf(stderr, "sentinel-agent: %s must be %s, got \"%s\"\n", what, why,
            shown);
    return USAGE;
}

static int find_owner(struct maintain *m)
{
    const char *owner = m->o->owner;
    if (owner == NULL)
        owner = getenv("SUDO_USER");
    if (owner == NULL || *owner == '\0') {
        const struct passwd *user = getpwuid(getuid());
        owner = user != NULL ? user->pw_name : "";
    }
    if (*owner == '\0') {
        snprintf(m->owner, sizeof m->owner, "uid %ld", (long)getuid());
        return DONE;
    }
    if (!is_line(owner, MAINTENANCE_OWNER_MAX))
        return bad("--owner", "1..64 bytes of text on one line", owner);
    strcpy(m->owner, owner);
    return DONE;
}

static int check_names(const struct maintain_options *o)
{
    struct err e;
    for (size_t i = 0; i < o->nnames; i++) {
        enum maintenance_key kind = maintenance_key(o->names[i], &e);
        if (kind == MAINTENANCE_BAD) {
            fprintf(stderr, "sentinel-agent: a name %s\n", e.text);
            return USAGE;
        }
        if (kind == MAINTENANCE_MEMBER && o->fleet == NULL &&
            (o->agent != NULL || !o->config->fleet.enabled)) {
            fprintf(stderr,
                    "sentinel-agent: %s is a member of a fleet: name it with "
                    "--fleet\n",
                    o->names[i]);
            return USAGE;
        }
    }
    return DONE;
}

static int check_scope(const char *option, const char *name)
{
    if (name == NULL || (*name != '@' && scope_is(name)))
        return DONE;
    return bad(option, "letters, digits, . _ or -", name);
}

/* A config for commands alone has no agent: the host's name, its default id,
 * would be that of one which never was. */
static int check_whose(const struct maintain_options *o)
{
    const struct config *c = o->config;
    if (o->fleet != NULL || o->agent != NULL || c->fleet.enabled ||
        c->ninstances > 0)
        return DONE;
    fprintf(stderr,
            "sentinel-agent: %s has neither instances nor a fleet: say whose "
            "with --fleet F or --agent ID\n",
            c->files[0].path);
    return USAGE;
}

/* Before anything is asked. */
static int check(struct maintain *m)
{
    const struct maintain_options *o = m->o;
    const struct config *c = o->config;
    if (!c->zookeeper.enabled) {
        fprintf(stderr,
                "sentinel-agent: %s has no [zookeeper] section: maintenance "
                "is kept there\n",
                c->nfiles > 0 ? c->files[0].path : "the config");
        return USAGE;
    }
    if (check_scope("--fleet", o->fleet) != DONE ||
        check_scope("--agent", o->agent) != DONE || check_names(o) != DONE)
        return USAGE;
    if (o->verb != MAINTAIN_LIST && check_whose(o) != DONE)
        return USAGE;
    if (o->verb != MAINTAIN_SET)
        return DONE;
    m->for_ms = length_of(o->length);
    if (m->for_ms < 1 || m->for_ms > MAINTENANCE_LONGEST_MS)
        return bad("--for", "1s..30d, as in 90m, 2h or 3d", o->length);
    if (!is_line(o->reason, MAINTENANCE_REASON_MAX))
        return bad("--reason", "1..200 bytes of text on one line", o->reason);
    return find_owner(m);
}

/* ------------------------------------------------------------------ scopes */

/* An own instance that NAME is or matches. */
static bool is_own(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->ninstances; i++)
        if (maintenance_matches(name, c->instances[i]->name))
            return true;
    return false;
}

/*
 * Where the entry of NAME belongs: where the options say, else to the agent of
 * the config, and what is none of its own to its fleet.
 */
static const char *scope_of(struct maintain *m, const char *name)
{
    const struct config *c = m->o->config;
    if (m->o->fleet != NULL)
        return m->o->fleet;
    if (m->o->agent != NULL || !c->fleet.enabled || is_own(c, name))
        return m->own;
    return c->fleet.name;
}

static int path_of(const char *scope, const char *name,
                   char out[SCOPE_SIZE + 300])
{
    return snprintf(out, SCOPE_SIZE + 300, "maintenance/%s/%s", scope, name);
}

/* ----------------------------------------------------------------- setting */

/* The entry that is there, and its version; TREE_NEW: none.  A bad one is
 * read as one of nobody. */
static int read_entry(struct maintain *m, const char *path, const char *name,
                      struct maintenance_entry *out, int32_t *version)
{
    struct tree_answer a;
    struct err e;
    *out = (struct maintenance_entry){ .since_wall_ms = 0 };
    int rc = tree_session_get(m->tree, path, &a, &e);
    if (rc != 0) {
        fail(m, name, e.text);
        m->away = a.code == STORE_OK;
    } else if (a.code == STORE_OK &&
               maintenance_read(name, a.data, a.len, out, &e) != 0) {
        *out = (struct maintenance_entry){ .since_wall_ms = 0 };
    }
    *version = rc == 0 && a.code == STORE_OK ? a.version : TREE_NEW;
    tree_answer_free(&a);
    return rc;
}

static void say_set(const char *scope, const struct maintenance_entry *e,
                    const struct maintenance_entry *before, bool replaced,
                    int64_t now)
{
    char until[CLOCK_RFC3339_SIZE], where[SCOPE_SIZE + 16], was[400];
    printf("%s %s: in maintenance until %s", e->key, whose(scope, where),
           clock_rfc3339(e->until_wall_ms, until));
    if (replaced && !maintenance_over(before, now)) {
        say_entry(before, was, sizeof was);
        printf("; in place of %s, until %s", was,
               clock_rfc3339(before->until_wall_ms, until));
    }
    putchar('\n');
}

/* One that is drained is no member either, but goes on living. */
static void say_unknown_member(struct maintain *m, const char *id)
{
    char path[MAINTENANCE_KEY_SIZE + sizeof "agents/"];
    struct tree_answer a;
    struct err e;
    snprintf(path, sizeof path, "agents/%s", id);
    if (tree_session_get(m->tree, path, &a, &e) == 0 && a.code == STORE_NO_NODE)
        printf("  no agent %s is alive just now\n", id);
    tree_answer_free(&a);
}

/* What nobody knows may be a slip, or come later. */
static void say_unknown(struct maintain *m, const char *scope, const char *name)
{
    struct scope_names names;
    struct err e;
    char where[SCOPE_SIZE + 16];
    if (*name == '@') {
        say_unknown_member(m, name + 1);
        return;
    }
    /* Of this config's agent, whether it has run yet or not. */
    if (scope == m->own && m->o->agent == NULL && is_own(m->o->config, name))
        return;
    if (scope_names_read(m->tree, scope, &names, &e) != 0)
        return;
    if (scope_names_covered(&names, name) == 0)
        printf("  nothing %s has that name yet\n", whose(scope, where));
    scope_names_free(&names);
}

static void set_one(struct maintain *m, const char *scope, const char *name,
                    int64_t now)
{
    struct maintenance_entry before, entry = { .since_wall_ms = now };
    char path[SCOPE_SIZE + 300], data[MAINTENANCE_ENTRY_MAX];
    int32_t version;
    struct err e;
    strcpy(entry.key, name);
    strcpy(entry.owner, m->owner);
    strcpy(entry.reason, m->o->reason);
    entry.until_wall_ms = now + m->for_ms;
    size_t len = maintenance_write(&entry, data, sizeof data);
    path_of(scope, name, path);
    for (unsigned tries = 0; tries < TRIES; tries++) {
        if (read_entry(m, path, name, &before, &version) != 0)
            return;
        switch (tree_session_put(m->tree, path, data, len, version, &e)) {
        case TREE_WRITTEN:
            say_set(scope, &entry, &before, version != TREE_NEW, now);
            say_unknown(m, scope, name);
            return;
        case TREE_UNWRITTEN:
            fail(m, name, e.text);
            return;
        case TREE_CHANGED:
            break;
        }
    }
    fail(m, name, "not set: others go on changing it");
}

static void set_all(struct maintain *m)
{
    char above[SCOPE_SIZE + 16];
    const char *last = NULL;
    int64_t offset = 0;
    struct err e;
    for (size_t i = 0; i < m->o->nnames; i++) {
        const char *name = m->o->names[i];
        const char *scope = scope_of(m, name);
        if (m->away) {
            fail(m, name, "not tried");
            continue;
        }
        snprintf(above, sizeof above, "maintenance/%s", scope);
        if (last == NULL &&
            tree_session_clock(m->tree, above, &offset, &e) != 0) {
            fail(m, "", e.text);
            return;
        }
        last = scope;
        set_one(m, scope, name, clock_wall_ms() + offset);
    }
}

/* ----------------------------------------------------------------- lifting */

enum lifted { LIFTED, LIFT_NONE, LIFT_FAILED };

static enum lifted lift_in(struct maintain *m, const char *scope,
                           const char *name)
{
    char path[SCOPE_SIZE + 300], where[SCOPE_SIZE + 16], was[400];
    struct maintenance_entry before;
    int32_t version;
    struct err e;
    path_of(scope, name, path);
    for (unsigned tries = 0; tries < TRIES; tries++) {
        if (read_entry(m, path, name, &before, &version) != 0)
            return LIFT_FAILED;
        if (version == TREE_NEW)
            return LIFT_NONE;
        switch (tree_session_remove(m->tree, path, version, &e)) {
        case TREE_WRITTEN:
            say_entry(&before, was, sizeof was);
            printf("%s %s: maintenance lifted (%s)\n", name,
                   whose(scope, where), was);
            return LIFTED;
        case TREE_UNWRITTEN:
            fail(m, name, e.text);
            return LIFT_FAILED;
        case TREE_CHANGED:
            break;
        }
    }
    fail(m, name, "not lifted: others go on changing it");
    return LIFT_FAILED;
}

/* Wherever it stands, unless the options say where. */
static void lift_all(struct maintain *m)
{
    const struct maintain_options *o = m->o;
    const char *fleet = o->fleet;
    bool own = o->fleet == NULL;
    if (fleet == NULL && o->agent == NULL && o->config->fleet.enabled)
        fleet = o->config->fleet.name;
    for (size_t i = 0; i < o->nnames; i++) {
        const char *name = o->names[i];
        if (m->away) {
            fail(m, name, "not tried");
            continue;
        }
        enum lifted in_own =
            own && *name != '@' ? lift_in(m, m->own, name) : LIFT_NONE;
        enum lifted in_fleet = fleet != NULL && in_own != LIFT_FAILED
                                   ? lift_in(m, fleet, name)
                                   : LIFT_NONE;
        if (in_own == LIFT_NONE && in_fleet == LIFT_NONE)
            fail(m, name,
                 "there is no entry of that very name "
                 "(--maintenance shows what there is)");
    }
}

/* ------------------------------------------------------------------ public */

static void list(struct maintain *m)
{
    const struct maintain_options *o = m->o;
    const char *scope = o->fleet != NULL ? o->fleet : NULL;
    struct err e;
    if (o->agent != NULL)
        scope = m->own;
    if (maintain_list(m->tree, o->config->zookeeper.root, scope, o->json,
                      stdout, &e) != 0)
        fail(m, "", e.text);
}

static int work(struct maintain *m)
{
    switch (m->o->verb) {
    case MAINTAIN_LIST:
        list(m);
        break;
    case MAINTAIN_SET:
        set_all(m);
        break;
    case MAINTAIN_LIFT:
        lift_all(m);
        break;
    }
    guard_end();
    /* A reader such as head(1) may have had enough of it. */
    if (fflush(stdout) != 0 && errno != EPIPE)
        fail(m, "stdout", strerror(errno));
    return m->failed ? NOT : DONE;
}

int maintain_run(const struct maintain_options *o, bool *must_exit)
{
    struct maintain m = { .o = o };
    struct err e;
    /* Each step is bounded; so many of them may be one behind another. */
    size_t steps = 4 * o->nnames + 4;
    guard_within("--maintenance",
                 o->config->zookeeper.publish_timeout_ms *
                     (unsigned)(steps < STEPS_MAX ? steps : STEPS_MAX));
    log_mute();
    snprintf(m.own, sizeof m.own, "@%s",
             o->agent != NULL ? o->agent : o->config->agent.id);
    int code = check(&m);
    if (code == DONE) {
        m.tree = tree_session_open(o->config, &e);
        if (m.tree != NULL)
            code = work(&m);
        else
            complain("", e.text);
        if (m.tree == NULL)
            code = NOT;
    }
    *must_exit = !tree_session_close(m.tree);
    config_free(o->config);
    return code;
}
