#include <stdbool.h>
#include <string.h>

#include "agent/escape.h"

/* Not called for what stands for itself.  Returns the length. */
static size_t escape(unsigned char c, char form[4])
{
    static const char HEX[] = "0123456789abcdef";
    form[0] = '\\';
    form[1] = '\\';
    if (c == '\\')
        return 2;
    form[1] = 'x';
    form[2] = HEX[c >> 4];
    form[3] = HEX[c & 15];
    return 4;
}

void escape_add(char *out, size_t size, const char *in, size_t len)
{
    size_t at = strnlen(out, size);
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)in[i];
        char form[4] = { in[i] };
        bool plain = c >= ' ' && c <= '~' && c != '\\';
        size_t n = plain ? 1 : escape(c, form);
        if (at + n >= size)
            break;
        memcpy(out + at, form, n);
        at += n;
    }
    if (at < size)
        out[at] = '\0';
}
