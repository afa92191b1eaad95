/*
 * The settings come through the real parser, because a counted instance can
 * be had from nowhere else.
 */
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <uv.h>

#include "agent/clock.h"

#include "agent/net_allow.h"

#include "../src/probe/dial.h"
#include "../src/probe/env.h"
#include "must.h"
#include "scratch.h"
#include "bench.h"

struct bench {
    uv_loop_t loop;
    struct probe_env env;
    struct resolver *resolver; /* owned */
    struct config *config;     /* owned */
    struct probe *probe;       /* owned */
    struct result last;
    bool ended;
    unsigned lost;
    unsigned late;
    enum status status; /* what the loop holds */
    uint64_t round;
};

static void on_ended(void *arg, const struct result *r)
{
    struct bench *b = arg;

    assert_int_equal(r->id, 7);
    b->lost += r->lost;
    b->late += r->late;
    if (r->lost || r->late)
        return;
    b->last = *r;
    b->ended = true;
}

struct config *bench_config(const char *text)
{
    char path[SCRATCH_SIZE];
    struct config_faults faults = { 0 };
    struct config *c;

    scratch_file(path, text);
    c = config_load(path, &faults);
    unlink(path);
    for (size_t i = 0; i < faults.count; i++)
        fprintf(stderr, "%s\n", faults.lines[i]);
    config_faults_free(&faults);
    MUST(c != NULL);
    return c;
}

struct bench *bench_open(const char *address, const char *keys)
{
    struct bench *b = calloc(1, sizeof *b);
    char text[1024];
    struct err e;

    MUST(b != NULL);
    signal(SIGPIPE, SIG_IGN); /* as main.c */
    snprintf(text, sizeof text, "[redis:x]\naddress = %s\n%s", address, keys);
    b->status = STATUS_UNKNOWN;
    b->config = bench_config(text);
    b->resolver = resolver_start(&e);
    MUST(b->resolver != NULL);
    MUST(uv_loop_init(&b->loop) == 0);
    probe_env_open(&b->env, &b->loop);
    b->env.ended = on_ended;
    b->env.arg = b;
    MUST(probe_env_init(&b->env, &e) == 0);
    b->probe = probe_new(7, b->config->instances[0], b->resolver, &e);
    MUST(b->probe != NULL);
    probe_attach(b->probe, &b->env);
    return b;
}

void bench_allow(struct bench *b, const char *allow)
{
    struct err e;

    b->config->instances[0]->allow = net_allow_new(allow, &e);
    MUST(b->config->instances[0]->allow != NULL);
}

static void start(struct bench *b, bool want_info)
{
    struct job job = { .id = 7,
                       .round = ++b->round,
                       .want_info = want_info,
                       .status = b->status };

    b->ended = false;
    probe_start(b->probe, &job);
}

void bench_start(struct bench *b)
{
    start(b, false);
}

/*
 * Bounded by the probe's own deadline; its being so is under test, too.  Not
 * with UV_RUN_ONCE: that runs timers first and waits for a socket afterwards,
 * for ever when the deadline has ended the probe.
 */
const struct result *bench_finish(struct bench *b)
{
    uv_run(&b->loop, UV_RUN_NOWAIT);
    while (!b->ended) {
        struct pollfd p = { .fd = uv_backend_fd(&b->loop), .events = POLLIN };

        poll(&p, 1, uv_backend_timeout(&b->loop));
        uv_run(&b->loop, UV_RUN_NOWAIT);
    }
    assert_int_equal(b->last.id, 7);
    assert_int_equal(b->last.round, b->round);
    return &b->last;
}

const struct result *bench_probe(struct bench *b)
{
    start(b, false);
    return bench_finish(b);
}

const struct result *bench_probe_info(struct bench *b)
{
    start(b, true);
    return bench_finish(b);
}

unsigned bench_lost(const struct bench *b)
{
    return b->lost;
}

unsigned bench_late(const struct bench *b)
{
    return b->late;
}

void bench_holds(struct bench *b, enum status status)
{
    b->status = status;
}

void bench_turn(struct bench *b)
{
    uv_run(&b->loop, UV_RUN_NOWAIT);
}

void bench_resolved(struct bench *b)
{
    dial_resolved(&b->env);
}

enum probe_phase bench_phase(const struct bench *b)
{
    return probe_phase(b->probe);
}

void bench_close(struct bench *b)
{
    probe_close(b->probe);
    probe_env_close(&b->env);
    uv_run(&b->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&b->loop), 0);
    probe_env_clear(&b->env);
    resolver_stop(b->resolver);
    config_free(b->config);
    free(b);
}

size_t bench_fds(void)
{
    return scratch_entries("/proc/self/fd");
}

bool bench_until(bool (*holds)(void *arg), void *arg)
{
    uint64_t end_ms = clock_mono_ms() + 10000;

    while (!holds(arg)) {
        if (clock_mono_ms() > end_ms)
            return false;
        poll(NULL, 0, 2);
    }
    return true;
}

void bench_assert_saw(const struct result *r, enum reason want,
                      const char *part, const char *file, int line)
{
    if (r->reason == want && strstr(r->detail, part) != NULL)
        return;
    print_error("saw %s \"%s\", not %s \"%s\"\n", reason_name(r->reason),
                r->detail, reason_name(want), part);
    _fail(file, line);
}
