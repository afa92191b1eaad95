/*
 * A comma is due unless something was just opened or named, which the last
 * byte tells: no state is kept beside the text.
 */
#include "agent/json_writer.h"

static void begin(struct text *t, const char *key)
{
    char last = t->len > 0 ? t->bytes[t->len - 1] : '{';

    if (last != '{' && last != '[' && last != ':')
        text_add_char(t, ',');
    if (key == NULL)
        return;
    text_add_char(t, '"');
    text_add(t, key);
    text_add_bytes(t, "\":", 2);
}

void jsonw_key(struct text *t, const char *key)
{
    begin(t, NULL);
    text_add_json_ascii(t, key);
    text_add_char(t, ':');
}

void jsonw_open(struct text *t, const char *key, char bracket)
{
    begin(t, key);
    text_add_char(t, bracket);
}

void jsonw_close(struct text *t, char bracket)
{
    text_add_char(t, bracket);
}

void jsonw_string(struct text *t, const char *key, const char *s)
{
    begin(t, key);
    text_add_json_string(t, s);
}

void jsonw_cut(struct text *t, const char *key, const char *s)
{
    begin(t, key);
    text_add_json_string_cut(t, s, JSONW_CUT);
}

void jsonw_ascii(struct text *t, const char *key, const char *s)
{
    begin(t, key);
    text_add_json_ascii(t, s);
}

void jsonw_uint(struct text *t, const char *key, uint64_t n)
{
    begin(t, key);
    text_add_uint(t, n);
}

void jsonw_int(struct text *t, const char *key, int64_t n)
{
    begin(t, key);
    text_add_int(t, n);
}

void jsonw_natural(struct text *t, const char *key, int64_t n)
{
    if (n < 0)
        jsonw_null(t, key);
    else
        jsonw_int(t, key, n);
}

void jsonw_time(struct text *t, const char *key, int64_t wall_ms)
{
    if (wall_ms == 0) {
        jsonw_null(t, key);
        return;
    }
    begin(t, key);
    text_add_char(t, '"');
    text_add_rfc3339(t, wall_ms);
    text_add_char(t, '"');
}

void jsonw_bool(struct text *t, const char *key, bool b)
{
    begin(t, key);
    text_add(t, b ? "true" : "false");
}

void jsonw_null(struct text *t, const char *key)
{
    begin(t, key);
    text_add(t, "null");
}

void jsonw_raw(struct text *t, const char *key, const char *bytes, size_t len)
{
    begin(t, key);
    text_add_bytes(t, bytes, len);
}
