#ifndef AGENT_TEXT_H
#define AGENT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * A text that grows as it is appended to.  Nothing here returns an error:
 * when memory runs out `failed` is set and what follows is dropped, so that
 * a renderer looks once, at the end.  All zero is an empty text.  Pure;
 * one thread at a time.
 */
struct text {
    char *bytes; /* owned; NUL-terminated unless NULL */
    size_t len;  /* without the NUL */
    size_t size;
    bool failed;
    bool fixed; /* in memory of the caller's, and does not grow */
};

/* An empty text in the SIZE (at least 1) bytes at BYTES: what does not fit
 * with its NUL counts as memory that ran out.  Needs no text_free. */
struct text text_in(char *bytes, size_t size);

/* Empties it, and keeps its memory for the next use. */
void text_reset(struct text *t);

/* Gives its memory back; it is then all zero again. */
void text_free(struct text *t);

void text_add_bytes(struct text *t, const char *bytes, size_t len);
void text_addf(struct text *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static inline void text_add(struct text *t, const char *s)
{
    text_add_bytes(t, s, strlen(s));
}

void text_add_char(struct text *t, char c);
void text_add_uint(struct text *t, uint64_t n);
void text_add_int(struct text *t, int64_t n);

/* N / 10^PLACES (at most 18) without zeros at its end: 118 and 6 are
 * 0.000118, 2500000 and 6 are 2.5. */
void text_add_decimal(struct text *t, uint64_t n, unsigned places);

/* See clock_rfc3339; no quotes. */
void text_add_rfc3339(struct text *t, int64_t wall_ms);

/*
 * S as a JSON string with its quotes.  A text that is not valid UTF-8 (RFC
 * 3629), or holds control characters or DEL, is escaped whole to printable
 * ASCII, byte by byte (\xNN, and \\ for a backslash), as in the documents in
 * ZooKeeper; but nothing is cut.  NULL becomes null.
 */
void text_add_json_string(struct text *t, const char *s);

/* The same, with S cut to MAX bytes between its quotes, before JSON doubles
 * some of them: no character and no escape is torn. */
void text_add_json_string_cut(struct text *t, const char *s, size_t max);

/* S, which is valid UTF-8, as a JSON string of printable ASCII alone. */
void text_add_json_ascii(struct text *t, const char *s);

/* S as the value of a Prometheus label, with its quotes; escaped first like
 * a JSON string. */
void text_add_label(struct text *t, const char *s);

#endif
