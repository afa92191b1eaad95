#include <string.h>

#include "agent/escape.h"

size_t escape_byte(char c, char form[4])
{
    static const char HEX[] = "0123456789abcdef";
    unsigned char byte = (unsigned char)c;

    form[0] = c;
    if (byte >= ' ' && byte <= '~' && c != '\\')
        return 1;
    form[0] = '\\';
    form[1] = '\\';
    if (c == '\\')
        return 2;
    form[1] = 'x';
    form[2] = HEX[byte >> 4];
    form[3] = HEX[byte & 15];
    return 4;
}

void escape_add(char *out, size_t size, const char *in, size_t len)
{
    size_t at = strnlen(out, size);
    for (size_t i = 0; i < len; i++) {
        char form[4];
        size_t n = escape_byte(in[i], form);
        if (at + n >= size)
            break;
        memcpy(out + at, form, n);
        at += n;
    }
    if (at < size)
        out[at] = '\0';
}
