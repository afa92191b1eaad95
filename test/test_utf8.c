/* What is a character and what is none, at the edges of RFC 3629. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/utf8.h"

static void characters_of_each_length_are_read(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        uint32_t code;
    } CASES[] = {
        { "a", 1, 'a' },
        { "\x7f", 1, 0x7f },
        { "\xc2\x80", 2, 0x80 },
        { "\xdf\xbf", 2, 0x7ff },
        { "\xe0\xa0\x80", 3, 0x800 },
        { "\xed\x9f\xbf", 3, 0xd7ff },
        { "\xee\x80\x80", 3, 0xe000 },
        { "\xef\xbf\xbf", 3, 0xffff },
        { "\xf0\x90\x80\x80", 4, 0x10000 },
        { "\xf4\x8f\xbf\xbf", 4, 0x10ffff },
    };

    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        uint32_t code = 1;

        assert_int_equal(utf8_at(CASES[i].bytes, &code), CASES[i].len);
        assert_int_equal(code, CASES[i].code);
    }
}

static void what_is_no_character_is_nothing(void **state)
{
    static const char *const CASES[] = {
        "\x80",             /* only continues */
        "\xbf",             /* only continues */
        "\xc3",             /* ends too soon */
        "\xe2\x82",         /* ends too soon */
        "\xe2\x82z",        /* another begins inside */
        "\xc0\xaf",         /* a longer form than needed */
        "\xc1\xbf",         /* the same */
        "\xe0\x9f\xbf",     /* the same */
        "\xf0\x8f\xbf\xbf", /* the same */
        "\xed\xa0\x80",     /* half of a pair of UTF-16 */
        "\xed\xbf\xbf",     /* half of a pair of UTF-16 */
        "\xf4\x90\x80\x80", /* past the last code point */
        "\xf8\x88\x80\x80\x80",
        "\xff",
    };

    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        uint32_t code;

        assert_int_equal(utf8_at(CASES[i], &code), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(characters_of_each_length_are_read),
        cmocka_unit_test(what_is_no_character_is_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
