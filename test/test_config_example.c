/*
 * The example against the table of keys, and against noise: it has every key
 * in it, and so is the best ground for mutations.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../src/config/keys.h"

#include "config_place.h"

/* VALUE, set for K into an empty struct, gives what the default gives. */
static void same_as_default(const struct config_key *k, const char *value)
{
    union {
        struct config config;
        struct config_instance instance;
    } a = { 0 }, b = { 0 };
    struct err e;

    assert_int_equal(config_value_parse(k, value, &a, &e), 0);
    assert_int_equal(config_value_parse(k, k->deflt, &b, &e), 0);
    assert_true(config_value_equal(k, &a, &b));
    config_value_free(k, &a);
    config_value_free(k, &b);
}

/*
 * In TEXT from its section's header on: a line ";KEY = VALUE" below a
 * comment.  VALUE is the default, or the comment ends with "(example)".
 */
static void documented(const char *text, const struct config_keyset *set,
                       const struct config_key *k)
{
    const struct config_key *shown = k;
    int parent = config_key_find(&CONFIG_KEYSETS[SECTION_AGENT], k->name);
    char header[32], line[64], value[128];
    const char *start, *at, *before;

    snprintf(header, sizeof header, "[%s%s", set->name,
             set == &CONFIG_KEYSETS[SECTION_INSTANCE]      ? ":cache-1]"
             : set == &CONFIG_KEYSETS[SECTION_CREDENTIALS] ? ":probe]"
                                                           : "]");
    snprintf(line, sizeof line, "\n;%s = ", k->name);
    start = strstr(text, header);
    assert_non_null(start);
    /* One is set there, and the other is for targets. */
    if (strcmp(k->name, "address") == 0 || (k->flags & CONFIG_TARGET) != 0)
        return;
    at = strstr(start, line);
    if (!at)
        fail_msg("%s is not in the example", k->name);
    assert_int_equal(sscanf(at + strlen(line), "%127[^\n]", value), 1);
    if (!k->deflt && parent != -1)
        shown = &CONFIG_KEYSETS[SECTION_AGENT].keys[parent];
    if (shown->deflt) {
        same_as_default(shown, value);
        return;
    }
    before = at - strlen("(example)");
    assert_memory_equal(before, "(example)", strlen("(example)"));
    assert_string_equal(value, k->example);
}

static char *read_example(void)
{
    static char text[16384];
    FILE *f = fopen(EXAMPLE_CONFIG, "r");

    assert_non_null(f);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    return text;
}

static void the_example_loads_and_sets_nothing_but_an_address(void **state)
{
    struct place *p = *state;
    struct config *first;
    char *printed, *wanted;

    load_file(p, EXAMPLE_CONFIG);
    first = p->config;
    assert_non_null(first);
    p->config = NULL;
    printed = print_config(first);
    wanted = print_config(
        good(state, "[redis:cache-1]\naddress = 127.0.0.1:6379\n"));
    assert_string_equal(printed, wanted);
    free(printed);
    free(wanted);
    config_free(first);
}

static void the_example_documents_every_key_with_its_default(void **state)
{
    const char *text = read_example();

    (void)state;
    for (size_t s = 0; s < CONFIG_SECTIONS; s++) {
        const struct config_keyset *set = &CONFIG_KEYSETS[s];

        for (size_t i = 0; i < set->nkeys; i++)
            documented(text, set, &set->keys[i]);
    }
}

/* What must be there stands elsewhere here: NULL when the LEN bytes of the
 * line name nothing of the kind. */
static const char *stands_in(const struct place *p, const char *line,
                             size_t len)
{
    if (memmem(line, len, "_file = /etc", 12) != NULL)
        return p->secret;
    return strncmp(line, "state_dir = ", 12) == 0 ? "/tmp" : NULL;
}

/* But for its alternatives that cannot stand together. */
static void the_example_loads_with_every_key_uncommented(void **state)
{
    struct place *p = *state;
    static char text[16384];
    const char *line = read_example();
    size_t used = 0;

    write_file(p->secret, "u:p\n", 4);
    for (const char *next; *line; line = next) {
        size_t len = strcspn(line, "\n") + 1;

        next = line + len;
        if (line[0] == ';' &&
            (line[1] == '[' || (line[1] >= 'a' && line[1] <= 'z')) &&
            strncmp(line, ";password =", 11) != 0 &&
            strncmp(line, ";tls_", 5) != 0) /* see test_config_tls.c */
            line++, len--;
        const char *other = stands_in(p, line, len);
        if (other != NULL) {
            used +=
                (size_t)snprintf(text + used, sizeof text - used, "%.*s%s\n",
                                 (int)(strcspn(line, "/")), line, other);
            continue;
        }
        memcpy(text + used, line, len);
        used += len;
    }
    text[used] = '\0';
    assert_true(good(state, text)->zookeeper.enabled);
    assert_true(p->config->http.enabled);
    assert_string_equal(p->config->agent.user, "redis");
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static void mutated_files_load_or_fail_and_never_crash(void **state)
{
    static const char *const PIECES[] = {
        "[",          "]",     "=", ";",         "\n",           " ",
        "[redis:",    "\xff",  ":", "[agent]\n", "\xef\xbb\xbf", "password",
        "9999999999", "unix:", ",", "%",         "\r",
    };
    struct place *p = *state;
    const char *original = read_example();
    const size_t len = strlen(original);
    char *bytes = malloc(len + 64);
    uint32_t seed = 20261123;

    for (unsigned round = 0; round < 1500; round++) {
        memcpy(bytes, original, len);
        for (unsigned i = next_random(&seed) % 60 + 1; i > 0; i--) {
            const char *piece = PIECES[next_random(&seed) % 17];
            size_t at = next_random(&seed) % (len - 16);

            if (next_random(&seed) % 4 == 0)
                bytes[at] = (char)next_random(&seed);
            else if (next_random(&seed) % 2 == 0 && bytes[at] == ';')
                bytes[at] = ' ';
            else
                memcpy(bytes + at, piece, strlen(piece));
        }
        load_bytes(p, bytes, len - next_random(&seed) % 64);
        for (size_t i = 0; i < p->faults.count; i++)
            assert_memory_equal(p->faults.lines[i], p->file, strlen(p->file));
    }
    free(bytes);
}

#define T(name) \
    cmocka_unit_test_setup_teardown(name, place_set_up, place_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(the_example_loads_and_sets_nothing_but_an_address),
        T(the_example_documents_every_key_with_its_default),
        T(the_example_loads_with_every_key_uncommented),
        T(mutated_files_load_or_fail_and_never_crash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
