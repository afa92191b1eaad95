#ifndef AGENT_UTF8_H
#define AGENT_UTF8_H

#include <stddef.h>
#include <stdint.h>

/*
 * The length in bytes of the UTF-8 character (RFC 3629) at S, which ends with
 * a NUL, and its code point into *CODE.  0 if no well-formed character stands
 * there: overlong forms, surrogates and what lies past U+10FFFF are none. Pure.
 */
size_t utf8_at(const char *s, uint32_t *code);

#endif
