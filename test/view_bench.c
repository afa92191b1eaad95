#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include <cmocka.h>

#include "view_bench.h"

char *print_view(const struct status_view *v, const struct status_style *s)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    status_view_print(v, s, out);
    assert_int_equal(fclose(out), 0);
    return text;
}

void shows(const struct status_view *v, const struct status_style *s,
           const char *wanted)
{
    char *text = print_view(v, s);

    if (strstr(text, wanted) == NULL)
        fail_msg("no\n%s\nin\n%s", wanted, text);
    free(text);
}

void hides(const struct status_view *v, const struct status_style *s,
           const char *unwanted)
{
    char *text = print_view(v, s);

    if (strstr(text, unwanted) != NULL)
        fail_msg("there is\n%s\nin\n%s", unwanted, text);
    free(text);
}

json_t *print_json(const struct status_view *v)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    json_t *j;

    assert_non_null(out);
    assert_int_equal(status_view_print_json(v, "/s", out), 0);
    assert_int_equal(fclose(out), 0);
    assert_ptr_equal(strchr(text, '\n'), text + size - 1);
    j = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(j);
    free(text);
    return j;
}

void has_text(const json_t *object, const char *key, const char *text)
{
    const char *found = json_string_value(json_object_get(object, key));

    if (found == NULL || strcmp(found, text) != 0)
        fail_msg("%s is %s, not %s", key, found != NULL ? found : "-", text);
}
