/*
 * Files' bytes to keys and values, by inih, whose surprises are kept away
 * from its users.  By default it cuts lines at 200 bytes and section names at
 * 49, joins an indented line to the one before, says nothing of an empty
 * section and does not tell its handler the line.  So its run-time switches
 * are set, and it reads through a function of ours that sees every line: it
 * counts them, turns away those that inih would not see whole, and handles
 * the section headers itself.  Comments, spaces and the split into key and
 * value are left to inih.
 *
 * Included files are read after the whole main file, wherever in it the
 * `include` stands, as if they were its continuation; only a section does
 * not go on from one file into the next.
 */
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <ini.h>

#include "agent/escape.h"

#include "faults.h"
#include "files.h"
#include "settings.h"

#include "read.h"

/* Of all files together: their lines are to be counted by an unsigned. */
#define TOTAL_MAX  ((size_t)64 << 20)
#define LINE_LIMIT 4000
/* So that its line is within the limit in whatever way it is spelled. */
#define VALUE_LIMIT 3900

/* The spaces that inih sees, by isspace() in the C locale. */
#define SPACES " \t\r\n\v\f"

static void enter(struct config_reading *r, struct config_section *s,
                  const char *header)
{
    char shown[ESCAPED_SIZE], place[CONFIG_PLACE_TEXT];

    r->current = s;
    if (s->at > 0)
        config_fault(r, r->at, "duplicate section [%s], first at %s",
                     config_show(header, shown),
                     config_earlier(r, s->at, place));
    else
        s->at = r->at;
}

static int by_name(const void *a, const void *b)
{
    const struct config_instance *x = ((const struct config_section *)a)->base;
    const struct config_instance *y = ((const struct config_section *)b)->base;

    return strcmp(x->name, y->name);
}

/*
 * The next free section of an instance, zeroed; it stays free until BLOCK->used
 * counts it.  NULL on lack of memory.  Sections go when all files are read, and
 * the instances that they describe stay: each in a block of its own would leave
 * a hole between two of those that nothing larger fits into.
 */
static struct config_section *free_section(struct config_reading *r)
{
    struct config_block *b = r->blocks;

    if (b == NULL || b->used == CONFIG_BLOCK_SECTIONS) {
        b = malloc(sizeof *b);
        if (b == NULL)
            return NULL;
        b->next = r->blocks;
        b->used = 0;
        r->blocks = b;
    }
    struct config_section *s = &b->sections[b->used];
    *s = (struct config_section){ .set = NULL };
    return s;
}

/* The section of that name, made if there is none; NULL on lack of memory. */
static struct config_section *instance_section(struct config_reading *r,
                                               const char *name)
{
    struct config_section *s = free_section(r);
    void *items = r->instances;
    struct config_section **found;

    if (s == NULL)
        return NULL;
    s->set = &CONFIG_KEYSETS[SECTION_INSTANCE];
    s->base = config_instance_new(name);
    if (s->base == NULL ||
        !config_more_room(&items, r->ninstances, &r->instances_size,
                          sizeof(void *)))
        goto fail;
    r->instances = items;
    found = tsearch(s, &r->by_name, by_name);
    if (found == NULL)
        goto fail;
    if (*found == s) {
        r->instances[r->ninstances++] = s;
        r->blocks->used++;
        return s;
    }
    config_instance_unref(s->base);
    return *found;
fail:
    config_instance_unref(s->base);
    return NULL;
}

static void enter_instance(struct config_reading *r, const char *header,
                           const char *name)
{
    char shown[ESCAPED_SIZE];
    struct config_section *s;
    struct err why;

    if (config_check_instance(name, &why) != 0)
        config_fault(r, r->at, "[%s]: the name %s", config_show(header, shown),
                     why.text);
    if (r->ninstances == CONFIG_INSTANCES_MAX) {
        config_fault(r, r->at, "more than %d instances", CONFIG_INSTANCES_MAX);
        r->current = &r->unknown;
        return;
    }
    s = instance_section(r, name);
    if (s == NULL) {
        r->out_of_memory = true;
        r->current = &r->unknown;
        return;
    }
    enter(r, s, header);
}

static struct config_section *credentials_section(struct config_reading *r,
                                                  const char *name)
{
    for (size_t i = 0; i < r->ncredentials; i++) {
        const struct config_instance *c = r->credentials[i].base;
        if (strcmp(c->name, name) == 0)
            return &r->credentials[i];
    }
    struct config_section *more = reallocarray(
        r->credentials, r->ncredentials + 1, sizeof *r->credentials);
    if (more == NULL)
        return NULL;
    r->credentials = more;
    more += r->ncredentials;
    *more = (struct config_section){
        .set = &CONFIG_KEYSETS[SECTION_CREDENTIALS],
        .base = config_instance_new(name),
    };
    if (more->base == NULL)
        return NULL;
    r->ncredentials++;
    return more;
}

static void enter_credentials(struct config_reading *r, const char *header,
                              const char *name)
{
    char shown[ESCAPED_SIZE];
    struct err why;
    if (config_check_instance(name, &why) != 0)
        config_fault(r, r->at, "[%s]: the name %s", config_show(header, shown),
                     why.text);
    struct config_section *s = credentials_section(r, name);
    if (s != NULL) {
        enter(r, s, header);
        return;
    }
    r->out_of_memory = true;
    r->current = &r->unknown;
}

/* A line that begins with [; after a fault the keys below are skipped or
 * checked, whichever gives fewer faults that are none. */
static void section_line(struct config_reading *r, char *line)
{
    char shown[ESCAPED_SIZE];
    char *header = line + 1;
    char *end = strchr(header, ']');

    r->current = &r->unknown;
    if (end == NULL) {
        config_fault(r, r->at, "no ] after %s", config_show(line, shown));
        return;
    }
    *end++ = '\0';
    end += strspn(end, SPACES);
    if (*end != '\0' && *end != ';')
        config_fault(r, r->at, "text after ]: %s", config_show(end, shown));
    bool settings =
        strcmp(header, "fleet") == 0 || strcmp(header, "defaults") == 0;
    if (r->targets && settings && r->source != r->sources)
        config_fault(r, r->at, "[%s] belongs into the settings node", header);
    else if (r->targets && !settings && strncmp(header, "redis:", 6) != 0)
        config_fault(r, r->at, "unknown section [%s]",
                     config_show(header, shown));
    else if (strcmp(header, "agent") == 0)
        enter(r, &r->agent, header);
    else if (strcmp(header, "zookeeper") == 0)
        enter(r, &r->zookeeper, header);
    else if (strcmp(header, "http") == 0)
        enter(r, &r->http, header);
    else if (strcmp(header, "fleet") == 0)
        enter(r, &r->fleet, header);
    else if (strcmp(header, "defaults") == 0)
        enter(r, &r->defaults, header);
    else if (strncmp(header, "redis:", 6) == 0)
        enter_instance(r, header, header + 6);
    else if (strncmp(header, "credentials:", 12) == 0)
        enter_credentials(r, header, header + 12);
    else
        config_fault(r, r->at, "unknown section [%s]",
                     config_show(header, shown));
}

/* inih strips blanks at the end, and takes a ; after a space for the begin of
 * a comment: in a password either may be meant. */
static bool is_cut(const char *line)
{
    size_t len = strcspn(line, "\r\n");

    return (len > 0 && strchr(SPACES, line[len - 1]) != NULL) ||
           strstr(line, " ;") != NULL || strstr(line, "\t;") != NULL;
}

/* inih's reader.  A line that it must not see is shown to it as empty, so
 * that the count of lines stays right. */
static char *next_line(char *out, int size, void *stream)
{
    struct config_reading *r = stream;
    const char *start = r->text + r->pos;
    size_t left = r->text_len - r->pos;
    const char *end = memchr(start, '\n', left);
    size_t len = end != NULL ? (size_t)(end - start) : left;
    char *p = out;

    if (left == 0) {
        /* The line buffer is inih's and goes back to the heap after this. */
        explicit_bzero(out, (size_t)size);
        return NULL;
    }
    r->pos += end != NULL ? len + 1 : len;
    r->at++;
    out[0] = '\0';
    if (len > LINE_LIMIT || len >= (size_t)size) {
        config_fault(r, r->at, "line of more than %d bytes", LINE_LIMIT);
        return out;
    }
    if (memchr(start, '\0', len) != NULL) {
        config_fault(r, r->at, "line holds a NUL byte");
        return out;
    }
    memcpy(out, start, len);
    out[len] = '\0';
    r->cut = is_cut(out);
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
    if (s->set != &CONFIG_KEYSETS[SECTION_INSTANCE] &&
        s->set != &CONFIG_KEYSETS[SECTION_CREDENTIALS])
        return s->set->name;
    instance = s->base;
    snprintf(out, ESCAPED_SIZE, "%s:", s->set->name);
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

static void note_secret(struct config_reading *r)
{
    r->source->secret = true;
    if (r->cut && r->source->cut_at == 0)
        r->source->cut_at = r->at;
}

static void set_value(struct config_reading *r, struct config_section *s,
                      size_t key, const char *value)
{
    const struct config_key *k = &s->set->keys[key];
    char title[ESCAPED_SIZE], place[CONFIG_PLACE_TEXT];
    struct err why;

    if (s->keys_at[key] > 0) {
        config_fault(r, r->at, "duplicate key %s in [%s], first at %s", k->name,
                     section_title(r, s, title),
                     config_earlier(r, s->keys_at[key], place));
        return;
    }
    s->keys_at[key] = r->at;
    if ((k->flags & CONFIG_SECRET) != 0)
        note_secret(r);
    if (*value == '\0')
        config_fault(r, r->at, "%s has no value", k->name);
    else if (strlen(value) > VALUE_LIMIT)
        config_fault(r, r->at, "%s is longer than %d bytes", k->name,
                     VALUE_LIMIT);
    else if (config_check_text(value, &why) != 0)
        config_fault(r, r->at, "%s %s", k->name, why.text);
    else if (config_value_parse(k, value, s->base, &why) != 0)
        config_fault(r, r->at, "%s", why.text);
}

/* Keys that other clients have for it, under whatever name. */
static bool is_secured_way(const char *key)
{
    static const char *const HEADS[] = { "tls",    "ssl",      "sasl",
                                         "secure", "kerberos", "jaas" };

    for (size_t i = 0; i < sizeof HEADS / sizeof HEADS[0]; i++)
        if (strncasecmp(key, HEADS[i], strlen(HEADS[i])) == 0)
            return true;
    return false;
}

static bool credentials_have(const char *key)
{
    return config_key_find(&CONFIG_KEYSETS[SECTION_CREDENTIALS], key) >= 0;
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
    if (value == NULL)
        config_fault(r, r->at, "not of the form key = value");
    else if (s == NULL)
        config_fault(r, r->at, "key %s before any section",
                     show_key(name, shown));
    if (value == NULL || s == NULL || s->set == NULL)
        return 1;
    key = config_key_find(s->set, name);
    if (key < 0 && s == &r->zookeeper && is_secured_way(name))
        config_fault(r, r->at,
                     "%s: the client library of ZooKeeper has neither TLS nor "
                     "SASL here: see TUNNEL in sentinel-agent.conf(5), or use "
                     "digest_file",
                     show_key(name, shown));
    else if (key < 0)
        config_fault(r, r->at, "unknown key %s in [%s]", show_key(name, shown),
                     section_title(r, s, title));
    else if (s == &r->defaults && strcmp(name, "address") == 0)
        config_fault(r, r->at,
                     "address belongs in each [redis:NAME], "
                     "not in [defaults]");
    else if (s == &r->agent && strcmp(name, "include") == 0 &&
             r->source != r->sources)
        config_fault(r, r->at, "include belongs in the main file");
    else if (r->targets && (s->set->keys[key].flags & CONFIG_OWN) != 0)
        /* Not even kept for the time being: who may write into ZooKeeper may
         * not have a secret of this host sent to where he likes. */
        config_fault(r, r->at, "%s is not for a target%s", name,
                     credentials_have(name) ? ": it names credentials" : "");
    else if (!r->targets && (s->set->keys[key].flags & CONFIG_TARGET) != 0)
        config_fault(r, r->at,
                     "%s is for the targets of a fleet: here it is username "
                     "and password_file",
                     name);
    else
        set_value(r, s, (size_t)key, value);
    return 1;
}

static void parse_lines(struct config_reading *r, const struct config_bytes *b)
{
    r->text = b->text;
    r->text_len = b->len;
    r->pos = 0;
    ini_allow_multiline = false;
    ini_allow_bom = true;
    ini_allow_inline_comments = true;
    ini_use_stack = false;
    /* A line that fills it is too long for inih since 56, which then throws
     * away what it takes for the line's rest: the next one. */
    ini_initial_alloc = LINE_LIMIT + 3;
    ini_stop_on_first_error = false;
    ini_allow_no_value = true;
    int rc = ini_parse_stream(next_line, r, on_pair, r);
    if (rc > 0) /* a line of which inih makes nothing */
        config_fault(r, r->source->base + (unsigned)rc, "cannot be parsed");
    else if (rc < 0)
        r->out_of_memory = true;
    r->text = NULL;
}

/* A source of that name begins. */
static struct config_source *begin_source(struct config_reading *r,
                                          const char *name)
{
    struct config_source *s = &r->sources[r->nsources];

    /* A source needs its path first: faults name it. */
    *s = (struct config_source){ .path = strdup(name),
                                 .base = r->nsources > 0 ? r->at + 1 : 0 };
    if (s->path == NULL) {
        r->out_of_memory = true;
        return NULL;
    }
    r->nsources++;
    r->source = s;
    r->at = s->base;
    r->current = NULL;
    return s;
}

void config_read_bytes(struct config_reading *r, const char *name,
                       const char *bytes, size_t len)
{
    const struct config_bytes b = { .text = (char *)bytes, .len = len };

    if (begin_source(r, name) != NULL)
        parse_lines(r, &b);
}

/* There is room for it among the sources. */
static bool read_source(struct config_reading *r, const char *path)
{
    struct config_source *s = begin_source(r, path);
    struct config_bytes b;
    struct err why;

    if (s == NULL)
        return false;
    if (config_slurp(path, TOTAL_MAX, &b, &why) != 0) {
        config_fault(r, r->at, "%s", why.text);
        return false;
    }
    s->mode = b.mode;
    /* Its `log` and `user` say which file is written, and by which user. */
    if ((b.mode & S_IWOTH) != 0)
        config_fault(r, r->at, "mode %04o lets others write it (chmod o-w)",
                     b.mode);
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

    if (config_glob(file, pattern, &found, &why) != 0) {
        config_fault(r, at, "include: %s: %s", pattern, why.text);
        return;
    }
    grown = reallocarray(r->sources, found.gl_pathc + 1, sizeof *grown);
    if (grown != NULL)
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
    if (r->sources == NULL) {
        r->out_of_memory = true;
        return false;
    }
    if (!read_source(r, file))
        return false;
    if (c->agent.include != NULL)
        read_included(r, file, c->agent.include);
    return true;
}
