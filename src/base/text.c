/*
 * The pages that show every instance are written with this: two thousand
 * instances are some two megabytes, and a tree of values would be a hundred
 * thousand allocations that hold up the loop, and thereby probes, for tens of
 * milliseconds at every request.  So memory is kept from one page to the next,
 * numbers and times are written digit by digit, and strings are copied whole
 * where nothing in them needs an escape.
 *
 * It does not watch over the form of the JSON.  That is for the tests
 * of the pages.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/clock.h"
#include "agent/escape.h"

#include "agent/text.h"
#include "agent/utf8.h"

#define SIZE_FIRST 1024

struct text text_in(char *bytes, size_t size)
{
    bytes[0] = '\0';
    return (struct text){ .bytes = bytes, .size = size, .fixed = true };
}

void text_reset(struct text *t)
{
    t->len = 0;
    t->failed = false;
    if (t->bytes != NULL)
        t->bytes[0] = '\0';
}

void text_free(struct text *t)
{
    free(t->bytes);
    *t = (struct text){ .bytes = NULL };
}

/* Room for LEN bytes and a NUL; false when there is none. */
static bool reserve(struct text *t, size_t len)
{
    size_t size = t->size < SIZE_FIRST ? SIZE_FIRST : t->size;
    char *bytes;

    if (t->failed)
        return false;
    if (t->size - t->len > len)
        return true;
    t->failed = t->fixed;
    if (t->failed)
        return false;
    while (size - t->len <= len && size <= SIZE_MAX / 2)
        size *= 2;
    bytes = size - t->len > len ? realloc(t->bytes, size) : NULL;
    t->failed = bytes == NULL;
    if (t->failed)
        return false;
    t->bytes = bytes;
    t->size = size;
    return true;
}

void text_add_bytes(struct text *t, const char *bytes, size_t len)
{
    if (!reserve(t, len))
        return;
    memcpy(t->bytes + t->len, bytes, len);
    t->len += len;
    t->bytes[t->len] = '\0';
}

void text_addf(struct text *t, const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0)
        t->failed = true;
    if (n < 0 || !reserve(t, (size_t)n))
        return;
    va_start(args, format);
    vsnprintf(t->bytes + t->len, (size_t)n + 1, format, args);
    va_end(args);
    t->len += (size_t)n;
}

void text_add_char(struct text *t, char c)
{
    text_add_bytes(t, &c, 1);
}

/* Backwards, so that they end at END; returns where they begin. */
static char *digits(char *end, uint64_t n)
{
    do {
        *--end = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    return end;
}

void text_add_uint(struct text *t, uint64_t n)
{
    char number[20];
    char *end = number + sizeof number;
    const char *first = digits(end, n);

    text_add_bytes(t, first, (size_t)(end - first));
}

void text_add_int(struct text *t, int64_t n)
{
    if (n < 0)
        text_add_char(t, '-');
    text_add_uint(t, n < 0 ? -(uint64_t)n : (uint64_t)n);
}

void text_add_decimal(struct text *t, uint64_t n, unsigned places)
{
    char fraction[1 + 18];
    uint64_t unit = 1;
    unsigned len = places;
    uint64_t rest;

    for (unsigned i = 0; i < places; i++)
        unit *= 10;
    text_add_uint(t, n / unit);
    rest = n % unit;
    if (rest == 0)
        return;
    memset(fraction, '0', sizeof fraction);
    fraction[0] = '.';
    digits(fraction + 1 + places, rest);
    while (fraction[len] == '0')
        len--;
    text_add_bytes(t, fraction, 1 + len);
}

void text_add_rfc3339(struct text *t, int64_t wall_ms)
{
    char moment[CLOCK_RFC3339_SIZE];

    clock_rfc3339(wall_ms, moment);
    text_add_bytes(t, moment, CLOCK_RFC3339_SIZE - 1);
}

enum looks {
    LOOKS_BARE,   /* to be copied */
    LOOKS_QUOTED, /* quotes or backslashes in it */
    LOOKS_BAD,    /* to be escaped byte by byte */
};

static enum looks look_at(const char *s, size_t *len)
{
    const char *at = s;
    enum looks looks = LOOKS_BARE;

    while (*at != '\0') {
        uint32_t code = (unsigned char)*at;
        size_t n = code < 0x80 ? 1 : utf8_at(at, &code);

        if (n == 0 || code < 0x20 || code == 0x7f)
            return LOOKS_BAD;
        if (code == '"' || code == '\\')
            looks = LOOKS_QUOTED;
        at += n;
    }
    *len = (size_t)(at - s);
    return looks;
}

/* Quotes and backslashes are escaped alike in JSON and in labels. */
static void add_quoted(struct text *t, const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (s[i] == '"' || s[i] == '\\')
            text_add_char(t, '\\');
        text_add_char(t, s[i]);
    }
}

/* As escape_add does with MAX bytes of room, and then as above. */
static void add_escaped(struct text *t, const char *s, size_t max)
{
    for (size_t len = 0; *s != '\0'; s++) {
        char form[4];
        size_t n = escape_byte(*s, form);

        len += n;
        if (len >= max)
            break;
        add_quoted(t, form, n);
    }
}

/* How many of LEN bytes of UTF-8 fit into MAX when no character may be torn. */
static size_t cut_length(const char *s, size_t len, size_t max)
{
    if (len <= max)
        return len;
    len = max;
    while (len > 0 && ((unsigned char)s[len] & 0xc0) == 0x80)
        len--;
    return len;
}

static void add_string(struct text *t, const char *s, size_t max)
{
    size_t len;

    text_add_char(t, '"');
    switch (look_at(s, &len)) {
    case LOOKS_BARE:
        text_add_bytes(t, s, cut_length(s, len, max));
        break;
    case LOOKS_QUOTED:
        add_quoted(t, s, cut_length(s, len, max));
        break;
    case LOOKS_BAD:
        add_escaped(t, s, max);
        break;
    }
    text_add_char(t, '"');
}

void text_add_json_string(struct text *t, const char *s)
{
    text_add_json_string_cut(t, s, SIZE_MAX);
}

void text_add_json_string_cut(struct text *t, const char *s, size_t max)
{
    if (s == NULL)
        text_add(t, "null");
    else
        add_string(t, s, max);
}

/* One character, by the escapes of RFC 8259, section 7. */
static void add_ascii(struct text *t, uint32_t code)
{
    static const char SHORT[] = "\"\"\\\\\bb\ff\nn\rr\tt";

    for (const char *at = SHORT; *at != '\0'; at += 2) {
        if (code == (unsigned char)at[0]) {
            text_add_char(t, '\\');
            text_add_char(t, at[1]);
            return;
        }
    }
    if (code >= ' ' && code <= '~')
        text_add_char(t, (char)code);
    else if (code < 0x20 || code == 0x7f)
        text_addf(t, "\\u%04x", code);
    else if (code < 0x10000)
        text_addf(t, "\\u%04X", code);
    else
        text_addf(t, "\\u%04X\\u%04X", 0xd800 + ((code - 0x10000) >> 10),
                  0xdc00 + ((code - 0x10000) & 0x3ff));
}

void text_add_json_ascii(struct text *t, const char *s)
{
    uint32_t code;
    size_t n;

    text_add_char(t, '"');
    for (; *s != '\0' && (n = utf8_at(s, &code)) > 0; s += n)
        add_ascii(t, code);
    text_add_char(t, '"');
}

void text_add_label(struct text *t, const char *s)
{
    add_string(t, s, SIZE_MAX);
}
