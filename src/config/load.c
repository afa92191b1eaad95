/*
 * A configuration from its files: sections as read (read.c), then what
 * nobody set is filled in from [defaults], [agent] and the table of keys
 * (keys.c), and what spans several keys is checked.
 *
 * Faults are collected, never returned early, and sorted by their places
 * in the end: a person who repairs a file wants all of them at once, top down.
 */
#include <assert.h>
#include <limits.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/escape.h"
#include "agent/net_allow.h"
#include "agent/tls.h"

#include "complete.h"
#include "faults.h"
#include "files.h"
#include "places.h"
#include "read.h"
#include "settings.h"

static const struct config_keyset *const AGENT = &CONFIG_KEYSETS[SECTION_AGENT];
static const struct config_keyset *const ZOOKEEPER =
    &CONFIG_KEYSETS[SECTION_ZOOKEEPER];
static const struct config_keyset *const HTTP = &CONFIG_KEYSETS[SECTION_HTTP];
static const struct config_keyset *const FLEET = &CONFIG_KEYSETS[SECTION_FLEET];
static const struct config_keyset *const CREDENTIALS =
    &CONFIG_KEYSETS[SECTION_CREDENTIALS];
static const struct config_keyset *const INSTANCE =
    &CONFIG_KEYSETS[SECTION_INSTANCE];

/* Where a key stands, or else its section. */
static unsigned place_of(const struct config_section *s, const char *key)
{
    unsigned at = s->keys_at[config_key_index(s->set, key)];

    return at > 0 ? at : s->at;
}

static bool has(const struct config_section *s, const char *key)
{
    return s->keys_at[config_key_index(s->set, key)] != 0;
}

void config_set_defaults(struct config_reading *r,
                         const struct config_keyset *set, void *base)
{
    for (size_t i = 0; i < set->nkeys; i++) {
        struct err why;

        /* The table's defaults are valid: only memory can be lacking. */
        if (set->keys[i].deflt != NULL &&
            config_value_parse(&set->keys[i], set->keys[i].deflt, base, &why) ==
                -1)
            r->out_of_memory = true;
    }
}

/* The secret that FILE holds; NULL after a fault. */
static char *read_secret(struct config_reading *r, unsigned at, const char *key,
                         const char *file)
{
    struct err why;
    char *secret = config_secret(file, &why);

    if (secret == NULL)
        config_fault(r, at, "%s: %s: %s", key, file, why.text);
    return secret;
}

/* The password of a section that says where it is; faults of the pair. */
static void resolve_password(struct config_reading *r, struct config_section *s)
{
    struct config_instance *i = s->base;
    unsigned here = s->keys_at[config_key_index(s->set, "password")];
    unsigned file = s->keys_at[config_key_index(s->set, "password_file")];

    if (here > 0 && file > 0)
        config_fault(r, here > file ? here : file,
                     "password and password_file exclude each other");
    else if (i->password_file != NULL && !r->leave_passwords)
        i->password = read_secret(r, file, "password_file", i->password_file);
}

/*
 * Makes the defaults complete: what [defaults] does not say comes from
 * [agent], or else from the table.
 */
void config_complete_defaults(struct config_reading *r)
{
    for (size_t i = 0; i < INSTANCE->nkeys; i++) {
        const struct config_key *k = &INSTANCE->keys[i];
        int parent = config_key_find(AGENT, k->name);
        struct err why;
        int rc = 0;

        if (r->defaults.keys_at[i] > 0)
            continue;
        if (parent >= 0)
            rc = config_value_copy(&AGENT->keys[parent], r->agent.base, k,
                                   r->defaults.base);
        else if (k->deflt != NULL)
            rc = config_value_parse(k, k->deflt, r->defaults.base, &why);
        if (rc != 0)
            r->out_of_memory = true;
    }
    r->current = &r->defaults;
    resolve_password(r, &r->defaults);
}

/* Two ways to say one thing: an instance that uses either inherits neither. */
static bool own_password(const struct config_section *s)
{
    return has(s, "password") || has(s, "password_file");
}

static void inherit(struct config_reading *r, struct config_section *s)
{
    for (size_t i = 0; i < INSTANCE->nkeys; i++) {
        const struct config_key *k = &INSTANCE->keys[i];

        if (s->keys_at[i] > 0 ||
            (own_password(s) && strncmp(k->name, "password", 8) == 0))
            continue;
        if (config_value_copy(k, r->defaults.base, k, s->base) != 0)
            r->out_of_memory = true;
    }
}

/* Where a key of S stands that it may have from the defaults. */
static unsigned key_place(const struct config_reading *r,
                          const struct config_section *s, const char *key)
{
    size_t k = config_key_index(INSTANCE, key);
    if (s->keys_at[k] == 0 && r->defaults.keys_at[k] > 0)
        return r->defaults.keys_at[k];
    return place_of(s, key);
}

/* What [credentials:NAME] of the agent's config has, for a target that names
 * it. */
static void take_credentials(struct config_reading *r,
                             const struct config_section *s)
{
    struct config_instance *i = s->base;
    const struct config_instance *c = NULL;
    if (i->credentials == NULL)
        return;
    for (size_t k = 0; k < r->nknown && c == NULL; k++)
        if (strcmp(r->known[k]->name, i->credentials) == 0)
            c = r->known[k];
    if (c == NULL && !r->all_known)
        config_fault(r, key_place(r, s, "credentials"),
                     "credentials = %s: the config of this agent has no "
                     "[credentials:%s]",
                     i->credentials, i->credentials);
    for (size_t k = 0; c != NULL && k < CREDENTIALS->nkeys; k++)
        if (config_value_copy(&CREDENTIALS->keys[k], c, &CREDENTIALS->keys[k],
                              i) != 0)
            r->out_of_memory = true;
}

static const char *const TLS_KEYS[TLS_FILES] = {
    [TLS_CA_FILE] = "tls_ca_file",
    [TLS_CA_DIR] = "tls_ca_dir",
    [TLS_CERT_FILE] = "tls_cert_file",
    [TLS_KEY_FILE] = "tls_key_file",
};

/* Keys of its own that have no effect would be taken for protection. */
static void check_no_tls(struct config_reading *r,
                         const struct config_section *s)
{
    for (size_t k = 0; k < INSTANCE->nkeys; k++)
        if (s->keys_at[k] > 0 && INSTANCE->keys[k].type == CONFIG_STRING &&
            strncmp(INSTANCE->keys[k].name, "tls_", 4) == 0)
            config_fault(r, s->keys_at[k], "%s needs tls = yes",
                         INSTANCE->keys[k].name);
}

static void read_tls_files(struct config_reading *r,
                           const struct config_section *s)
{
    struct config_instance *i = s->base;
    const struct tls_settings tls = {
        .files = { [TLS_CA_FILE] = i->tls_ca_file,
                   [TLS_CA_DIR] = i->tls_ca_dir,
                   [TLS_CERT_FILE] = i->tls_cert_file,
                   [TLS_KEY_FILE] = i->tls_key_file },
        .verify = i->tls_verify,
    };
    enum tls_file which;
    struct err why;
    i->tls_context = tls_context_get(&tls, &which, &why);
    if (i->tls_context == NULL && which == TLS_NO_FILE)
        config_fault(r, key_place(r, s, "tls"), "tls = yes: %s", why.text);
    else if (i->tls_context == NULL)
        config_fault(r, key_place(r, s, TLS_KEYS[which]), "%s: %s: %s",
                     TLS_KEYS[which], tls.files[which], why.text);
}

static void complete_tls(struct config_reading *r,
                         const struct config_section *s)
{
    const struct config_instance *i = s->base;
    if (!i->tls) {
        check_no_tls(r, s);
        return;
    }
    if (i->path != NULL)
        config_fault(r, key_place(r, s, "tls"),
                     "tls = yes: there is no TLS on a UNIX socket");
    else if ((i->tls_cert_file == NULL) != (i->tls_key_file == NULL))
        config_fault(r,
                     key_place(r, s,
                               i->tls_key_file == NULL ? "tls_cert_file"
                                                       : "tls_key_file"),
                     "tls_cert_file and tls_key_file need each other");
    else if (!r->leave_passwords)
        read_tls_files(r, s);
}

void config_complete_instance(struct config_reading *r,
                              struct config_section *s)
{
    struct config_instance *i = s->base;
    char shown[ESCAPED_SIZE];

    r->current = s;
    resolve_password(r, s);
    inherit(r, s);
    if (i->username != NULL && !own_password(s) && !own_password(&r->defaults))
        config_fault(r, place_of(s, "username"),
                     "[redis:%s] has a username and no password",
                     config_show(i->name, shown));
    if (!has(s, "address"))
        config_fault(r, s->at, "[redis:%s] has no address",
                     config_show(i->name, shown));
    else if (i->address != NULL &&
             config_split_address(i->address, &i->host, &i->port, &i->path) !=
                 0)
        r->out_of_memory = true;
    take_credentials(r, s);
    complete_tls(r, s);
}

static void complete_credentials(struct config_reading *r,
                                 struct config_section *s)
{
    const struct config_instance *c = s->base;
    r->current = s;
    resolve_password(r, s);
    if (has(s, "username") && !own_password(s))
        config_fault(r, place_of(s, "username"),
                     "[credentials:%s] has a username and no password",
                     c->name);
    else if (!own_password(s) && !has(s, "tls_cert_file"))
        config_fault(r, s->at,
                     "[credentials:%s] has neither a password nor a "
                     "certificate",
                     c->name);
    if (has(s, "tls_cert_file") != has(s, "tls_key_file"))
        config_fault(r,
                     place_of(s, has(s, "tls_cert_file") ? "tls_cert_file"
                                                         : "tls_key_file"),
                     "tls_cert_file and tls_key_file need each other");
}

static void read_digest(struct config_reading *r, struct config *c)
{
    unsigned at = place_of(&r->zookeeper, "digest_file");
    const char *colon;

    c->zookeeper.digest =
        read_secret(r, at, "digest_file", c->zookeeper.digest_file);
    if (c->zookeeper.digest == NULL)
        return;
    colon = strchr(c->zookeeper.digest, ':');
    if (colon == NULL || colon == c->zookeeper.digest || colon[1] == '\0')
        config_fault(r, at, "digest_file: %s: not of the form user:password",
                     c->zookeeper.digest_file);
}

static void complete_zookeeper(struct config_reading *r, struct config *c)
{
    const struct config_section *s = &r->zookeeper;

    c->zookeeper.enabled = s->at != 0;
    if (!c->zookeeper.enabled)
        return;
    r->current = &r->zookeeper;
    if (!has(s, "servers"))
        config_fault(r, s->at, "[zookeeper] has no servers");
    else if (c->zookeeper.servers_text != NULL &&
             config_split_servers(c->zookeeper.servers_text,
                                  &c->zookeeper.servers,
                                  &c->zookeeper.nservers) != 0)
        r->out_of_memory = true;
    if (c->zookeeper.acl != CONFIG_ACL_OPEN && !has(s, "digest_file"))
        config_fault(r, place_of(s, "acl"), "acl = %s needs a digest_file",
                     c->zookeeper.acl == CONFIG_ACL_READ ? "read" : "private");
    if (c->zookeeper.digest_file != NULL && !r->leave_digest)
        read_digest(r, c);
}

static void complete_http(struct config_reading *r, struct config *c)
{
    c->http.enabled = r->http.at != 0;
    if (c->http.enabled && c->http.listen != NULL &&
        config_split_address(c->http.listen, &c->http.host, &c->http.port,
                             &c->http.path) != 0)
        r->out_of_memory = true;
}

static void complete_fleet(struct config_reading *r, struct config *c)
{
    const struct config_section *s = &r->fleet;
    struct err why;

    c->fleet.enabled = s->at != 0;
    if (!c->fleet.enabled)
        return;
    r->current = &r->fleet;
    if (!has(s, "name"))
        config_fault(r, s->at, "[fleet] has no name");
    if (!has(s, "targets_allow"))
        config_fault(r, s->at, "[fleet] has no targets_allow");
    if (r->zookeeper.at == 0)
        config_fault(r, s->at, "[fleet] needs [zookeeper]");
    if (c->fleet.targets_allow == NULL)
        return;
    c->fleet.allow = net_allow_new(c->fleet.targets_allow, &why);
    r->out_of_memory = r->out_of_memory || c->fleet.allow == NULL;
}

/* The host's name as id is the one default that can be unfit.  It stands in
 * for an unfit one too: there is always an id. */
static void complete_id(struct config_reading *r, struct config *c)
{
    char host[HOST_NAME_MAX + 1] = "";
    struct err why;

    if (c->agent.id != NULL)
        return;
    r->current = &r->agent;
    gethostname(host, sizeof host - 1);
    if (!has(&r->agent, "id") && config_check_id(host, &why) != 0)
        config_fault(r, r->agent.at,
                     "id is not set and the host's name cannot stand in: "
                     "it %s",
                     why.text);
    c->agent.id = strdup(host);
    if (c->agent.id == NULL)
        r->out_of_memory = true;
}

static void complete(struct config_reading *r, struct config *c,
                     bool try_places)
{
    complete_id(r, c);
    config_check_places(r, c, try_places);
    complete_zookeeper(r, c);
    complete_http(r, c);
    complete_fleet(r, c);
    config_complete_defaults(r);
    for (size_t i = 0; i < r->ninstances; i++)
        config_complete_instance(r, r->instances[i]);
    for (size_t i = 0; i < r->ncredentials; i++)
        complete_credentials(r, &r->credentials[i]);
    r->current = NULL;
    if (r->ninstances == 0 && !c->fleet.enabled && r->wanted != &r->zookeeper)
        config_fault(r, 0, "no [redis:NAME] section");
}

/* Moves the instances from the sections to C. */
static void adopt_instances(struct config_reading *r, struct config *c)
{
    c->instances = calloc(r->ninstances + 1, sizeof(struct config_instance *));
    if (c->instances == NULL) {
        r->out_of_memory = true;
        return;
    }
    c->ninstances = r->ninstances;
    for (size_t i = 0; i < r->ninstances; i++) {
        c->instances[i] = r->instances[i]->base;
        r->instances[i]->base = NULL;
    }
}

static void adopt_credentials(struct config_reading *r, struct config *c)
{
    c->credentials = calloc(r->ncredentials + 1, sizeof(*c->credentials));
    if (c->credentials == NULL) {
        r->out_of_memory = true;
        return;
    }
    c->ncredentials = r->ncredentials;
    for (size_t i = 0; i < r->ncredentials; i++) {
        c->credentials[i] = r->credentials[i].base;
        r->credentials[i].base = NULL;
    }
}

static void list_files(struct config_reading *r, struct config *c)
{
    c->files = calloc(r->nsources + 1, sizeof *c->files);
    if (c->files == NULL) {
        r->out_of_memory = true;
        return;
    }
    c->nfiles = r->nsources;
    for (size_t i = 0; i < r->nsources; i++) {
        const struct config_source *s = &r->sources[i];

        c->files[i].path = strdup(s->path);
        c->files[i].mode = s->mode;
        c->files[i].exposed = s->secret && (s->mode & S_IROTH) != 0;
        c->files[i].cut_line = s->cut_at > 0 ? s->cut_at - s->base : 0;
        if (c->files[i].path == NULL)
            r->out_of_memory = true;
    }
}

static int by_place(const void *a, const void *b)
{
    const struct config_fault *x = a, *y = b;

    if (x->at != y->at)
        return x->at < y->at ? -1 : 1;
    return x->order < y->order ? -1 : 1;
}

/* Hands the texts over to OUT. */
static void report_faults(struct config_reading *r, struct config_faults *out)
{
    if (r->out_of_memory && r->nsources > 0)
        config_fault(r, 0, "out of memory for the configuration");
    if (r->nfaults == 0)
        return;
    qsort(r->faults, r->nfaults, sizeof *r->faults, by_place);
    out->lines = calloc(r->nfaults, sizeof *out->lines);
    for (size_t i = 0; i < r->nfaults; i++) {
        if (out->lines != NULL)
            out->lines[i] = r->faults[i].text;
        else
            free(r->faults[i].text);
    }
    out->count = out->lines != NULL ? r->nfaults : 0;
}

static void keep_node(void *node)
{
    (void)node;
}

void config_reading_free(struct config_reading *r)
{
    tdestroy(r->by_name, keep_node);
    for (size_t i = 0; i < r->ninstances; i++)
        config_instance_unref(r->instances[i]->base);
    free(r->instances);
    for (size_t i = 0; i < r->ncredentials; i++)
        config_instance_unref(r->credentials[i].base);
    free(r->credentials);
    while (r->blocks != NULL) {
        struct config_block *next = r->blocks->next;
        free(r->blocks);
        r->blocks = next;
    }
    config_instance_unref(r->defaults.base);
    for (size_t i = 0; i < r->nsources; i++)
        free(r->sources[i].path);
    free(r->sources);
    free(r->faults);
}

/* What it is read for. */
enum purpose { TO_RUN, TO_TEST, TO_LOOK_AT_HTTP, TO_LOOK_AT_ZOOKEEPER };

static void set_all_defaults(struct config_reading *r, struct config *c)
{
    config_set_defaults(r, AGENT, c);
    config_set_defaults(r, ZOOKEEPER, c);
    config_set_defaults(r, HTTP, c);
}

static struct config *load(const char *file, enum purpose purpose,
                           struct config_faults *faults)
{
    bool looks = purpose != TO_RUN && purpose != TO_TEST;
    struct config *c = calloc(1, sizeof *c);
    struct config_reading r = {
        .agent = { .set = AGENT, .base = c },
        .zookeeper = { .set = ZOOKEEPER, .base = c },
        .http = { .set = HTTP, .base = c },
        .fleet = { .set = FLEET, .base = c },
        .defaults = { .set = INSTANCE,
                      .base = config_instance_new("defaults") },
        .leave_passwords = looks,
        .leave_digest = purpose == TO_LOOK_AT_HTTP,
    };
    bool read = false;

    if (looks)
        r.wanted = purpose == TO_LOOK_AT_HTTP ? &r.http : &r.zookeeper;
    *faults = (struct config_faults){ 0 };
    if (c == NULL || r.defaults.base == NULL) {
        r.out_of_memory = true;
    } else {
        set_all_defaults(&r, c);
        read = config_read(&r, file);
        if (read)
            complete(&r, c, purpose == TO_TEST);
        adopt_instances(&r, c);
        adopt_credentials(&r, c);
        c->looks = looks;
        list_files(&r, c);
    }
    report_faults(&r, faults);
    if (!read || r.spoilt || r.out_of_memory) {
        config_free(c);
        c = NULL;
    }
    config_reading_free(&r);
    return c;
}

struct config *config_load(const char *file, struct config_faults *faults)
{
    return load(file, TO_RUN, faults);
}

struct config *config_load_to_test(const char *file,
                                   struct config_faults *faults)
{
    return load(file, TO_TEST, faults);
}

struct config *config_load_to_look(const char *file, bool zookeeper,
                                   struct config_faults *faults)
{
    return load(file, zookeeper ? TO_LOOK_AT_ZOOKEEPER : TO_LOOK_AT_HTTP,
                faults);
}

struct config *config_of_http(const char *address, struct err *e)
{
    struct config *c = calloc(1, sizeof *c);
    struct config_reading r = { .wanted = &r.http };

    if (c == NULL) {
        err_set(e, "out of memory for the settings");
        return NULL;
    }
    if (config_check_address(address, e) != 0)
        goto free_it;
    set_all_defaults(&r, c);
    free(c->http.listen);
    c->http.enabled = true;
    c->http.listen = strdup(address);
    if (!r.out_of_memory && c->http.listen != NULL &&
        config_split_address(address, &c->http.host, &c->http.port,
                             &c->http.path) == 0)
        return c;
    err_set(e, "out of memory for the settings");
free_it:
    config_free(c);
    return NULL;
}

void config_faults_free(struct config_faults *faults)
{
    for (size_t i = 0; i < faults->count; i++)
        free(faults->lines[i]);
    free(faults->lines);
    *faults = (struct config_faults){ 0 };
}
