/*
 * Any bytes as an entry of maintenance and as the name of its node.  What is
 * read is written again within its bound and says the same when read once
 * more; patterns agree with a matcher that is slow and plain.
 *
 * The first line is the node's name, what follows its data.
 */
#include <string.h>

#include "agent/maintenance.h"

#include "fuzz.h"

/* As a star is explained: it takes nothing, or one character and goes on.
 * Only for short texts: its time is exponential. */
static bool plain(const char *key, const char *name)
{
    if (*key == '*')
        return plain(key + 1, name) || (*name != '\0' && plain(key, name + 1));
    if (*key == '\0' || *name == '\0')
        return *key == *name;
    return *key == *name && plain(key + 1, name + 1);
}

static void check_pattern(const char *key, const char *name)
{
    if (strlen(key) <= 10 && strlen(name) <= 12)
        HOLDS(maintenance_matches(key, name) == plain(key, name));
    else
        (void)maintenance_matches(key, name);
}

static void check_entry(const char *key, const char *bytes, size_t len)
{
    char out[MAINTENANCE_ENTRY_MAX];
    struct maintenance_entry m, again;
    struct err e = { "" };

    if (maintenance_read(key, bytes, len, &m, &e) != 0) {
        HOLDS(e.text[0] != '\0');
        return;
    }
    HOLDS(strcmp(m.key, key) == 0);
    HOLDS(strlen(m.owner) <= MAINTENANCE_OWNER_MAX);
    HOLDS(strlen(m.reason) <= MAINTENANCE_REASON_MAX);
    HOLDS(maintenance_over(&m, m.until_wall_ms));
    HOLDS(!maintenance_over(&m, m.until_wall_ms - 1));
    size_t n = maintenance_write(&m, out, sizeof out);
    HOLDS(n > 0 && memchr(out, '\n', n) == NULL);
    /* No time is written as null, which is no end. */
    if (m.until_wall_ms == 0)
        return;
    HOLDS(maintenance_read(key, out, n, &again, &e) == 0);
    HOLDS(again.until_wall_ms == m.until_wall_ms);
    HOLDS(again.since_wall_ms == m.since_wall_ms);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len)
{
    const char *bytes = (const char *)input;
    const char *end = len > 0 ? memchr(bytes, '\n', len) : NULL;
    size_t n = end != NULL ? (size_t)(end - bytes) : 0;
    char *key = strndup(n > 0 ? bytes : "", n);
    size_t at = end != NULL ? n + 1 : 0;
    char *name = strndup(len > at ? bytes + at : "", len - at);

    HOLDS(key != NULL && name != NULL);
    check_pattern(key, name);
    check_entry(key, bytes + at, len - at);
    check_entry("cache-1", bytes + at, len - at);
    free(name);
    free(key);
    return 0;
}
