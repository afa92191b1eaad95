/*
 * Random posts under random faults, from a few seeds.  Two things are said of
 * any such run: in the end the nodes hold the last documents, on the way no
 * number of a status was left out or came twice, and nothing that we did
 * ourselves was taken for somebody else's doing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "publisher_bench.h"

/* The loop of the storm: answers events, posts at random. */
static void storm_step(struct bench_publisher *w, size_t *slots,
                       unsigned *random, unsigned n)
{
    struct publisher_event ev;
    char doc[128];

    *random = *random * 1103515245u + 12345u;
    while (publisher_take(w->publisher, &ev))
        assert_false(ev.exists);
    snprintf(doc, sizeof doc, STATUS_A ",\"round\":%u", n);
    post(w, slots[(*random >> 16) % (INSTANCES - 2)], doc);
    snprintf(doc, sizeof doc,
             "{\"schema\":1,\"agent\":\"web-1\",\"host\":\"h1\",\"round\":%u}",
             n);
    post(w, slots[INSTANCES - 2], doc);
    if ((*random >> 20) % 3 == 0)
        publisher_withdraw(w->publisher, slots[INSTANCES - 1]);
    else
        post(w, slots[INSTANCES - 1], ALIVE);
    switch ((*random >> 24) % 64) {
    case 0:
        fake_store_expire(w->store, (*random >> 12) % 2 == 0);
        break;
    case 1:
        fake_store_disconnect(w->store);
        break;
    default:
        fake_store_connect(w->store);
        break;
    }
}

static const char *final_document(size_t i)
{
    if (i == INSTANCES - 2)
        return BEAT_2;
    return i == INSTANCES - 1 ? ALIVE_2 : STATUS_B;
}

/* Slots have the numbers in which they were added. */
static bool calm(struct bench_publisher *w)
{
    struct publisher_event ev;

    while (publisher_take(w->publisher, &ev))
        post(w, ev.slot, final_document(ev.slot));
    return info(w).pending == 0;
}

static void storm(unsigned seed)
{
    struct bench_publisher w;
    size_t slots[INSTANCES];
    char name[16];
    char doc[160];
    unsigned random = seed;

    start_refreshing(&w, seed, 40);
    fake_store_connect(w.store);
    for (size_t i = 0; i < INSTANCES - 2; i++) {
        snprintf(name, sizeof name, "i%zu", i);
        slots[i] = add(&w, SLOT_STATUS, name);
    }
    slots[INSTANCES - 2] = add(&w, SLOT_HEARTBEAT, "web-1");
    slots[INSTANCES - 1] = add(&w, SLOT_PRESENCE, "a");
    fake_store_faults(w.store, (struct fake_faults){ 100, 100, 2 });
    for (unsigned n = 0; n < 400; n++) {
        storm_step(&w, slots, &random, n);
        if (n % 4 == 0)
            await_nap();
    }
    fake_store_connect(w.store);
    for (size_t i = 0; i < INSTANCES; i++)
        post(&w, slots[i], final_document(i));
    AWAIT(&w, calm(&w));
    assert_int_equal(info(&w).refused, 0);
    assert_int_equal(info(&w).drifts, 0);
    assert_int_equal(info(&w).conflicts, 0);
    for (size_t i = 0; i < INSTANCES - 2; i++) {
        struct fake_node n;

        snprintf(name, sizeof name, "i%zu", i);
        snprintf(doc, sizeof doc, "/r/s/instances/%s", name);
        assert_true(fake_store_look(w.store, doc, &n));
        assert_memory_equal(n.data, STATUS_B, strlen(STATUS_B));
    }
    assert_true(node_is(&w, "/r/s/agents/web-1", BEAT_2));
    assert_true(node_is(&w, "/r/s/alive/a", ALIVE_2));
    assert_int_equal(look(&w, "/r/s/alive/a").owner,
                     fake_store_session(w.store));
    finish(&w);
}

static void it_converges_through_any_faults_and_seq_never_jumps(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 6; seed++)
        storm(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_converges_through_any_faults_and_seq_never_jumps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
