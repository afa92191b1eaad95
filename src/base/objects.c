/*
 * The counters stand in the room that frees as well as in the one that makes:
 * counting at malloc would tell that something leaks, and not what.
 *
 * A probe costs one job made and one gone, both on the loop's thread; what the
 * workers count comes with a new connection only.  Each kind has a cache line
 * of its own all the same, so that no thread waits for a line that another
 * one's kind lies in.
 */
#include <stdatomic.h>
#include <stddef.h>

#include "agent/objects.h"

#define CACHE_LINE 64

static const struct {
    const char *name;
    const char *help;
} KINDS[OBJECT_KINDS] = {
    [OBJECT_INSTANCE] = { "instance", "instances under watch" },
    [OBJECT_PROBE] = { "probe", "probes, one for each instance; a changed "
                                "instance has two until the old one is over" },
    [OBJECT_CONNECTION] = { "connection", "sockets to Redis servers" },
    [OBJECT_JOB] = { "job", "probes queued or running" },
    [OBJECT_REPLY_READER] = { "reply_reader", "parsers of replies" },
    [OBJECT_DOCUMENT] = { "document", "copies of documents that the publisher "
                                      "holds" },
    [OBJECT_ZK_SLOT] = { "zk_slot", "nodes that the publisher takes care of" },
    [OBJECT_ZK_REQUEST] = { "zk_request", "requests to ZooKeeper under way" },
    [OBJECT_ZK_HANDLE] = { "zk_handle", "handles of the ZooKeeper library" },
    [OBJECT_HTTP_CONNECTION] = { "http_connection", "HTTP clients" },
    [OBJECT_HTTP_RESPONSE] = { "http_response", "HTTP answers being sent" },
    [OBJECT_TEXT] = { "text", "texts that results share" },
    [OBJECT_TLS_STREAM] = { "tls_stream", "connections to Redis with TLS" },
};

static struct {
    _Alignas(CACHE_LINE) _Atomic uint64_t allocated;
    _Atomic uint64_t freed;
} counters[OBJECT_KINDS];

void object_made(enum object_kind k)
{
    atomic_fetch_add_explicit(&counters[k].allocated, 1, memory_order_relaxed);
}

/* A thread that sees that an object is gone sees also that it was made. */
void object_gone(enum object_kind k)
{
    atomic_fetch_add_explicit(&counters[k].freed, 1, memory_order_release);
}

void objects_read(enum object_kind k, struct object_count *out)
{
    out->freed = atomic_load_explicit(&counters[k].freed, memory_order_acquire);
    out->allocated =
        atomic_load_explicit(&counters[k].allocated, memory_order_relaxed);
    out->live = out->allocated - out->freed;
}

const char *object_kind_name(enum object_kind k)
{
    return KINDS[k].name;
}

const char *object_kind_help(enum object_kind k)
{
    return KINDS[k].help;
}
