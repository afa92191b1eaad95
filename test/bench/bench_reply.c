/* What it costs to understand one reply, as a probe does. */
#include <string.h>

#include "../../src/probe/reply.h"

#include "../must.h"
#include "pace.h"

static const char PONG[] = "+PONG\r\n";
static const char LOADING[] = "-LOADING Redis is loading the dataset in "
                              "memory\r\n";
static const char INFO[] =
    "# Replication\r\nrole:master\r\nconnected_slaves:0\r\n"
    "master_failover_state:no-failover\r\n"
    "master_replid:8c5d3f2e1a0b9c8d7e6f5a4b3c2d1e0f9a8b7c6d\r\n"
    "master_replid2:0000000000000000000000000000000000000000\r\n"
    "master_repl_offset:0\r\nsecond_repl_offset:-1\r\n"
    "repl_backlog_active:0\r\nrepl_backlog_size:1048576\r\n"
    "repl_backlog_first_byte_offset:0\r\nrepl_backlog_histlen:0\r\n";

static struct reply_reader *reader;
static char bulk[1024];

static void understand(const char *bytes, size_t len)
{
    struct reply reply;

    MUST(reply_reader_feed(reader, bytes, len, NULL) == 0);
    MUST(reply_reader_next(reader, &reply, NULL) == REPLY_READY);
}

static void pong(unsigned i)
{
    (void)i;
    understand(PONG, sizeof PONG - 1);
}

static void loading(unsigned i)
{
    (void)i;
    understand(LOADING, sizeof LOADING - 1);
}

static void info(unsigned i)
{
    (void)i;
    understand(bulk, strlen(bulk));
}

int main(void)
{
    struct err e;

    reader = reply_reader_new(&e);
    MUST(reader != NULL);
    snprintf(bulk, sizeof bulk, "$%zu\r\n%s\r\n", sizeof INFO - 1, INFO);
    pace("reply: +PONG", pong);
    pace("reply: -LOADING", loading);
    pace("reply: INFO replication", info);
    reply_reader_free(reader);
}
