/* What one document costs to write, and to read back. */
#include "agent/document.h"
#include "agent/role.h"

#include "../must.h"
#include "pace.h"

static const struct document_status STATUS = {
    .instance = "cache-1",
    .address = "127.0.0.1:6379",
    .status = STATUS_DOWN,
    .reason = REASON_REFUSED,
    .detail = "connect: connection refused",
    .since_wall_ms = 1700000000123,
    .checked_wall_ms = 1700000002125,
    .rtt_us = -1,
    .role = "master",
    .server = "redis",
    .version = "7.0.15",
    .agent = "web-1",
    .round = 1207,
};
static const struct document_heartbeat HEARTBEAT = {
    .agent = "web-1",
    .host = "web-1",
    .pid = 4711,
    .started_wall_ms = 1700000000123,
    .round = 1207,
    .interval_ms = 10000,
    .time_wall_ms = 1700000002125,
    .instances = 1000,
    .by_status = { [STATUS_UP] = 1000 },
};
static char text[DOCUMENT_MAX];
static char sealed[DOCUMENT_MAX];
static size_t open_len, sealed_len;

static void status(unsigned i)
{
    (void)i;
    MUST(document_status(&STATUS, text, sizeof text) > 0);
}

static void heartbeat(unsigned i)
{
    (void)i;
    MUST(document_heartbeat(&HEARTBEAT, text, sizeof text) > 0);
}

static void seal(unsigned i)
{
    sealed_len = document_seal(text, open_len, i, sealed, sizeof sealed);
    MUST(sealed_len > 0);
}

static void read_back(unsigned i)
{
    struct document_seen seen;

    (void)i;
    document_read(sealed, sealed_len, &seen);
    MUST(seen.valid);
}

int main(void)
{
    pace("document: heartbeat", heartbeat);
    pace("document: status", status);
    open_len = document_status(&STATUS, text, sizeof text);
    pace("document: seal", seal);
    pace("document: read", read_back);
}
