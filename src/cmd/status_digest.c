/*
 * What a person would call news, as one number: all that is shown but what
 * moves by itself, such as times, rounds and figures of the last probe.
 */
#include <string.h>

#include "agent/hash.h"

#include "status_json.h"

#include "status_view.h"

static void mix(uint64_t *digest, const void *bytes, size_t len)
{
    *digest = hash64(*digest, bytes, len);
}

static void mix_text(uint64_t *digest, const char *text)
{
    mix(digest, text, strlen(text) + 1);
}

static void mix_row(uint64_t *digest, const struct status_view *v,
                    const struct status_row *r)
{
    const int64_t numbers[] = {
        r->source,
        r->status,
        r->since_wall_ms,
        r->maintenance,
        r->maintenance_until_wall_ms,
        r->pending,
        r->conflict,
        r->stray,
        r->writer != NULL ? (int)r->writer->pulse : -1,
        status_row_trusted(v, r),
    };
    const char *const texts[] = { r->instance,
                                  r->address,
                                  r->reason,
                                  r->detail,
                                  r->role,
                                  r->version,
                                  r->agent,
                                  r->rival,
                                  r->maintenance_owner,
                                  r->maintenance_reason };

    mix(digest, numbers, sizeof numbers);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        mix_text(digest, texts[i]);
}

static void mix_page(uint64_t *digest, const struct status_view *v)
{
    const int64_t numbers[] = { v->page.pid, v->page.well, v->page.publishes };
    const char *said;

    mix(digest, numbers, sizeof numbers);
    mix_text(digest, v->page.id);
    mix_text(digest, v->page.zk_state);
    mix_text(digest, v->page.zk_trouble);
    mix_text(digest, v->page.needs_restart);
    for (size_t i = 0;
         (said = status_json_sentence(v->page.trouble, i)) != NULL; i++)
        mix_text(digest, said);
}

uint64_t status_view_digest(const struct status_view *v)
{
    uint64_t digest = HASH64_START;

    if (!v->of_zookeeper)
        mix_page(&digest, v);
    for (size_t i = 0; i < v->nwriters; i++) {
        int64_t pulse = v->writers[i].pulse;

        mix_text(&digest, v->writers[i].id);
        mix(&digest, &pulse, sizeof pulse);
    }
    for (size_t i = 0; i < v->nrows; i++)
        mix_row(&digest, v, &v->rows[i]);
    return digest;
}
