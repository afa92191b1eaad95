/*
 * The manual against the code's own tables: each key of the config and each
 * reason stands in its page, under its section, with what the table says of
 * it.  A new line of a table without one in the manual fails here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/reason.h"

#include "../src/config/keys.h"

#define CONF_PAGE   MANUAL "/sentinel-agent.conf.5"
#define STATUS_PAGE MANUAL "/sentinel-agent-status.7"

static char *read_page(const char *path)
{
    static char text[65536];
    FILE *f = fopen(path, "r");

    if (f == NULL)
        fail_msg("%s cannot be read", path);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    return text;
}

/* Of the next line after FROM that begins with END, or of the text's end. */
static const char *ends(const char *from, const char *end)
{
    char line[16];
    const char *at;

    snprintf(line, sizeof line, "\n%s", end);
    at = strstr(from, line);
    return at != NULL ? at : from + strlen(from);
}

/*
 * The part of TEXT from the line before HEAD to the next entry's or section's
 * head; owned by the caller, NULL when there is none.  HEAD is the beginning
 * of a line.
 */
static char *part(const char *text, const char *head, bool entry)
{
    char line[160];
    const char *from, *to, *more;

    snprintf(line, sizeof line, "\n%s", head);
    from = strstr(text, line);
    if (from == NULL)
        return NULL;
    more = from + strlen(line) - 1;
    to = ends(more, ".Ss ");
    if (ends(more, ".Sh ") < to)
        to = ends(more, ".Sh ");
    if (entry && ends(more, ".It ") < to)
        to = ends(more, ".It ");
    return strndup(from, (size_t)(to - from) + 1);
}

static void has_line(const char *entry, const char *name, const char *line)
{
    char wanted[192];

    snprintf(wanted, sizeof wanted, "\n%s\n", line);
    if (strstr(entry, wanted) == NULL)
        fail_msg("%s, %s: no line \"%s\"", CONF_PAGE, name, line);
}

/* As the message says it that refuses another value. */
static void tells_the_values(const char *entry, const struct config_key *k)
{
    struct config_instance nothing = { 0 };
    struct err e;
    char line[160];
    const char *from, *to;

    if (k->type == CONFIG_STRING)
        return;
    assert_int_equal(config_value_parse(k, "?", &nothing, &e), -1);
    from = strstr(e.text, " must be ");
    to = strstr(e.text, ", got ");
    assert_true(from != NULL && to != NULL);
    from += strlen(" must be ");
    snprintf(line, sizeof line, "Value: %.*s.", (int)(to - from), from);
    has_line(entry, k->name, line);
}

/* A default that is known before the host is. */
static void heads_with_the_default(const char *section,
                                   const struct config_key *k)
{
    char head[128];
    char *entry;

    snprintf(head, sizeof head, ".It Cm %s No = Cm %s\n", k->name, k->deflt);
    entry = part(section, head, true);
    if (entry == NULL)
        fail_msg("%s: no line \"%.*s\"", CONF_PAGE, (int)strlen(head) - 1,
                 head);
    free(entry);
}

/* What [agent] says of it goes for [redis:NAME] too. */
static bool told_in_agent(const struct config_keyset *set,
                          const struct config_key *k)
{
    return set == &CONFIG_KEYSETS[SECTION_INSTANCE] && k->deflt == NULL &&
           config_key_find(&CONFIG_KEYSETS[SECTION_AGENT], k->name) >= 0;
}

static void inherits(const char *section, const char *name)
{
    char *list = part(section, ".It Cm interval , ", true);
    char word[64];

    assert_non_null(list);
    *strchr(list + 1, '\n') = '\0';
    snprintf(word, sizeof word, " %s", name);
    if (strstr(list, word) == NULL)
        fail_msg("%s: %s is not in the list that begins with interval",
                 CONF_PAGE, name);
    free(list);
}

static void tells(const char *section, const struct config_keyset *set,
                  const struct config_key *k)
{
    char head[64];
    char *entry;

    if (told_in_agent(set, k)) {
        inherits(section, k->name);
        return;
    }
    snprintf(head, sizeof head, ".It Cm %s", k->name);
    entry = part(section, head, true);
    if (entry == NULL || strchr(" \n", entry[1 + strlen(head)]) == NULL)
        fail_msg("%s: no \"%s\" in the section of [%s]", CONF_PAGE, head,
                 set->name);
    if (k->deflt != NULL)
        heads_with_the_default(section, k);
    tells_the_values(entry, k);
    if (k->flags & CONFIG_RESTART)
        has_line(entry, k->name, "A change needs a restart.");
    else if (strstr(entry, "needs a restart") != NULL)
        fail_msg("%s, %s: needs no restart", CONF_PAGE, k->name);
    free(entry);
}

static void every_key_is_told_with_its_default_and_its_values(void **state)
{
    const char *page = read_page(CONF_PAGE);

    (void)state;
    for (size_t s = 0; s < CONFIG_SECTIONS; s++) {
        const struct config_keyset *set = &CONFIG_KEYSETS[s];
        const char *more = set == &CONFIG_KEYSETS[SECTION_INSTANCE] ||
                                   set == &CONFIG_KEYSETS[SECTION_CREDENTIALS]
                               ? ":NAME"
                               : "";
        char head[64];
        char *section;

        snprintf(head, sizeof head, ".Ss The section%s [%s%s]",
                 *more != '\0' ? "s" : "", set->name, more);
        section = part(page, head, false);
        if (section == NULL)
            fail_msg("%s: no \"%s\"", CONF_PAGE, head);
        for (size_t i = 0; i < set->nkeys; i++)
            tells(section, set, &set->keys[i]);
        free(section);
    }
}

/* The lines of ENTRY after its first, joined, begin with SENTENCE. */
static bool begins_with(char *entry, const char *sentence)
{
    char *at = strchr(entry + 1, '\n') + 1;

    for (char *p = at; *p != '\0'; p++)
        if (*p == '\n')
            *p = ' ';
    return strncmp(at, sentence, strlen(sentence)) == 0;
}

static void every_reason_is_told_under_its_status(void **state)
{
    const char *page = read_page(STATUS_PAGE);

    (void)state;
    for (int r = 0; r < REASON_COUNT; r++) {
        const char *status = status_name(reason_status((enum reason)r));
        const char *name = reason_name((enum reason)r);
        const char *sentence = reason_sentence((enum reason)r);
        char head[64];
        char *section, *entry;

        snprintf(head, sizeof head, ".Ss The status %s\n", status);
        section = part(page, head, false);
        assert_non_null(section);
        snprintf(head, sizeof head, ".It Cm %s\n", name);
        entry = part(section, head, true);
        if (entry == NULL)
            fail_msg("%s: no \".It Cm %s\" under \"The status %s\"",
                     STATUS_PAGE, name, status);
        if (!begins_with(entry, sentence))
            fail_msg("%s, %s: does not begin with \"%s\"", STATUS_PAGE, name,
                     sentence);
        free(entry);
        free(section);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_is_told_with_its_default_and_its_values),
        cmocka_unit_test(every_reason_is_told_under_its_status),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
