/*
 * Each chunk is read like a file, below the fleet's settings as another one.
 * What is wrong in a section is the section's; what is wrong outside of any is
 * told and changes nothing else.
 */
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "agent/hash.h"
#include "agent/net_allow.h"

#include "complete.h"
#include "faults.h"
#include "settings.h"

#include "agent/targets.h"

struct chunk {
    char *name;
    char *bytes; /* owned */
    size_t len;
    int32_t version;
};

struct targets {
    char *fleet;
    struct net_allow *allow;
    struct config_instance **credentials; /* references */
    size_t ncredentials;
    bool all_known;        /* whatever credentials a target names */
    struct chunk settings; /* its name is "fleets/F" */
    struct chunk *chunks;  /* by name */
    size_t n;
    size_t size;
};

/* ------------------------------------------------------------------ chunks */

static void chunk_clear(struct chunk *c)
{
    free(c->name);
    free(c->bytes);
}

static void drop_credentials(struct config_instance **all, size_t n)
{
    for (size_t i = 0; i < n; i++)
        config_instance_unref(all[i]);
    free(all);
}

void targets_free(struct targets *t)
{
    if (t == NULL)
        return;
    for (size_t i = 0; i < t->n; i++)
        chunk_clear(&t->chunks[i]);
    free(t->chunks);
    chunk_clear(&t->settings);
    net_allow_unref(t->allow);
    drop_credentials(t->credentials, t->ncredentials);
    free(t->fleet);
    free(t);
}

struct targets *targets_new(const struct config *c, struct err *e)
{
    struct targets *t = calloc(1, sizeof *t);

    if (t == NULL)
        goto no_memory;
    t->allow = net_allow_ref(c->fleet.allow);
    t->fleet = strdup(c->fleet.name);
    t->settings.bytes = strdup("");
    if (t->fleet == NULL || t->settings.bytes == NULL ||
        asprintf(&t->settings.name, "fleets/%s", c->fleet.name) < 0)
        goto no_memory;
    if (targets_credentials(t, c, e) < 0)
        goto no_memory;
    return t;
no_memory:
    targets_free(t);
    err_set(e, "out of memory for the targets");
    return NULL;
}

/* ------------------------------------------------------------ credentials */

static const struct config_instance *find_credentials(const struct targets *t,
                                                      const char *name)
{
    for (size_t i = 0; i < t->ncredentials; i++)
        if (strcmp(t->credentials[i]->name, name) == 0)
            return t->credentials[i];
    return NULL;
}

/* What [credentials:NAME] has is the same in A and B. */
static bool same_secrets(const struct config_instance *a,
                         const struct config_instance *b)
{
    const struct config_keyset *set = &CONFIG_KEYSETS[SECTION_CREDENTIALS];

    for (size_t k = 0; k < set->nkeys; k++)
        if (!config_value_equal(&set->keys[k], a, b))
            return false;
    return true;
}

static bool has_same(const struct targets *t, const struct config *c)
{
    if (t->ncredentials != c->ncredentials)
        return false;
    for (size_t i = 0; i < c->ncredentials; i++) {
        const struct config_instance *old =
            find_credentials(t, c->credentials[i]->name);
        if (old == NULL || !same_secrets(old, c->credentials[i]))
            return false;
    }
    return true;
}

int targets_credentials(struct targets *t, const struct config *c,
                        struct err *e)
{
    struct config_instance **all = calloc(c->ncredentials + 1, sizeof(*all));
    bool same = has_same(t, c);

    if (all == NULL) {
        err_set(e, "out of memory for the credentials of targets");
        return -1;
    }
    for (size_t i = 0; i < c->ncredentials; i++)
        all[i] = config_instance_ref(c->credentials[i]);
    drop_credentials(t->credentials, t->ncredentials);
    t->credentials = all;
    t->ncredentials = c->ncredentials;
    t->all_known = c->looks;
    return same ? 0 : 1;
}

bool targets_may_keep(const struct targets *t, const struct config_instance *i)
{
    if (i->credentials == NULL)
        return true;
    const struct config_instance *c = find_credentials(t, i->credentials);
    return c != NULL && same_secrets(c, i);
}

/* ------------------------------------------------------------------ chunks */

static int set_bytes(struct chunk *c, const char *bytes, size_t len,
                     int32_t version, struct err *e)
{
    char *copy = malloc(len + 1);

    if (copy == NULL) {
        err_set(e, "out of memory for %zu bytes of %s", len, c->name);
        return -1;
    }
    memcpy(copy, bytes, len);
    copy[len] = '\0';
    free(c->bytes);
    c->bytes = copy;
    c->len = len;
    c->version = version;
    return 0;
}

int targets_set(struct targets *t, const char *bytes, size_t len,
                int32_t version, struct err *e)
{
    return set_bytes(&t->settings, bytes != NULL ? bytes : "",
                     bytes != NULL ? len : 0, version, e);
}

static void remove_chunk(struct targets *t, size_t at)
{
    chunk_clear(&t->chunks[at]);
    t->n--;
    memmove(&t->chunks[at], &t->chunks[at + 1],
            (t->n - at) * sizeof *t->chunks);
}

static int add_chunk(struct targets *t, size_t at, const char *name,
                     struct err *e)
{
    void *items = t->chunks;

    if (config_more_room(&items, t->n, &t->size, sizeof *t->chunks)) {
        t->chunks = items;
        char *copy = strdup(name);
        if (copy != NULL) {
            memmove(&t->chunks[at + 1], &t->chunks[at],
                    (t->n - at) * sizeof *t->chunks);
            t->chunks[at] = (struct chunk){ .name = copy };
            t->n++;
            return 0;
        }
    }
    err_set(e, "out of memory for chunk %s", name);
    return -1;
}

int targets_chunk(struct targets *t, const char *chunk, const char *bytes,
                  size_t len, int32_t version, struct err *e)
{
    size_t at = 0;

    while (at < t->n && strcmp(t->chunks[at].name, chunk) < 0)
        at++;
    bool there = at < t->n && strcmp(t->chunks[at].name, chunk) == 0;
    if (bytes == NULL) {
        if (there)
            remove_chunk(t, at);
        return 0;
    }
    if (!there && add_chunk(t, at, chunk, e) != 0)
        return -1;
    if (set_bytes(&t->chunks[at], bytes, len, version, e) == 0)
        return 0;
    if (!there)
        remove_chunk(t, at);
    return -1;
}

static uint64_t hash_chunk(uint64_t hash, const struct chunk *c)
{
    hash = hash64(hash, c->name, strlen(c->name) + 1);
    return hash64(hash, &c->version, sizeof c->version);
}

uint64_t targets_hash(const struct targets *t, uint64_t hash)
{
    hash = hash_chunk(hash, &t->settings);
    for (size_t i = 0; i < t->n; i++)
        hash = hash_chunk(hash, &t->chunks[i]);
    return hash;
}

size_t targets_chunks(const struct targets *t)
{
    return t->n;
}

const char *targets_chunk_at(const struct targets *t, size_t at,
                             int32_t *version)
{
    *version = t->chunks[at].version;
    return t->chunks[at].name;
}

/* ---------------------------------------------------------------- settings */

#define SETTING(field) offsetof(struct targets_settings, field)

static const struct config_key SETTINGS_KEYS[] = {
    { .name = "observers",
      .type = CONFIG_COUNT,
      .min = 1,
      .max = 5,
      .offset = SETTING(observers),
      .deflt = "1" },
    { .name = "brake",
      .type = CONFIG_PERCENT,
      .min = 0,
      .max = 100,
      .offset = SETTING(brake_percent),
      .deflt = "50%" },
    { .name = "brake_min",
      .type = CONFIG_COUNT,
      .min = 1,
      .max = 100000,
      .offset = SETTING(brake_min),
      .deflt = "5" },
    { .name = "brake_hold",
      .type = CONFIG_DURATION,
      .min = 1000,
      .max = 3600000,
      .offset = SETTING(brake_hold_ms),
      .deflt = "60s" },
};
static const struct config_keyset SETTINGS = {
    "fleet", SETTINGS_KEYS, sizeof SETTINGS_KEYS / sizeof *SETTINGS_KEYS
};

/* ----------------------------------------------------------------- reading */

/* What one chunk is read into. */
struct pass {
    struct config_reading r;
    struct config agent; /* whose defaults are nobody's but the table's */
    struct targets_settings settings;
};

/* What is on a host's disk is not the same for all. */
static void complete_section(struct config_reading *r, struct config_section *s)
{
    const struct config_instance *i = s->base;

    config_complete_instance(r, s);
    if (i->path != NULL)
        config_fault(r, s->keys_at[config_key_index(s->set, "address")],
                     "address is not for a target: %s", i->address);
}

/* More than one observer needs votes. */
static void check_settings(struct pass *p)
{
    if (p->settings.observers > 1)
        config_fault(
            &p->r, p->r.fleet.keys_at[config_key_index(&SETTINGS, "observers")],
            "observers above 1 need votes, which this version does "
            "not have");
}

/* False on lack of memory. */
static bool begin(struct pass *p, const struct targets *t)
{
    const struct config_keyset *instance = &CONFIG_KEYSETS[SECTION_INSTANCE];

    *p = (struct pass){
        .r = { .agent = { .set = &CONFIG_KEYSETS[SECTION_AGENT],
                          .base = &p->agent },
               .fleet = { .set = &SETTINGS, .base = &p->settings },
               .defaults = { .set = instance,
                             .base = config_instance_new("defaults") },
               .targets = true,
               .known = t->credentials,
               .nknown = t->ncredentials,
               .all_known = t->all_known,
               .leave_passwords = t->all_known },
    };
    p->r.sources = calloc(2, sizeof *p->r.sources);
    if (p->r.sources == NULL || p->r.defaults.base == NULL)
        return false;
    config_set_defaults(&p->r, &CONFIG_KEYSETS[SECTION_AGENT], &p->agent);
    config_set_defaults(&p->r, &SETTINGS, &p->settings);
    config_read_bytes(&p->r, t->settings.name, t->settings.bytes,
                      t->settings.len);
    p->r.current = &p->r.fleet;
    check_settings(p);
    config_complete_defaults(&p->r);
    return !p->r.out_of_memory;
}

static void read_chunk(struct pass *p, const struct chunk *c)
{
    struct config_reading *r = &p->r;

    unsigned targets_from = r->at + 1;
    config_read_bytes(r, c->name, c->bytes, c->len);
    for (size_t i = 0; i < r->ninstances; i++) {
        r->current = r->instances[i];
        if (r->current->at < targets_from)
            config_fault(r, r->current->at,
                         "a target belongs into a chunk below targets");
        else
            complete_section(r, r->instances[i]);
    }
    r->current = NULL;
}

static void keep(void *node)
{
    (void)node;
}

static void end(struct pass *p)
{
    for (size_t i = 0; i < p->r.nfaults; i++)
        free(p->r.faults[i].text);
    config_reading_free(&p->r);
    config_values_free(&CONFIG_KEYSETS[SECTION_AGENT], &p->agent);
}

/* -------------------------------------------------------------------- list */

struct listing {
    struct targets_list *out;
    size_t targets_size;
    size_t faults_size;
    void *seen; /* names: a tree of search.h */
    bool failed;
};

static int by_name(const void *a, const void *b)
{
    const struct config_instance *x = a;
    const struct config_instance *y = b;

    return strcmp(x->name, y->name);
}

static void add_fault(struct listing *l, const char *text)
{
    void *items = l->out->faults;
    char *copy = strdup(text);

    if (copy == NULL || !config_more_room(&items, l->out->nfaults,
                                          &l->faults_size, sizeof(char *))) {
        free(copy);
        l->failed = true;
        return;
    }
    l->out->faults = items;
    l->out->faults[l->out->nfaults++] = copy;
}

/* The first fault of the section; NULL: none. */
static const char *first_fault(const struct config_reading *r,
                               const struct config_section *s)
{
    const struct config_fault *first = NULL;

    for (size_t i = 0; i < r->nfaults; i++)
        if (r->faults[i].section == s &&
            (first == NULL || r->faults[i].at < first->at))
            first = &r->faults[i];
    return first != NULL ? first->text : NULL;
}

/* Where the fleet's defaults are wrong it is not known what the target would
 * have had from them. */
static const char *fault_of(const struct config_reading *r,
                            const struct config_section *s)
{
    const char *own = first_fault(r, s);

    return own != NULL ? own : first_fault(r, &r->defaults);
}

static bool is_known_name(const char *name)
{
    struct err why;

    return config_check_instance(name, &why) == 0;
}

/* The first in the order of the chunks counts. */
static void tell_duplicate(struct listing *l, struct config_reading *r,
                           const struct config_section *s)
{
    const struct config_instance *i = s->base;

    /* What stands in the settings is told as such, once. */
    if (s->at < r->source->base)
        return;
    config_fault(r, s->at,
                 "[redis:%s] stands in an earlier chunk, which counts",
                 i->name);
    if (!r->out_of_memory)
        add_fault(l, r->faults[r->nfaults - 1].text);
}

static void add_target(struct listing *l, const struct targets *t,
                       struct config_reading *r, struct config_section *s)
{
    const char *fault = fault_of(r, s);
    struct config_instance *i = s->base;
    void *items = l->out->targets;

    /* What can have no document can be no target. */
    if (!is_known_name(i->name))
        return;
    if (!config_more_room(&items, l->out->n, &l->targets_size, sizeof(void *)))
        goto no_memory;
    l->out->targets = items;
    struct config_instance **found = tsearch(i, &l->seen, by_name);
    if (found == NULL)
        goto no_memory;
    if (*found != i) {
        tell_duplicate(l, r, s);
        return;
    }
    if (fault != NULL && (i->fault = strdup(fault)) == NULL)
        goto no_memory;
    if (i->address == NULL && (i->address = strdup("")) == NULL)
        goto no_memory;
    i->allow = net_allow_ref(t->allow);
    s->base = NULL;
    l->out->targets[l->out->n++] = i;
    return;
no_memory:
    l->failed = true;
}

static void list_chunk(struct listing *l, const struct targets *t,
                       const struct chunk *c, bool first)
{
    struct pass p;
    bool good = begin(&p, t);
    size_t before = p.r.nfaults;

    if (good) {
        read_chunk(&p, c);
        l->out->settings = p.settings;
        for (size_t i = first ? 0 : before; i < p.r.nfaults; i++)
            add_fault(l, p.r.faults[i].text);
        for (size_t i = 0; i < p.r.ninstances; i++)
            add_target(l, t, &p.r, p.r.instances[i]);
    }
    l->failed = l->failed || !good || p.r.out_of_memory;
    end(&p);
}

static int by_target(const void *a, const void *b)
{
    return by_name(*(const void *const *)a, *(const void *const *)b);
}

int targets_list(const struct targets *t, struct targets_list *out,
                 struct err *e)
{
    static const struct chunk NONE = { .name = (char *)"",
                                       .bytes = (char *)"" };
    struct listing l = { .out = out };

    *out = (struct targets_list){ 0 };
    for (size_t i = 0; i < t->n; i++)
        list_chunk(&l, t, &t->chunks[i], i == 0);
    if (t->n == 0)
        list_chunk(&l, t, &NONE, true);
    tdestroy(l.seen, keep);
    if (out->n > 0)
        qsort(out->targets, out->n, sizeof *out->targets, by_target);
    if (!l.failed)
        return 0;
    targets_list_free(out);
    err_set(e, "out of memory for the targets of fleet %s", t->fleet);
    return -1;
}

void targets_list_free(struct targets_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        config_instance_unref(l->targets[i]);
    for (size_t i = 0; i < l->nfaults; i++)
        free(l->faults[i]);
    free(l->targets);
    free(l->faults);
    *l = (struct targets_list){ 0 };
}
