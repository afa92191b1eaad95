/*
 * Any bytes as the data of a znode, and as the strings and numbers of
 * documents of ours.  Whatever is rendered is one line of valid JSON within
 * DOCUMENT_MAX, and says when read what was put in.
 *
 * The first 32 bytes are the numbers of the documents.  The texts are the
 * lines of the whole, as every string that a document has may come from a
 * server, a file or another's node.
 */
#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include <jansson.h>

#include "agent/clock.h"
#include "agent/document.h"
#include "agent/json_writer.h"
#include "agent/role.h"

#include "fuzz.h"

#define TEXTS 6

/* The wall clock's, which no one but root can set: within 2^52 ms. */
#define WALL_MASK_MS ((INT64_C(1) << 52) - 1)

/* Above this a seq counts as not said: see document.c. */
#define SEQ_MAX (UINT64_C(1) << 53)

struct drawn {
    uint64_t numbers[4];
    char *texts[TEXTS]; /* owned */
};

static struct drawn draw(const char *bytes, size_t len)
{
    struct drawn d = { { 0 }, { NULL } };
    const char *end = bytes + len;

    memcpy(d.numbers, bytes, len < sizeof d.numbers ? len : sizeof d.numbers);
    for (size_t i = 0; i < TEXTS; i++) {
        size_t left = (size_t)(end - bytes);
        const char *stop = left > 0 ? memchr(bytes, '\n', left) : NULL;
        size_t n = stop ? (size_t)(stop - bytes) : left;

        d.texts[i] = strndup(n > 0 ? bytes : "", n);
        HOLDS(d.texts[i]);
        bytes += stop ? n + 1 : n;
    }
    return d;
}

static void discard(struct drawn *d)
{
    for (size_t i = 0; i < TEXTS; i++)
        free(d->texts[i]);
}

static bool clean(const char *text)
{
    json_t *j = json_string(text);

    json_decref(j);
    for (; *text; text++) {
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            return false;
    }
    return j != NULL;
}

static int64_t wall_ms(uint64_t n)
{
    int64_t ms = (int64_t)n & WALL_MASK_MS;

    return n >> 63 ? -ms : ms;
}

/* As it is read back, which is at most to the year 9999. */
static int64_t written(int64_t ms)
{
    char text[CLOCK_RFC3339_SIZE];
    int64_t back;

    HOLDS(clock_parse_rfc3339(clock_rfc3339(ms, text), &back) == 0);
    return back;
}

static json_t *parse(const char *out, size_t len)
{
    json_t *j =
        json_loadb(out, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);

    HOLDS(j);
    for (size_t i = 0; i < len; i++)
        HOLDS((unsigned char)out[i] >= ' ' && out[i] != 0x7f);
    return j;
}

/* The member KEY is TEXT, if nothing in it needed to be changed. */
static void check_member(const json_t *object, const char *key,
                         const char *text)
{
    const json_t *j = json_object_get(object, key);

    if (*text == '\0' && json_is_null(j))
        return;
    HOLDS(json_is_string(j));
    if (clean(text) && strlen(text) <= 320)
        HOLDS(strcmp(json_string_value(j), text) == 0);
    else
        HOLDS(clean(json_string_value(j)));
}

static struct document_seen see(const char *out, size_t len)
{
    struct document_seen seen;

    document_read(out, len, &seen);
    return seen;
}

static void check_agent(const struct document_seen *seen, const char *agent)
{
    if (!clean(agent) || strlen(agent) >= sizeof seen->agent)
        return;
    HOLDS(seen->valid == (*agent != '\0'));
    HOLDS(strcmp(seen->agent, agent) == 0);
}

static void check_status(const struct drawn *drawn)
{
    const uint64_t *n = drawn->numbers;
    const struct document_status d = {
        .instance = drawn->texts[0],
        .address = drawn->texts[1],
        .status = (enum status)(n[3] % STATUS_COUNT),
        .reason = (enum reason)((n[3] >> 8) % REASON_COUNT),
        .detail = drawn->texts[2],
        .since_wall_ms = wall_ms(n[0]),
        .checked_wall_ms = wall_ms(n[1]),
        .rtt_us = (int64_t)n[2],
        .role = role_name((enum role)((n[3] >> 16) % (ROLE_OTHER + 1))),
        .server = "valkey",
        .started_wall_ms = wall_ms(n[1] ^ n[0]),
        .version = drawn->texts[3],
        .maintenance = n[3] >> 24 & 1,
        .maintenance_owner = "ops",
        .maintenance_until_wall_ms = wall_ms(n[0]),
        .agent = drawn->texts[4],
        .round = n[3] >> 1,
    };
    /* Even one that was forged leaves room for many writes of ours. */
    const uint64_t seq = n[2] >> 1;
    char open[DOCUMENT_MAX], out[DOCUMENT_MAX];
    struct document_seen seen;
    size_t len = document_status(&d, open, sizeof open);
    json_t *j;

    HOLDS(len > 0 && len < sizeof open);
    len = document_seal(open, len, seq, out, sizeof out);
    HOLDS(len > 0 && len < sizeof out);
    j = parse(out, len);
    check_member(j, "instance", d.instance);
    check_member(j, "address", d.address);
    check_member(j, "detail", d.detail);
    check_member(j, "version", d.version);
    json_decref(j);
    seen = see(out, len);
    check_agent(&seen, d.agent);
    HOLDS(seen.status == d.status);
    HOLDS(seen.reason == d.reason);
    HOLDS(seen.since_wall_ms == written(d.since_wall_ms));
    HOLDS(seen.seq == (seq <= SEQ_MAX ? seq : 0));
}

static void check_heartbeat(const struct drawn *drawn)
{
    const uint64_t *n = drawn->numbers;
    const struct document_heartbeat d = {
        .agent = drawn->texts[0],
        .host = drawn->texts[5],
        .pid = (long)(n[2] & INT_MAX),
        .started_wall_ms = wall_ms(n[0]),
        .round = n[3] >> 1,
        .interval_ms = (unsigned)n[2],
        .time_wall_ms = wall_ms(n[1]),
        .instances = n[2] & INT_MAX,
        .by_status = { n[2] & 255, n[3] & 255, n[0] & 255, n[1] & 255 },
    };
    char out[DOCUMENT_MAX];
    struct document_seen seen;
    size_t len = document_heartbeat(&d, out, sizeof out);
    json_t *j;

    HOLDS(len > 0 && len < sizeof out);
    j = parse(out, len);
    check_member(j, "host", d.host);
    json_decref(j);
    seen = see(out, len);
    check_agent(&seen, d.agent);
    HOLDS(seen.valid_until_wall_ms ==
          written(d.time_wall_ms + 3 * (int64_t)d.interval_ms));
}

static void check_presence(const struct drawn *drawn)
{
    const char *host = drawn->texts[1], *name = drawn->texts[2];
    char out[DOCUMENT_MAX];
    struct document_seen seen;
    size_t len = document_presence(host, (uint16_t)drawn->numbers[0], name,
                                   drawn->texts[3], out, sizeof out);
    json_t *j;

    HOLDS(len > 0 && len < sizeof out);
    j = parse(out, len);
    check_member(j, "host", host);
    check_member(j, "name", name);
    json_decref(j);
    seen = see(out, len);
    check_agent(&seen, drawn->texts[3]);
}

/* A text on its own, whole where it is short enough. */
static void check_quote(const char *text)
{
    struct text t = { .bytes = NULL };
    jsonw_cut(&t, NULL, text);
    HOLDS(!t.failed && t.len >= 2 && t.len == strlen(t.bytes));
    json_t *j = parse(t.bytes, t.len);
    HOLDS(json_is_string(j));
    if (clean(text) && strlen(text) <= JSONW_CUT)
        HOLDS(strcmp(json_string_value(j), text) == 0);
    json_decref(j);
    text_free(&t);
}

/* Of a node that anybody may have written. */
static void check_foreign(const char *bytes, size_t len)
{
    struct document_seen seen = see(bytes, len);

    HOLDS(strnlen(seen.agent, sizeof seen.agent) < sizeof seen.agent);
    HOLDS(strnlen(seen.host, sizeof seen.host) < sizeof seen.host);
    HOLDS(!seen.valid || seen.agent[0] != '\0');
    HOLDS(seen.status < STATUS_COUNT && seen.reason < REASON_COUNT);
    HOLDS(seen.seq <= SEQ_MAX);
    HOLDS(seen.since_wall_ms == written(seen.since_wall_ms));
    HOLDS(seen.valid_until_wall_ms == written(seen.valid_until_wall_ms));
    HOLDS(!see(NULL, len).valid);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len)
{
    const char *bytes = (const char *)input;
    struct drawn d = draw(bytes, len);

    check_foreign(bytes, len);
    check_status(&d);
    check_heartbeat(&d);
    check_presence(&d);
    for (size_t i = 0; i < TEXTS; i++)
        check_quote(d.texts[i]);
    discard(&d);
    return 0;
}
