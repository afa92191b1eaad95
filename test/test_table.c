/* The table for people: its widths, what yields on a screen, its cells. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../src/cmd/table.h"

static const struct table_column COLUMNS[] = {
    { .title = "NAME" },
    { .title = "RTT", .yields = 2 },
    { .title = "ROLE", .yields = 1 },
    { .title = "STATUS" },
    { .title = "NOTE", .if_any = true },
    { .title = "DETAIL" },
};
#define NCOLUMNS (sizeof COLUMNS / sizeof *COLUMNS)

typedef const char *row_of_texts[NCOLUMNS];

static void cell(const void *arg, size_t row, size_t column,
                 char out[TABLE_CELL])
{
    const row_of_texts *rows = arg;

    snprintf(out, TABLE_CELL, "%s", rows[row][column]);
}

static const char *paint(const void *arg, size_t row, size_t column)
{
    const row_of_texts *rows = arg;

    return strcmp(rows[row][column], "down") == 0 ? "31" : NULL;
}

static struct table table(const row_of_texts *rows, size_t n)
{
    return (struct table){ .columns = COLUMNS,
                           .ncolumns = NCOLUMNS,
                           .nrows = n,
                           .cell = cell,
                           .paint = paint,
                           .arg = rows };
}

static void prints(const struct table *t, const char *wanted)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    table_print(t, out);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(text, wanted);
    free(text);
}

static const row_of_texts TWO[] = {
    { "cache-1", "118 us", "master", "down", "", "connect: refused" },
    { "c2", "-", "-", "up", "", "" },
};

static void a_column_is_as_wide_as_its_widest_cell(void **state)
{
    struct table t = table(TWO, 2);

    (void)state;
    prints(&t, "NAME     RTT     ROLE    STATUS  DETAIL\n"
               "cache-1  118 us  master  down    connect: refused\n"
               "c2       -       -       up\n");
}

static void a_column_for_notes_appears_with_the_first_note(void **state)
{
    static const row_of_texts ROWS[] = {
        { "a", "-", "-", "up", "", "x" },
        { "b", "-", "-", "up", "odd", "y" },
    };
    struct table t = table(ROWS, 2);

    (void)state;
    prints(&t, "NAME  RTT  ROLE  STATUS  NOTE  DETAIL\n"
               "a     -    -     up            x\n"
               "b     -    -     up      odd   y\n");
}

static const row_of_texts WORDY[] = {
    { "cache-1", "118 us", "master", "down", "",
      "connect: connection refused" },
    { "c2", "-", "-", "up", "", "" },
};

static void on_a_screen_the_last_column_is_cut(void **state)
{
    struct table t = table(WORDY, 2);

    (void)state;
    t.width = 57;
    prints(&t, "NAME     RTT     ROLE    STATUS  DETAIL\n"
               "cache-1  118 us  master  down    connect: connection r...\n"
               "c2       -       -       up\n");
}

static void on_a_narrow_screen_columns_yield_in_their_order(void **state)
{
    struct table t = table(WORDY, 2);

    (void)state;
    t.width = 56;
    prints(&t, "NAME     ROLE    STATUS  DETAIL\n"
               "cache-1  master  down    connect: connection refused\n"
               "c2       -       up\n");
    t.width = 41;
    prints(&t, "NAME     STATUS  DETAIL\n"
               "cache-1  down    connect: connection r...\n"
               "c2       up\n");
    t.width = 24;
    prints(&t, "NAME     STATUS  DETAIL\n"
               "cache-1  down    conn...\n"
               "c2       up\n");
}

static void on_the_narrowest_screen_no_line_is_longer_than_it(void **state)
{
    struct table t = table(TWO, 1);

    (void)state;
    t.width = 14;
    prints(&t, "NAME     ST...\n"
               "cache-1  down\n");
    t.width = 10;
    prints(&t, "NAME   ...\n"
               "ca...  ...\n");
}

static void on_a_screen_one_long_name_does_not_push_all_else_away(void **state)
{
    static const row_of_texts ROWS[] = {
        { "a-name-that-somebody-else-made-up", "-", "-", "up", "", "d" },
    };
    struct table t = table(ROWS, 1);

    (void)state;
    t.width = 40;
    prints(&t, "NAME                  STATUS  DETAIL\n"
               "a-name-that-someb...  up      d\n");
}

static void colours_are_painted_when_asked_for_and_take_no_room(void **state)
{
    struct table t = table(TWO, 1);

    (void)state;
    t.width = 24;
    t.colours = true;
    prints(&t, "\033[1mNAME\033[0m     \033[1mSTATUS\033[0m  "
               "\033[1mDETAIL\033[0m\n"
               "cache-1  \033[31mdown\033[0m    conn...\n");
}

static void a_text_holds_nothing_that_a_terminal_obeys(void **state)
{
    char out[TABLE_CELL];
    char longest[2000];

    (void)state;
    assert_string_equal(table_text("a\033[31m\n\xc2\x9b\\", out),
                        "a\\x1b[31m\\x0a\\xc2\\x9b\\\\");
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    table_text(longest, out);
    assert_int_equal(strlen(out), TABLE_CELL - 1);
    assert_string_equal(out + TABLE_CELL - 5, "x...");
    longest[TABLE_CELL - 4] = '\0';
    assert_string_equal(table_text(longest, out), longest);
}

static void spans_and_times_have_two_units_at_most(void **state)
{
    static const struct {
        int64_t ms;
        const char *text;
    } SPANS[] = {
        { -5000, "0s" },       { 999, "0s" },          { 12000, "12s" },
        { 192000, "3m 12s" },  { 3600000, "1h 0m" },   { 86399999, "23h 59m" },
        { 86400000, "1d 0h" }, { 273600000, "3d 4h" },
    };
    char out[TABLE_CELL];

    (void)state;
    for (size_t i = 0; i < sizeof SPANS / sizeof *SPANS; i++)
        assert_string_equal(table_span(SPANS[i].ms, out), SPANS[i].text);
    assert_string_equal(table_rtt(-1, out), "-");
    assert_string_equal(table_rtt(999, out), "999 us");
    assert_string_equal(table_rtt(1200, out), "1.20 ms");
    assert_string_equal(table_rtt(2000000, out), "2.00 s");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_column_is_as_wide_as_its_widest_cell),
        cmocka_unit_test(a_column_for_notes_appears_with_the_first_note),
        cmocka_unit_test(on_a_screen_the_last_column_is_cut),
        cmocka_unit_test(on_a_narrow_screen_columns_yield_in_their_order),
        cmocka_unit_test(on_the_narrowest_screen_no_line_is_longer_than_it),
        cmocka_unit_test(on_a_screen_one_long_name_does_not_push_all_else_away),
        cmocka_unit_test(colours_are_painted_when_asked_for_and_take_no_room),
        cmocka_unit_test(a_text_holds_nothing_that_a_terminal_obeys),
        cmocka_unit_test(spans_and_times_have_two_units_at_most),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
