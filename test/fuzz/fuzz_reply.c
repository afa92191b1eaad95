/*
 * Any bytes as what a Redis sends.  The same bytes, whole and one by one, are
 * the same replies; every text is printable and bounded, whatever was sent.
 * The bytes are read as INFO's text, as an error and as words to be shown,
 * too.
 */
#include <stdbool.h>
#include <string.h>

#include "../../src/probe/reply.h"

#include "fuzz.h"

/* What a reader made of all bytes; more replies than this are not kept. */
#define KEPT 64

struct heard {
    enum reply_next end; /* REPLY_MORE, or REPLY_BAD */
    bool empty;
    size_t count;
    struct reply replies[KEPT];
};

static void check_printable(const char *text, size_t size)
{
    size_t len = strnlen(text, size);

    HOLDS(len < size);
    for (size_t i = 0; i < len; i++)
        HOLDS(text[i] >= ' ' && text[i] <= '~');
}

static void check_info(const struct reply_info *info)
{
    HOLDS(info->role <= ROLE_OTHER);
    HOLDS((info->role == ROLE_ANY) == (info->role_word[0] == '\0'));
    HOLDS(info->uptime_s >= -1);
    HOLDS(info->good_replicas >= -1);
    check_printable(info->role_word, sizeof info->role_word);
    check_printable(info->server, sizeof info->server);
    check_printable(info->cluster_state, sizeof info->cluster_state);
    HOLDS(info->version[0] == '\0' || info->server[0] != '\0');
    HOLDS(info->link_known || !info->link_up);
    HOLDS(info->link_down_s >= -1);
    HOLDS(info->master_offset >= -1);
    HOLDS(info->replica_offset >= -1);
    HOLDS(info->read_offset >= -1);
    check_printable(info->version, sizeof info->version);
    check_printable(info->replid, sizeof info->replid);
    HOLDS(strlen(info->replid) == 0 || strlen(info->replid) == REPLID_SIZE - 1);
}

static void check_reply(const struct reply *r)
{
    HOLDS(r->kind <= REPLY_ARRAY);
    check_printable(r->text, sizeof r->text);
    HOLDS(r->pong == (r->kind == REPLY_STATUS && strcmp(r->text, "PONG") == 0));
    HOLDS(r->ok == (r->kind == REPLY_STATUS && strcmp(r->text, "OK") == 0));
    check_info(&r->info);
    HOLDS(reply_error_reason(r->text) < REASON_COUNT);
}

static enum reply_next drain(struct reply_reader *r, struct heard *h)
{
    struct err e = { "" };
    struct reply reply;
    enum reply_next next;

    while ((next = reply_reader_next(r, &reply, &e)) == REPLY_READY) {
        check_reply(&reply);
        if (h->count < KEPT)
            h->replies[h->count] = reply;
        h->count++;
    }
    check_printable(e.text, sizeof e.text);
    HOLDS((next == REPLY_BAD) == (e.text[0] != '\0'));
    return next;
}

/* The bytes, PIECE at a time. */
static void hear(const char *bytes, size_t len, size_t piece, struct heard *h)
{
    struct reply_reader *r = reply_reader_new(NULL);

    HOLDS(r);
    h->end = REPLY_MORE;
    h->count = 0;
    while (len > 0 && h->end == REPLY_MORE) {
        size_t n = piece < len ? piece : len;

        HOLDS(reply_reader_feed(r, bytes, n, NULL) == 0);
        bytes += n;
        len -= n;
        h->end = drain(r, h);
    }
    h->empty = reply_reader_empty(r);
    if (h->end == REPLY_BAD) {
        HOLDS(!h->empty);
        HOLDS(reply_reader_feed(r, "+OK\r\n", 5, NULL) == -1);
        HOLDS(drain(r, h) == REPLY_BAD);
    }
    reply_reader_free(r);
}

static void check_same(const struct reply *a, const struct reply *b)
{
    HOLDS(a->kind == b->kind);
    HOLDS(strcmp(a->text, b->text) == 0);
    HOLDS(a->info.role == b->info.role);
    HOLDS(a->info.link_known == b->info.link_known);
    HOLDS(a->info.link_up == b->info.link_up);
    HOLDS(a->info.link_down_s == b->info.link_down_s);
    HOLDS(a->info.master_offset == b->info.master_offset);
    HOLDS(a->info.replica_offset == b->info.replica_offset);
    HOLDS(a->info.read_offset == b->info.read_offset);
    HOLDS(strcmp(a->info.replid, b->info.replid) == 0);
    HOLDS(strcmp(a->info.version, b->info.version) == 0);
    HOLDS(strcmp(a->info.role_word, b->info.role_word) == 0);
    HOLDS(strcmp(a->info.server, b->info.server) == 0);
    HOLDS(strcmp(a->info.cluster_state, b->info.cluster_state) == 0);
    HOLDS(a->info.run_id == b->info.run_id);
    HOLDS(a->info.uptime_s == b->info.uptime_s);
    HOLDS(a->info.syncing == b->info.syncing);
    HOLDS(a->info.good_replicas == b->info.good_replicas);
}

/* One hexadecimal digit as escape_add writes it. */
static int hex(char c)
{
    HOLDS((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'));
    return c <= '9' ? c - '0' : c - 'a' + 10;
}

/* What is escaped can be told from what was sent: it leads back there. */
static void check_escape(const char *bytes, size_t len)
{
    char text[ESCAPED_SIZE] = "";
    const char *p = text;

    escape_add(text, sizeof text, bytes, len);
    check_printable(text, sizeof text);
    for (; *p; bytes++, len--) {
        int c = (unsigned char)*p++;

        HOLDS(len > 0);
        if (c == '\\' && *p == '\\') {
            p++;
        } else if (c == '\\') {
            HOLDS(*p == 'x');
            c = hex(p[1]) << 4;
            c |= hex(p[2]);
            p += 3;
        }
        HOLDS(c == (unsigned char)*bytes);
    }
    /* Cut only for lack of room; an escape has four bytes at most. */
    HOLDS(len == 0 || strlen(text) + 4 >= sizeof text);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len)
{
    static struct heard whole, split;
    const char *bytes = (const char *)input;
    struct reply_info info;

    hear(bytes, len, len, &whole);
    hear(bytes, len, 1, &split);
    HOLDS(whole.end == split.end);
    HOLDS(whole.empty == split.empty);
    HOLDS(whole.count == split.count);
    for (size_t i = 0; i < whole.count && i < KEPT; i++)
        check_same(&whole.replies[i], &split.replies[i]);

    reply_parse_info(bytes, len, &info);
    check_info(&info);
    check_escape(bytes, len);
    return 0;
}
