#include "agent/utf8.h"

size_t utf8_at(const char *s, uint32_t *code)
{
    static const uint32_t LOWEST[] = { 0, 0, 0x80, 0x800, 0x10000 };
    const unsigned char *at = (const unsigned char *)s;
    size_t n = at[0] < 0x80             ? 1
               : (at[0] & 0xe0) == 0xc0 ? 2
               : (at[0] & 0xf0) == 0xe0 ? 3
               : (at[0] & 0xf8) == 0xf0 ? 4
                                        : 0;
    if (n <= 1) {
        *code = at[0];
        return n;
    }
    uint32_t c = at[0] & (0x7fu >> n);
    /* The final NUL stops it like any other wrong byte. */
    for (size_t i = 1; i < n; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (at[i] & 0x3fu);
    }
    if (c < LOWEST[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return 0;
    *code = c;
    return n;
}
