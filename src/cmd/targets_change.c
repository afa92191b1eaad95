/*
 * Everything is read and checked before anything is written, and what is
 * written is written by versions: a chunk that somebody else has changed since
 * it was read stays as it is.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/config.h"
#include "agent/guard.h"
#include "agent/net_allow.h"
#include "agent/resolver.h"

#include "targets_change.h"

#define DONE  0
#define NOT   1
#define USAGE 2

#define CHUNK_MAX      ((size_t)16 * 1024)
#define CHUNK_NAME_MAX 100

/* A chunk as it is to be. */
struct change {
    const char *file;                 /* borrowed; NULL: the chunk is to go */
    struct fleet_chunk chunk;         /* owned */
    const struct fleet_chunk *before; /* borrowed; NULL: it is new */
    bool same;
    size_t moved; /* targets that go to another chunk */
};

struct work {
    struct tree_session *tree;
    const struct targets_options *o;
    const struct config *c;
    const struct fleet_tree *f;
    struct change *changes; /* owned */
    size_t n;
    struct fleet_tree after; /* its chunks' bytes are borrowed */
    struct targets_list was;
    struct targets_list will;
    bool failed; /* and said why */
};

__attribute__((format(printf, 2, 3))) static void fail(struct work *w,
                                                       const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    w->failed = true;
}

static void no_memory(struct work *w)
{
    fail(w, "sentinel-agent: out of memory for the chunks");
}

/* ----------------------------------------------------------------- reading */

static bool is_chunk_name(const char *s)
{
    size_t len = strspn(s, "abcdefghijklmnopqrstuvwxyz"
                           "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");
    return len >= 1 && len <= CHUNK_NAME_MAX && s[len] == '\0' &&
           strcmp(s, ".") != 0 && strcmp(s, "..") != 0;
}

/* The file's name without folder and ".ini". */
static char *chunk_of(const char *file)
{
    const char *slash = strrchr(file, '/');
    char *name = strdup(slash != NULL ? slash + 1 : file);
    size_t len = name != NULL ? strlen(name) : 0;
    if (len > 4 && strcmp(name + len - 4, ".ini") == 0)
        name[len - 4] = '\0';
    return name;
}

static bool read_file(struct work *w, struct change *c)
{
    FILE *in = fopen(c->file, "re");
    if (in == NULL) {
        fail(w, "%s: %s", c->file, strerror(errno));
        return false;
    }
    c->chunk.bytes = calloc(1, CHUNK_MAX + 2);
    if (c->chunk.bytes != NULL)
        c->chunk.len = fread(c->chunk.bytes, 1, CHUNK_MAX + 1, in);
    bool broken = ferror(in) != 0;
    int error = errno;
    fseek(in, 0, SEEK_END);
    long size = ftell(in);
    fclose(in);
    if (c->chunk.bytes == NULL)
        no_memory(w);
    else if (broken)
        fail(w, "%s: %s", c->file, strerror(error));
    else if (c->chunk.len > CHUNK_MAX && size > (long)CHUNK_MAX)
        fail(w, "%s: %ld bytes, and a chunk has at most %zu: divide it",
             c->file, size, CHUNK_MAX);
    else if (c->chunk.len > CHUNK_MAX)
        fail(w, "%s: a chunk has at most %zu bytes: divide it", c->file,
             CHUNK_MAX);
    else
        return true;
    return false;
}

static struct change *find(struct work *w, const char *chunk)
{
    for (size_t i = 0; i < w->n; i++)
        if (strcmp(w->changes[i].chunk.name, chunk) == 0)
            return &w->changes[i];
    return NULL;
}

static void add_file(struct work *w, const char *file)
{
    struct change c = { .file = file };
    c.chunk.name = chunk_of(file);
    if (c.chunk.name == NULL) {
        no_memory(w);
        return;
    }
    const struct change *twin = find(w, c.chunk.name);
    if (!is_chunk_name(c.chunk.name))
        fail(w,
             "%s: its name is to be that of a chunk: 1..%d letters, digits, "
             ". _ or -",
             file, CHUNK_NAME_MAX);
    else if (twin != NULL)
        fail(w, "%s: would be chunk %s, as %s", file, c.chunk.name, twin->file);
    else
        (void)read_file(w, &c);
    c.before = fleet_tree_chunk(w->f, c.chunk.name);
    c.same = c.before != NULL && c.chunk.bytes != NULL &&
             c.before->len == c.chunk.len &&
             memcmp(c.before->bytes, c.chunk.bytes, c.chunk.len) == 0;
    w->changes[w->n++] = c;
}

static void add_removal(struct work *w, const char *chunk)
{
    const struct fleet_chunk *before = fleet_tree_chunk(w->f, chunk);
    if (before == NULL) {
        fail(w, "sentinel-agent: fleet %s has no chunk %s", w->c->fleet.name,
             chunk);
        return;
    }
    if (find(w, chunk) != NULL)
        return;
    struct change c = { .before = before };
    c.chunk.name = strdup(chunk);
    if (c.chunk.name == NULL)
        no_memory(w);
    else
        w->changes[w->n++] = c;
}

/* ---------------------------------------------------------------- checking */

/* The line of [redis:NAME] in BYTES; 0: it is not found. */
static unsigned line_of(const char *bytes, const char *name)
{
    unsigned line = 1;
    size_t len = strlen(name);
    for (const char *at = bytes; *at != '\0'; line++) {
        const char *section = at + strspn(at, " \t");
        if (strncmp(section, "[redis:", 7) == 0 &&
            strncmp(section + 7, name, len) == 0 && section[7 + len] == ']')
            return line;
        at += strcspn(at, "\n");
        at += *at != '\0';
    }
    return 0;
}

/* What is no name is looked up by the members, each time they connect. */
static void check_allowed(struct work *w, const struct change *c,
                          const struct config_instance *i)
{
    struct net_addr addr;
    if (w->c->fleet.allow == NULL || i->fault != NULL || i->host == NULL ||
        !net_addr_parse(i->host, i->port, &addr) ||
        net_allow_has(w->c->fleet.allow, &addr))
        return;
    fail(w, "%s:%u: [redis:%s]: address %s is not in targets_allow = %s",
         c->file, line_of(c->chunk.bytes, i->name), i->name, i->address,
         w->c->fleet.targets_allow);
}

/* The file alone, by its own name: whose faults those are is plain then. */
static void check_file(struct work *w, const struct change *c)
{
    struct fleet_chunk file = c->chunk;
    struct targets_list list;
    struct err e;
    file.name = (char *)c->file;
    if (fleet_tree_targets_of(w->f, w->c, &file, &list, &e) != 0) {
        fail(w, "sentinel-agent: %s", e.text);
        return;
    }
    size_t len = strlen(c->file);
    for (size_t i = 0; i < list.nfaults; i++)
        if (strncmp(list.faults[i], c->file, len) == 0)
            fail(w, "%s", list.faults[i]);
    for (size_t i = 0; i < list.n; i++)
        check_allowed(w, c, list.targets[i]);
    targets_list_free(&list);
}

/* A name and where it stands. */
struct place {
    char *name;                  /* owned */
    const struct change *change; /* NULL: in a chunk that stays as it is */
    const struct fleet_chunk *chunk;
};

struct places {
    struct place *at; /* owned */
    size_t n;
};

static bool add_places(struct work *w, struct places *p,
                       const struct change *change,
                       const struct fleet_chunk *chunk)
{
    struct targets_list list;
    struct err e;
    if (fleet_tree_targets_of(w->f, w->c, chunk, &list, &e) != 0) {
        fail(w, "sentinel-agent: %s", e.text);
        return false;
    }
    struct place *more = realloc(p->at, (p->n + list.n + 1) * sizeof *more);
    bool good = more != NULL;
    if (good)
        p->at = more;
    for (size_t i = 0; good && i < list.n; i++) {
        char *name = strdup(list.targets[i]->name);
        good = name != NULL;
        if (good)
            p->at[p->n++] = (struct place){ name, change, chunk };
    }
    if (!good)
        no_memory(w);
    targets_list_free(&list);
    return good;
}

static int by_place(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order != 0 ? order : strcmp(x->chunk->name, y->chunk->name);
}

static void tell_twice(struct work *w, const struct place *a,
                       const struct place *b)
{
    const struct place *new = b->change != NULL ? b : a;
    const struct place *old = new == b ? a : b;
    fail(w, "%s:%u: [redis:%s] stands in %s%s as well", new->change->file,
         line_of(new->chunk->bytes, new->name), new->name,
         old->change != NULL ? "" : "chunk ",
         old->change != NULL ? old->change->file : old->chunk->name);
}

/* No name stands in two chunks: of those the first would count. */
static void check_twice(struct work *w)
{
    struct places p = { NULL, 0 };
    for (size_t i = 0; i < w->after.nchunks && !w->failed; i++) {
        const struct fleet_chunk *chunk = &w->after.chunks[i];
        if (!add_places(w, &p, find(w, chunk->name), chunk))
            break;
    }
    if (p.n > 1)
        qsort(p.at, p.n, sizeof *p.at, by_place);
    for (size_t i = 1; i < p.n; i++)
        if (strcmp(p.at[i - 1].name, p.at[i].name) == 0 &&
            (p.at[i - 1].change != NULL || p.at[i].change != NULL))
            tell_twice(w, &p.at[i - 1], &p.at[i]);
    for (size_t i = 0; i < p.n; i++)
        free(p.at[i].name);
    free(p.at);
}

/* ------------------------------------------------------------- differences */

static int by_name(const void *a, const void *b)
{
    const struct fleet_chunk *x = a, *y = b;
    return strcmp(x->name, y->name);
}

/* The chunks as they will be. */
static void foresee(struct work *w)
{
    w->after = *w->f;
    w->after.nchunks = 0;
    w->after.chunks = calloc(w->f->nchunks + w->n + 1, sizeof *w->after.chunks);
    if (w->after.chunks == NULL) {
        no_memory(w);
        return;
    }
    for (size_t i = 0; i < w->f->nchunks; i++)
        if (find(w, w->f->chunks[i].name) == NULL)
            w->after.chunks[w->after.nchunks++] = w->f->chunks[i];
    for (size_t i = 0; i < w->n; i++)
        if (w->changes[i].file != NULL)
            w->after.chunks[w->after.nchunks++] = w->changes[i].chunk;
    qsort(w->after.chunks, w->after.nchunks, sizeof *w->after.chunks, by_name);
}

static bool list_both(struct work *w)
{
    struct err e;
    if (fleet_tree_targets(w->f, w->c, &w->was, &e) == 0 &&
        fleet_tree_targets(&w->after, w->c, &w->will, &e) == 0)
        return true;
    fail(w, "sentinel-agent: %s", e.text);
    return false;
}

static const struct config_instance *target(const struct targets_list *l,
                                            const char *name)
{
    for (size_t low = 0, high = l->n; low < high;) {
        size_t mid = low + (high - low) / 2;
        int order = strcmp(name, l->targets[mid]->name);
        if (order == 0)
            return l->targets[mid];
        if (order < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return NULL;
}

/* What a chunk of ours loses to another one. */
static void count_moved(struct work *w, struct change *c)
{
    struct targets_list had, has = { 0 };
    struct err e;
    if (c->before == NULL)
        return;
    if (fleet_tree_targets_of(w->f, w->c, c->before, &had, &e) != 0 ||
        (c->file != NULL &&
         fleet_tree_targets_of(w->f, w->c, &c->chunk, &has, &e) != 0)) {
        fail(w, "sentinel-agent: %s", e.text);
        targets_list_free(&had);
        return;
    }
    for (size_t i = 0; i < had.n; i++) {
        const char *name = had.targets[i]->name;
        c->moved +=
            target(&has, name) == NULL && target(&w->will, name) != NULL;
    }
    targets_list_free(&had);
    targets_list_free(&has);
}

static void show_change(const struct config_instance *was,
                        const struct config_instance *will)
{
    char keys[200];
    size_t n = config_instance_keys(was, will, keys, sizeof keys);
    if (strcmp(was->address, will->address) != 0)
        printf("~ %s: address %s, was %s%s\n", will->name, will->address,
               was->address, n > 1 ? ", and other settings" : "");
    else
        printf("~ %s: other %s\n", will->name, n > 0 ? keys : "settings");
}

/* They are in no file, and make every target useless. */
static void show_settings_faults(const struct work *w)
{
    const char *node = w->f->settings.name;
    size_t len = strlen(node);
    for (size_t i = 0; i < w->will.nfaults; i++)
        if (strncmp(w->will.faults[i], node, len) == 0 &&
            w->will.faults[i][len] == ':')
            printf("fault: %s\n", w->will.faults[i]);
}

/* How many of the targets go. */
static size_t show_targets(const struct work *w)
{
    size_t came = 0, went = 0, changed = 0;
    for (size_t a = 0, b = 0; a < w->was.n || b < w->will.n;) {
        const struct config_instance *was =
            a < w->was.n ? w->was.targets[a] : NULL;
        const struct config_instance *will =
            b < w->will.n ? w->will.targets[b] : NULL;
        int order = was == NULL    ? 1
                    : will == NULL ? -1
                                   : strcmp(was->name, will->name);
        if (order < 0) {
            printf("- %s: %s\n", was->name, was->address);
            went++;
        } else if (order > 0) {
            printf("+ %s: %s\n", will->name, will->address);
            came++;
        } else if (!config_instance_equal(was, will)) {
            show_change(was, will);
            changed++;
        }
        a += order <= 0;
        b += order >= 0;
    }
    printf("%zu added, %zu removed, %zu changed; %zu targets then\n", came,
           went, changed, w->will.n);
    return went;
}

static void show_chunks(const struct work *w)
{
    if (fleet_tree_empty(w->f))
        printf("fleet %s: new\n", w->c->fleet.name);
    for (size_t i = 0; i < w->n; i++) {
        const struct change *c = &w->changes[i];
        if (c->file == NULL)
            printf("chunk %s: to be removed\n", c->chunk.name);
        else if (c->same)
            printf("chunk %s: unchanged\n", c->chunk.name);
        else
            printf("chunk %s: %s, %zu bytes\n", c->chunk.name,
                   c->before != NULL ? "to be replaced" : "new", c->chunk.len);
    }
}

/* What members would hold is rather a slip. */
static bool too_many(struct work *w, size_t went)
{
    const struct targets_settings *s = &w->will.settings;
    if (w->o->force || s->brake_percent == 0 || went < s->brake_min ||
        100 * went <= s->brake_percent * w->was.n)
        return false;
    fail(w,
         "sentinel-agent: nothing written: %zu of %zu targets would go, more "
         "than brake = %u%% allows: --force if that is meant",
         went, w->was.n, s->brake_percent);
    return true;
}

/* ----------------------------------------------------------------- writing */

static bool ask(struct work *w)
{
    char answer[8] = "";
    if (w->o->yes)
        return true;
    fflush(stdout);
    fputs("Write that? [y/N] ", stderr);
    guard_end();
    bool answered = fgets(answer, sizeof answer, stdin) != NULL;
    bool yes = answered && (answer[0] == 'y' || answer[0] == 'Y');
    if (!answered)
        fputc('\n', stderr);
    guard_within("--targets", 8 * w->c->zookeeper.publish_timeout_ms);
    if (!yes)
        fail(w, "sentinel-agent: nothing written");
    return yes;
}

/* The fleet's node, with settings for people to change. */
static bool make_fleet(struct work *w)
{
    struct err e;
    if (w->f->there || w->o->verb != TARGETS_PUT)
        return true;
    /* An agent may have been faster, and is as right. */
    if (tree_session_put(w->tree, w->f->settings.name, TARGETS_SETTINGS,
                         strlen(TARGETS_SETTINGS), TREE_NEW,
                         &e) != TREE_UNWRITTEN)
        return true;
    fail(w, "sentinel-agent: %s", e.text);
    return false;
}

static enum tree_write write_chunk(struct work *w, const struct change *c,
                                   struct err *e)
{
    char path[3 * CHUNK_NAME_MAX + 300];
    snprintf(path, sizeof path, "%s/targets/%s", w->f->settings.name,
             c->chunk.name);
    if (c->file == NULL)
        return tree_session_remove(w->tree, path, c->before->version, e);
    return tree_session_put(w->tree, path, c->chunk.bytes, c->chunk.len,
                            c->before != NULL ? c->before->version : TREE_NEW,
                            e);
}

/* What gains targets before what loses them: no member is to see one gone. */
static int by_moved(const void *a, const void *b)
{
    const struct change *x = a, *y = b;
    if (x->moved != y->moved)
        return x->moved < y->moved ? -1 : 1;
    return strcmp(x->chunk.name, y->chunk.name);
}

static void write_all(struct work *w)
{
    struct err e;
    qsort(w->changes, w->n, sizeof *w->changes, by_moved);
    for (size_t i = 0; i < w->n; i++) {
        const struct change *c = &w->changes[i];
        if (c->same)
            continue;
        switch (write_chunk(w, c, &e)) {
        case TREE_WRITTEN:
            printf("chunk %s: %s\n", c->chunk.name,
                   c->file != NULL ? "written" : "removed");
            break;
        case TREE_CHANGED:
            fail(w,
                 "sentinel-agent: chunk %s: not written: somebody else has "
                 "changed it meanwhile",
                 c->chunk.name);
            break;
        case TREE_UNWRITTEN:
            fail(w, "sentinel-agent: chunk %s: %s", c->chunk.name, e.text);
            return;
        }
    }
}

/* ------------------------------------------------------------------ public */

static void read_and_check(struct work *w)
{
    for (size_t i = 0; i < w->o->nnames; i++)
        if (w->o->verb == TARGETS_PUT)
            add_file(w, w->o->names[i]);
        else
            add_removal(w, w->o->names[i]);
    for (size_t i = 0; i < w->n && !w->failed; i++)
        if (w->changes[i].file != NULL)
            check_file(w, &w->changes[i]);
    if (w->failed)
        return;
    foresee(w);
    if (!w->failed)
        check_twice(w);
}

static bool anything(const struct work *w)
{
    for (size_t i = 0; i < w->n; i++)
        if (!w->changes[i].same)
            return true;
    return false;
}

static void change(struct work *w)
{
    read_and_check(w);
    if (w->failed || !list_both(w))
        return;
    for (size_t i = 0; i < w->n && !w->failed; i++)
        count_moved(w, &w->changes[i]);
    if (w->failed)
        return;
    show_chunks(w);
    size_t went = show_targets(w);
    show_settings_faults(w);
    if (w->c->fleet.allow == NULL && w->o->verb == TARGETS_PUT)
        puts("This config has no targets_allow for that fleet: addresses were "
             "not checked against it.");
    if (!anything(w) || too_many(w, went) || !ask(w) || !make_fleet(w))
        return;
    write_all(w);
}

int targets_change(struct tree_session *t, const struct targets_options *o,
                   const struct fleet_tree *f)
{
    struct work w = { .tree = t, .o = o, .c = o->config, .f = f };
    if (!o->yes && isatty(STDIN_FILENO) == 0) {
        fputs("sentinel-agent: there is no terminal to ask on: --yes to write "
              "without being asked\n",
              stderr);
        return USAGE;
    }
    w.changes = calloc(o->nnames + 1, sizeof *w.changes);
    if (w.changes == NULL)
        no_memory(&w);
    else
        change(&w);
    for (size_t i = 0; i < w.n; i++) {
        free(w.changes[i].chunk.name);
        free(w.changes[i].chunk.bytes);
    }
    free(w.changes);
    free(w.after.chunks);
    targets_list_free(&w.was);
    targets_list_free(&w.will);
    return w.failed ? NOT : DONE;
}
