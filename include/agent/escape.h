#ifndef AGENT_ESCAPE_H
#define AGENT_ESCAPE_H

#include <stddef.h>

/*
 * Bytes from outside, made fit to be shown: printable ASCII stands for
 * itself, a backslash becomes \\, every other byte \xNN.  Pure.
 */

/* The form of one byte: 1, 2 or 4 characters into FORM, without a NUL; returns
 * how many. */
size_t escape_byte(char c, char form[4]);

/* Room for the start of what was said, with its NUL: enough to recognise a
 * sentence, too little to flood a log. */
#define ESCAPED_SIZE 112

/*
 * Appends LEN bytes of IN to the NUL-terminated OUT of SIZE bytes; what does
 * not fit is cut, never inside an escape.
 */
void escape_add(char *out, size_t size, const char *in, size_t len);

#endif
