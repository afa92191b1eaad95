/*
 * A value by its key: text to value and back, copy, compare, free.  Numbers
 * are parsed by hand, because strtoul takes signs, spaces and hexadecimal
 * and says little about overflow; none of these may be in a config.
 *
 * printing is the inverse of parsing: what config_value_print writes reads
 * back as the same value (but for secrets).
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/escape.h"

#include "keys.h"

struct unit {
    const char *suffix;
    uint64_t factor;
};

/* Largest first: printing takes the first that divides. */
static const struct unit DURATION_UNITS[] = {
    { "m", 60000 }, { "s", 1000 }, { "ms", 1 }, { NULL, 0 }
};
static const struct unit SIZE_UNITS[] = {
    { "M", 1024 * 1024 }, { "K", 1024 }, { "", 1 }, { NULL, 0 }
};
static const struct unit PERCENT_UNITS[] = { { "%", 1 }, { NULL, 0 } };
static const struct unit PLAIN_UNITS[] = { { "", 1 }, { NULL, 0 } };

static const struct unit *units_of(enum config_type type)
{
    switch (type) {
    case CONFIG_DURATION:
        return DURATION_UNITS;
    case CONFIG_SIZE:
        return SIZE_UNITS;
    case CONFIG_PERCENT:
        return PERCENT_UNITS;
    case CONFIG_COUNT:
        return PLAIN_UNITS;
    case CONFIG_BOOL:
    case CONFIG_WORD:
    case CONFIG_STRING:
        break;
    }
    return NULL;
}

static void *field(const struct config_key *k, void *base)
{
    return (char *)base + k->offset;
}

static const void *field_const(const struct config_key *k, const void *base)
{
    return (const char *)base + k->offset;
}

static uint64_t number_get(const struct config_key *k, const void *base)
{
    const void *f = field_const(k, base);
    unsigned u;
    uint64_t u64;
    bool b;

    if (k->type == CONFIG_SIZE) {
        memcpy(&u64, f, sizeof u64);
        return u64;
    }
    if (k->type == CONFIG_BOOL) {
        memcpy(&b, f, sizeof b);
        return b;
    }
    memcpy(&u, f, sizeof u);
    return u;
}

static void number_set(const struct config_key *k, void *base, uint64_t value)
{
    void *f = field(k, base);
    unsigned u = (unsigned)value;
    bool b = value != 0;

    if (k->type == CONFIG_SIZE)
        memcpy(f, &value, sizeof value);
    else if (k->type == CONFIG_BOOL)
        memcpy(f, &b, sizeof b);
    else
        memcpy(f, &u, sizeof u);
}

static char *string_get(const struct config_key *k, const void *base)
{
    char *s;

    memcpy(&s, field_const(k, base), sizeof s);
    return s;
}

static int string_set(const struct config_key *k, void *base, const char *text)
{
    char *s = strdup(text);

    if (s == NULL)
        return -1;
    config_value_free(k, base);
    memcpy(field(k, base), &s, sizeof s);
    return 0;
}

/* The digits of TEXT, a unit, and nothing else. */
static int parse_number(const char *text, const struct unit *units,
                        uint64_t *out)
{
    uint64_t value = 0;
    const char *p = text;

    for (; *p >= '0' && *p <= '9'; p++) {
        if (__builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*p - '0'), &value))
            return -1;
    }
    if (p == text)
        return -1;
    for (; units->suffix; units++) {
        if (strcmp(units->suffix, p) == 0)
            return __builtin_mul_overflow(value, units->factor, out) ? -1 : 0;
    }
    return -1;
}

static int parse_word(const char *text, const char *const *words, uint64_t *out)
{
    for (size_t i = 0; words[i]; i++) {
        if (strcmp(words[i], text) == 0) {
            *out = i;
            return 0;
        }
    }
    return -1;
}

static const char *const BOOL_WORDS[] = { "no", "yes", NULL };

static const char *const *words_of(const struct config_key *k)
{
    return k->type == CONFIG_BOOL ? BOOL_WORDS : k->words;
}

/* Enough for 2^64 and a unit. */
#define NUMBER_TEXT 32

static const char *number_text(const struct config_key *k, uint64_t value,
                               char out[NUMBER_TEXT])
{
    const struct unit *u = units_of(k->type);

    while (u[1].suffix && (value == 0 || value % u->factor != 0))
        u++;
    snprintf(out, NUMBER_TEXT, "%" PRIu64 "%s", value / u->factor, u->suffix);
    return out;
}

/* The range of a value, for people: "50ms..60m (ms, s or m)". */
static void describe(const struct config_key *k, char *out, size_t size)
{
    const char *const *words = words_of(k);
    char min[NUMBER_TEXT], max[NUMBER_TEXT];
    size_t used = 0;

    if (words) {
        for (size_t i = 0; words[i] && used < size; i++)
            used += (size_t)snprintf(out + used, size - used, "%s%s",
                                     i == 0         ? ""
                                     : words[i + 1] ? ", "
                                                    : " or ",
                                     words[i]);
        return;
    }
    snprintf(out, size, "%s..%s%s", number_text(k, k->min, min),
             number_text(k, k->max, max),
             k->type == CONFIG_DURATION ? " (ms, s or m)"
             : k->type == CONFIG_SIZE   ? " (bytes, or with K or M)"
                                        : "");
}

const char *config_show(const char *in, char out[ESCAPED_SIZE])
{
    out[0] = '\0';
    escape_add(out, ESCAPED_SIZE, in, strlen(in));
    return out;
}

static int parse_string(const struct config_key *k, const char *text,
                        void *base, struct err *e)
{
    struct err why;

    if (k->check != NULL && k->check(text, &why) != 0) {
        err_set(e, "%s %s", k->name, why.text);
        return -1;
    }
    if (string_set(k, base, text) != 0) {
        err_set(e, "%s: out of memory for its value", k->name);
        return -1;
    }
    return 0;
}

int config_value_parse(const struct config_key *k, const char *text, void *base,
                       struct err *e)
{
    char want[128], got[ESCAPED_SIZE];
    uint64_t value;
    int rc;

    if (k->type == CONFIG_STRING)
        return parse_string(k, text, base, e);
    if (words_of(k))
        rc = parse_word(text, words_of(k), &value);
    else
        rc = parse_number(text, units_of(k->type), &value);
    if (rc == 0 && (words_of(k) || (value >= k->min && value <= k->max))) {
        number_set(k, base, value);
        return 0;
    }
    describe(k, want, sizeof want);
    err_set(e, "%s must be %s, got %s", k->name, want, config_show(text, got));
    return -1;
}

int config_value_copy(const struct config_key *from_key, const void *from,
                      const struct config_key *to_key, void *to)
{
    if (from_key->type == CONFIG_STRING) {
        const char *s = string_get(from_key, from);

        return s != NULL ? string_set(to_key, to, s) : 0;
    }
    number_set(to_key, to, number_get(from_key, from));
    return 0;
}

bool config_value_equal(const struct config_key *k, const void *a,
                        const void *b)
{
    if (k->type == CONFIG_STRING) {
        const char *x = string_get(k, a);
        const char *y = string_get(k, b);

        return x != NULL && y != NULL ? strcmp(x, y) == 0 : x == y;
    }
    return number_get(k, a) == number_get(k, b);
}

static bool is_set(const struct config_key *k, const void *base)
{
    if (k->type == CONFIG_STRING)
        return string_get(k, base) != NULL;
    /* A number without a default is one whose 0 means "not set". */
    return k->type != CONFIG_SIZE || number_get(k, base) != 0;
}

void config_value_print(const struct config_key *k, const void *base, FILE *out)
{
    char number[NUMBER_TEXT];
    const char *text;

    if (!is_set(k, base))
        return;
    if (k->flags & CONFIG_SECRET)
        text = "***";
    else if (k->type == CONFIG_STRING)
        text = string_get(k, base);
    else if (words_of(k))
        text = words_of(k)[number_get(k, base)];
    else
        text = number_text(k, number_get(k, base), number);
    fprintf(out, "%s%s = %s\n", k->flags & CONFIG_DONE ? "; " : "", k->name,
            text);
}

void config_value_free(const struct config_key *k, void *base)
{
    char *s;

    if (k->type != CONFIG_STRING)
        return;
    s = string_get(k, base);
    if (s && (k->flags & CONFIG_SECRET))
        explicit_bzero(s, strlen(s));
    free(s);
    s = NULL;
    memcpy(field(k, base), &s, sizeof s);
}

void config_values_free(const struct config_keyset *set, void *base)
{
    for (size_t i = 0; i < set->nkeys; i++)
        config_value_free(&set->keys[i], base);
}
