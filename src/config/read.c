/*
 * Files' bytes to keys and values, by inih, whose surprises are kept away
 * from its users.  By default it cuts lines at 200 bytes and section names at
 * 49, joins an indented line to the one before, says nothing of an empty
 * section and does not tell its handler the line.  So its run-time switches
 * are set, and it reads through a function of ours that sees every line: it
 * counts them, turns away those that inih would not see whole, and handles
 * the section headers itself.  What is left to inih are comments, spaces and
 * the split into key and value.
 *
 * Included files are read after the whole main file, wherever in it the
 * `include` stands, as if they were its continuation; only a section does
 * not go on from one file into the next.
 */
#include <limits.h>
#include <search.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <ini.h>

#include "agent/escape.h"

#include "files.h"
#include "read.h"

/* Of all files together: their lines are to be counted by an unsigned. */
#define TOTAL_MAX  ((size_t)64 << 20)
#define LINE_LIMIT 4000
/* So that its line is within the limit in whatever way it is spelled. */
#define VALUE_LIMIT 3900

#define PLACE_TEXT (PATH_MAX + 16)

/* What isspace() is to inih in the C locale. */
#define SPACES " \t\r\n\v\f"

static bool more_room(void **items, size_t used, size_t *size, size_t each)
{
    size_t wanted = *size ? *size * 2 : 16;
    void *grown;

    if (used < *size)
        return true;
    grown = reallocarray(*items, wanted, each);
    if (!grown)
        return false;
    *items = grown;
    *size = wanted;
    return true;
}

static const struct config_source *source_of(const struct config_reading *r,
                                             unsigned at)
{
    const struct config_source *s = &r->sources[r->nsources - 1];

    while (s->base > at)
        s--;
    return s;
}

void config_fault(struct config_reading *r, unsigned at, const char *fmt, ...)
{
    const struct config_source *s = source_of(r, at);
    void *items = r->faults;
    char line[16] = "", *message, *text;
    va_list ap;
    int len;

    va_start(ap, fmt);
    len = vasprintf(&message, fmt, ap);
    va_end(ap);
    if (len == -1) {
        r->out_of_memory = true;
        return;
    }
    if (at > s->base)
        snprintf(line, sizeof line, "%u:", at - s->base);
    len = asprintf(&text, "%s:%s %s", s->path, line, message);
    free(message);
    if (len != -1 &&
        more_room(&items, r->nfaults, &r->faults_size, sizeof *r->faults)) {
        r->faults = items;
        r->faults[r->nfaults] = (struct config_fault){ at, r->nfaults, text };
        r->nfaults++;
        return;
    }
    if (len != -1)
        free(text);
    r->out_of_memory = true;
}

/* AT as "line 7" of the file that is read, or as FILE:LINE of another. */
static const char *earlier(const struct config_reading *r, unsigned at,
                           char out[PLACE_TEXT])
{
    const struct config_source *s = source_of(r, at);

    if (s == r->source)
        snprintf(out, PLACE_TEXT, "line %u", at - s->base);
    else
        snprintf(out, PLACE_TEXT, "%s:%u", s->path, at - s->base);
    return out;
}

static void enter(struct config_reading *r, struct config_section *s,
                  const char *header)
{
    char shown[ESCAPED_SIZE], place[PLACE_TEXT];

    r->current = s;
    if (s->at)
        config_fault(r, r->at, "duplicate section [%s], first at %s",
                     config_show(header, shown), earlier(r, s->at, place));
    else
        s->at = r->at;
}

static int by_name(const void *a, const void *b)
{
    const struct config_instance *x = ((const struct config_section *)a)->base;
    const struct config_instance *y = ((const struct config_section *)b)->base;

    return strcmp(x->name, y->name);
}

/* The section of that name, made if there is none; NULL on lack of memory. */
static struct config_section *instance_section(struct config_reading *r,
                                               const char *name)
{
    struct config_section *s = calloc(1, sizeof *s);
    void *items = r->instances;
    struct config_section **found;

    if (!s)
        return NULL;
    s->set = &CONFIG_KEYSETS[SECTION_INSTANCE];
    s->base = config_instance_new(name);
    if (!s->base ||
        !more_room(&items, r->ninstances, &r->instances_size, sizeof(void *)))
        goto fail;
    r->instances = items;
    found = tsearch(s, &r->by_name, by_name);
    if (!found)
        goto fail;
    if (*found == s) {
        r->instances[r->ninstances++] = s;
        return s;
    }
    config_instance_unref(s->base);
    free(s);
    return *found;
fail:
    config_instance_unref(s->base);
    free(s);
    return NULL;
}

static void enter_instance(struct config_reading *r, const char *header,
                           const char *name)
{
    char shown[ESCAPED_SIZE];
    struct config_section *s;
    struct err why;

    if (config_check_instance(name, &why) == -1)
        config_fault(r, r->at, "[%s]: the name %s", config_show(header, shown),
                     why.text);
    if (r->ninstances == CONFIG_INSTANCES_MAX) {
        config_fault(r, r->at, "more than %d instances", CONFIG_INSTANCES_MAX);
        r->current = &r->unknown;
        return;
    }
    s = instance_section(r, name);
    if (!s) {
        r->out_of_memory = true;
        r->current = &r->unknown;
        return;
    }
    enter(r, s, header);
}

/* A line that begins with [; after a fault the keys below are skipped or
 * checked, whichever gives fewer faults that are none. */
static void section_line(struct config_reading *r, char *line)
{
    char shown[ESCAPED_SIZE];
    char *header = line + 1;
    char *end = strchr(header, ']');

    r->current = &r->unknown;
    if (!end) {
        config_fault(r, r->at, "no ] after %s", config_show(line, shown));
        return;
    }
    *end++ = '\0';
    end += strspn(end, SPACES);
    if (*end != '\0' && *end != ';')
        config_fault(r, r->at, "text after ]: %s", config_show(end, shown));
    if (strcmp(header, "agent") == 0)
        enter(r, &r->agent, header);
    else if (strcmp(header, "zookeeper") == 0)
        enter(r, &r->zookeeper, header);
    else if (strcmp(header, "http") == 0)
        enter(r, &r->http, header);
    else if (strcmp(header, "defaults") == 0)
        enter(r, &r->defaults, header);
    else if (strncmp(header, "redis:", 6) == 0)
        enter_instance(r, header, header + 6);
    else
        config_fault(r, r->at, "unknown section [%s]",
                     config_show(header, shown));
}

/* inih's reader.  A line that it must not see is shown to it as empty, so
 * that the count of lines stays right. */
static char *next_line(char *out, int size, void *stream)
{
    struct config_reading *r = stream;
    const char *start = r->text + r->pos;
    size_t left = r->text_len - r->pos;
    const char *end = memchr(start, '\n', left);
    size_t len = end ? (size_t)(end - start) : left;
    char *p = out;

    if (left == 0) {
        /* The line buffer is inih's and goes back to the heap after this. */
        explicit_bzero(out, (size_t)size);
        return NULL;
    }
    r->pos += end ? len + 1 : len;
    r->at++;
    out[0] = '\0';
    if (len > LINE_LIMIT || len >= (size_t)size) {
        config_fault(r, r->at, "line of more than %d bytes", LINE_LIMIT);
        return out;
    }
    if (memchr(start, '\0', len)) {
        config_fault(r, r->at, "line holds a NUL byte");
        return out;
    }
    memcpy(out, start, len);
    out[len] = '\0';
    if (r->at == r->source->base + 1 && strncmp(p, "\xef\xbb\xbf", 3) == 0)
        p += 3;
    p += strspn(p, SPACES);
    if (*p == '[') {
        section_line(r, p);
        out[0] = '\0';
    }
    return out;
}

static const char *section_title(const struct config_reading *r,
                                 const struct config_section *s,
                                 char out[ESCAPED_SIZE])
{
    const struct config_instance *instance;

    if (s == &r->defaults)
        return "defaults";
    if (s->set != &CONFIG_KEYSETS[SECTION_INSTANCE])
        return s->set->name;
    instance = s->base;
    snprintf(out, ESCAPED_SIZE, "redis:");
    escape_add(out, ESCAPED_SIZE, instance->name, strlen(instance->name));
    return out;
}

/*
 * NAME cut at its first space: what follows may be a secret, in a line like
 * "password sesame:1".
 */
static const char *show_key(const char *name, char out[ESCAPED_SIZE])
{
    out[0] = '\0';
    escape_add(out, ESCAPED_SIZE, name, strcspn(name, SPACES));
    return out;
}

static void set_value(struct config_reading *r, struct config_section *s,
                      size_t key, const char *value)
{
    const struct config_key *k = &s->set->keys[key];
    char title[ESCAPED_SIZE], place[PLACE_TEXT];
    struct err why;

    if (s->keys_at[key]) {
        config_fault(r, r->at, "duplicate key %s in [%s], first at %s", k->name,
                     section_title(r, s, title),
                     earlier(r, s->keys_at[key], place));
        return;
    }
    s->keys_at[key] = r->at;
    if (k->flags & CONFIG_SECRET)
        r->source->secret = true;
    if (*value == '\0')
        config_fault(r, r->at, "%s has no value", k->name);
    else if (strlen(value) > VALUE_LIMIT)
        config_fault(r, r->at, "%s is longer than %d bytes", k->name,
                     VALUE_LIMIT);
    else if (config_check_text(value, &why) == -1)
        config_fault(r, r->at, "%s %s", k->name, why.text);
    else if (config_value_parse(k, value, s->base, &why) == -1)
        config_fault(r, r->at, "%s", why.text);
}

/* inih's handler; VALUE is NULL for a line without = or :.  The section that
 * inih names is none, as it saw no header. */
static int on_pair(void *user, const char *section, const char *name,
                   const char *value)
{
    struct config_reading *r = user;
    struct config_section *s = r->current;
    char shown[ESCAPED_SIZE], title[ESCAPED_SIZE];
    int key;

    (void)section;
    if (!value)
        config_fault(r, r->at, "not of the form key = value");
    else if (!s)
        config_fault(r, r->at, "key %s before any section",
                     show_key(name, shown));
    if (!value || !s || !s->set)
        return 1;
    key = config_key_find(s->set, name);
    if (key == -1)
        config_fault(r, r->at, "unknown key %s in [%s]", show_key(name, shown),
                     section_title(r, s, title));
    else if (s == &r->defaults && strcmp(name, "address") == 0)
        config_fault(r, r->at,
                     "address belongs in each [redis:NAME], "
                     "not in [defaults]");
    else if (s == &r->agent && strcmp(name, "include") == 0 &&
             r->source != r->sources)
        config_fault(r, r->at, "include belongs in the main file");
    else
        set_value(r, s, (size_t)key, value);
    return 1;
}

static void parse_lines(struct config_reading *r, const struct config_bytes *b)
{
    r->text = b->text;
    r->text_len = b->len;
    r->pos = 0;
    r->current = NULL;
    ini_allow_multiline = false;
    ini_allow_bom = true;
    ini_allow_inline_comments = true;
    ini_use_stack = false;
    ini_initial_alloc = LINE_LIMIT + 1;
    ini_stop_on_first_error = false;
    ini_allow_no_value = true;
    if (ini_parse_stream(next_line, r, on_pair, r) != 0)
        r->out_of_memory = true;
    r->text = NULL;
}

/* There is room for it among the sources. */
static bool read_source(struct config_reading *r, const char *path)
{
    struct config_source *s = &r->sources[r->nsources];
    struct config_bytes b;
    struct err why;

    /* A source needs its path first: faults name it. */
    *s = (struct config_source){ .path = strdup(path),
                                 .base = r->nsources ? r->at + 1 : 0 };
    if (!s->path) {
        r->out_of_memory = true;
        return false;
    }
    r->nsources++;
    r->source = s;
    r->at = s->base;
    if (config_slurp(path, TOTAL_MAX, &b, &why) == -1) {
        config_fault(r, r->at, "%s", why.text);
        return false;
    }
    s->mode = b.mode;
    r->total_len += b.len;
    if (r->total_len <= TOTAL_MAX)
        parse_lines(r, &b);
    else
        config_fault(r, r->at, "all files together hold more than %zu bytes",
                     TOTAL_MAX);
    config_wipe(b.text, b.len);
    return true;
}

static void read_included(struct config_reading *r, const char *file,
                          const char *pattern)
{
    unsigned at = r->agent.keys_at[config_key_index(r->agent.set, "include")];
    struct config_source *grown;
    glob_t found = { 0 };
    struct err why;

    if (config_glob(file, pattern, &found, &why) == -1) {
        config_fault(r, at, "include: %s: %s", pattern, why.text);
        return;
    }
    grown = reallocarray(r->sources, found.gl_pathc + 1, sizeof *grown);
    if (grown)
        r->sources = grown;
    else
        r->out_of_memory = true;
    for (size_t i = 0; i < found.gl_pathc && !r->out_of_memory; i++) {
        /* The pattern may well match the file that it stands in. */
        if (!config_same_file(file, found.gl_pathv[i]))
            (void)read_source(r, found.gl_pathv[i]);
    }
    globfree(&found);
}

bool config_read(struct config_reading *r, const char *file)
{
    const struct config *c = r->agent.base;

    r->sources = calloc(1, sizeof *r->sources);
    if (!r->sources) {
        r->out_of_memory = true;
        return false;
    }
    if (!read_source(r, file))
        return false;
    if (c->agent.include)
        read_included(r, file, c->agent.include);
    return true;
}
