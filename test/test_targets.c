/* What the chunks of a fleet give. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/config.h"
#include "agent/targets.h"

#include "config_place.h"
#include "must.h"

#define CONFIG                                                        \
    "[agent]\ninterval = 7s\n[zookeeper]\nservers = 127.0.0.1:2181\n" \
    "[fleet]\nname = cache\ntargets_allow = 127.0.0.0/8\n"

static struct targets *targets;
static struct targets_list list;

static void open_targets(void **state)
{
    struct err e;

    targets = targets_new(good(state, CONFIG), &e);
    MUST(targets != NULL);
}

static void chunk(const char *name, const char *text)
{
    struct err e;

    MUST(targets_chunk(targets, name, text, text != NULL ? strlen(text) : 0, 3,
                       &e) == 0);
}

static void settings(const char *text)
{
    struct err e;

    MUST(targets_set(targets, text, strlen(text), 1, &e) == 0);
}

static void read_all(void)
{
    struct err e;

    targets_list_free(&list);
    MUST(targets_list(targets, &list, &e) == 0);
}

static void close_targets(void)
{
    targets_list_free(&list);
    targets_free(targets);
}

static void sections_are_targets_by_name(void **state)
{
    open_targets(state);
    chunk("b", "[redis:b]\naddress = 127.0.0.1:2\n");
    chunk("a", "[redis:c]\naddress = 127.0.0.1:3\ntimeout = 2s\n"
               "[redis:a]\naddress = 127.0.0.1:1\n");
    read_all();
    assert_int_equal(list.n, 3);
    assert_int_equal(list.nfaults, 0);
    assert_string_equal(list.targets[0]->name, "a");
    assert_string_equal(list.targets[1]->name, "b");
    assert_string_equal(list.targets[2]->name, "c");
    assert_int_equal(list.targets[2]->timeout_ms, 2000);
    assert_non_null(list.targets[0]->allow);
    assert_null(list.targets[0]->fault);
    chunk("a", NULL);
    read_all();
    assert_int_equal(list.n, 1);
    close_targets();
}

/* Or the same target would mean one thing here and another there. */
static void defaults_are_the_fleets_and_not_the_agents(void **state)
{
    open_targets(state);
    chunk("a", "[redis:a]\naddress = 127.0.0.1:1\n");
    read_all();
    assert_int_equal(list.targets[0]->interval_ms, 10000);
    settings("[fleet]\nobservers = 1\nbrake = 20%\n[defaults]\n"
             "interval = 3s\n");
    read_all();
    assert_int_equal(list.targets[0]->interval_ms, 3000);
    assert_int_equal(list.settings.brake_percent, 20);
    assert_int_equal(list.settings.brake_hold_ms, 60000);
    close_targets();
}

static void a_bad_section_is_a_target_with_a_fault(void **state)
{
    open_targets(state);
    chunk("x", "[redis:a]\naddress = 127.0.0.1:1\ntimeout = soon\n"
               "[redis:b]\naddress = 127.0.0.1:2\n"
               "[redis:c]\n"
               "[redis:d]\naddress = unix:/run/redis.sock\n"
               "[redis:e]\naddress = 127.0.0.1:5\npassword = sesame\n");
    read_all();
    assert_int_equal(list.n, 5);
    assert_int_equal(list.nfaults, 4);
    assert_string_equal(list.targets[0]->fault,
                        "x:3: timeout must be 1ms..10m (ms, s or m), got soon");
    assert_null(list.targets[1]->fault);
    assert_string_equal(list.targets[2]->fault,
                        "x:6: [redis:c] has no address");
    assert_string_equal(list.targets[3]->fault,
                        "x:8: address is not for a target: "
                        "unix:/run/redis.sock");
    assert_string_equal(
        list.targets[4]->fault,
        "x:11: password is not for a target: it names credentials");
    close_targets();
}

/* Whoever may write into ZooKeeper would else have a file of each agent's disk
 * sent to where he likes. */
static void secrets_do_not_come_by_way_of_the_fleets_defaults(void **state)
{
    struct place *p = *state;
    char text[512];

    write_file(p->secret, "sesame\n", 7);
    open_targets(state);
    snprintf(text, sizeof text,
             "[defaults]\nusername = probe\npassword_file = %s\n"
             "paused = yes\n",
             p->secret);
    settings(text);
    chunk("a", "[redis:a]\naddress = 127.0.0.1:1\n");
    read_all();
    assert_string_equal(
        list.targets[0]->fault,
        "fleets/cache:2: username is not for a target: it names credentials");
    assert_null(list.targets[0]->username);
    assert_null(list.targets[0]->password);
    assert_null(list.targets[0]->password_file);
    assert_false(list.targets[0]->paused);
    assert_int_equal(list.nfaults, 3);
    assert_string_equal(list.faults[1], "fleets/cache:3: password_file is not "
                                        "for a target: it names credentials");
    close_targets();
}

/* What they would have had from there is not known. */
static void a_bad_default_is_a_fault_of_all_targets(void **state)
{
    open_targets(state);
    settings("[defaults]\ninterval = soon\n[fleet]\nbrake = all\n");
    chunk("a", "[redis:a]\naddress = 127.0.0.1:1\n"
               "[redis:b]\naddress = 127.0.0.1:2\nrise = 0\n");
    chunk("b", "[redis:c]\naddress = 127.0.0.1:3\n");
    read_all();
    assert_int_equal(list.nfaults, 3);
    assert_int_equal(list.settings.brake_percent, 50);
    static const char WORDS[] = "fleets/cache:2: interval must be 50ms..1440m "
                                "(ms, s or m), got soon";
    assert_string_equal(list.targets[0]->fault, WORDS);
    assert_string_equal(list.targets[1]->fault,
                        "a:5: rise must be 1..100, got 0");
    assert_string_equal(list.targets[2]->fault, WORDS);
    settings("[fleet]\nbrake = all\n");
    read_all();
    assert_null(list.targets[0]->fault);
    close_targets();
}

static void defaults_in_a_chunk_have_no_effect(void **state)
{
    open_targets(state);
    chunk("a", "[defaults]\nrise = 7\n[redis:a]\naddress = 127.0.0.1:1\n");
    read_all();
    assert_int_equal(list.targets[0]->rise, 2);
    assert_int_equal(list.nfaults, 1);
    assert_string_equal(list.faults[0],
                        "a:1: [defaults] belongs into the settings node");
    settings("[defaults]\nrise = 3\n");
    read_all();
    assert_int_equal(list.targets[0]->rise, 3);
    assert_null(list.targets[0]->fault);
    assert_int_equal(list.nfaults, 1);
    close_targets();
}

/* By an edit that forgot it, or by a header that says nothing. */
static void the_fault_of_a_section_is_not_its_neighbours(void **state)
{
    open_targets(state);
    chunk("x", "[redis:a]\naddress = 127.0.0.1:1\n"
               "[redis:b]\naddress = 127.0.0.1:2\n"
               "[redis:a]\naddress = 127.0.0.1:3\n"
               "[redis:c]\naddress = 127.0.0.1:4\n"
               "[cluster:shop]\naddress = 127.0.0.1:5\n");
    read_all();
    assert_int_equal(list.n, 3);
    assert_string_equal(list.targets[0]->fault,
                        "x:5: duplicate section [redis:a], first at line 1");
    assert_null(list.targets[1]->fault);
    assert_null(list.targets[2]->fault);
    close_targets();
}

static void a_file_that_a_chunk_names_for_a_secret_is_not_read(void **state)
{
    open_targets(state);
    chunk("a", "[redis:a]\naddress = 127.0.0.1:1\n"
               "password_file = /no/such.secret\n");
    read_all();
    assert_int_equal(list.nfaults, 1);
    assert_string_equal(
        list.targets[0]->fault,
        "a:3: password_file is not for a target: it names credentials");
    assert_null(list.targets[0]->password_file);
    close_targets();
}

#define AGENTS_CREDENTIALS                                  \
    CONFIG "[credentials:probe]\nusername = u\npassword = " \
           "sesame\n[credentials:other]\npassword = x\n"

static void a_target_gets_the_secrets_of_the_credentials_that_it_names(
    void **state)
{
    struct err e;

    targets = targets_new(good(state, AGENTS_CREDENTIALS), &e);
    MUST(targets != NULL);
    settings("[defaults]\ncredentials = other\n");
    chunk("a", "[redis:a]\naddress = 127.0.0.1:1\ncredentials = probe\n"
               "[redis:b]\naddress = 127.0.0.1:1\n"
               "[redis:c]\naddress = 127.0.0.1:1\ncredentials = none\n");
    read_all();
    assert_string_equal(list.targets[0]->username, "u");
    assert_string_equal(list.targets[0]->password, "sesame");
    assert_null(list.targets[1]->username);
    assert_string_equal(list.targets[1]->password, "x");
    assert_int_equal(list.n, 3);
    assert_int_equal(list.nfaults, 1);
    assert_string_equal(list.targets[2]->fault,
                        "a:8: credentials = none: the config of this agent "
                        "has no [credentials:none]");
    assert_null(list.targets[2]->password);
    close_targets();
}

static void other_credentials_are_not_gone_on_with(void **state)
{
    struct err e;
    struct config_instance *a, *b;

    targets = targets_new(good(state, AGENTS_CREDENTIALS), &e);
    MUST(targets != NULL);
    chunk("a", "[redis:a]\naddress = 127.0.0.1:1\ncredentials = probe\n"
               "[redis:b]\naddress = 127.0.0.1:1\n");
    read_all();
    a = list.targets[0];
    b = list.targets[1];
    assert_int_equal(
        targets_credentials(targets, good(state, AGENTS_CREDENTIALS), &e), 0);
    assert_true(targets_may_keep(targets, a));
    assert_int_equal(
        targets_credentials(
            targets,
            good(state,
                 CONFIG "[credentials:probe]\nusername = u\npassword = new\n"),
            &e),
        1);
    assert_false(targets_may_keep(targets, a));
    assert_true(targets_may_keep(targets, b));
    assert_int_equal(targets_credentials(targets, good(state, CONFIG), &e), 1);
    assert_false(targets_may_keep(targets, a));
    assert_true(targets_may_keep(targets, b));
    close_targets();
}

static void credentials_without_a_secret_are_a_fault(void **state)
{
    faults(state, CONFIG "[credentials:a]\n",
           "8: [credentials:a] has neither a password nor a certificate\n");
    faults(state, CONFIG "[credentials:a]\nusername = u\n",
           "9: [credentials:a] has a username and no password\n");
    faults(state, CONFIG "[credentials:a]\ntls_cert_file = /x\n",
           "9: tls_cert_file and tls_key_file need each other\n");
    faults(state, CONFIG "[credentials:a]\npassword = x\n[credentials:a]\n",
           "10: duplicate section [credentials:a], first at line 8\n");
    faults(state, CONFIG "[credentials:a]\npassword = x\naddress = x:1\n",
           "10: unknown key address in [credentials:a]\n");
    faults(state,
           CONFIG "[redis:a]\naddress = 127.0.0.1:1\ncredentials = probe\n",
           "10: credentials is for the targets of a fleet: here it is "
           "username and password_file\n");
}

static void of_duplicates_the_first_chunk_counts(void **state)
{
    open_targets(state);
    chunk("b", "[redis:a]\naddress = 127.0.0.1:2\n");
    chunk("a", "[redis:a]\naddress = 127.0.0.1:1\n");
    read_all();
    assert_int_equal(list.n, 1);
    assert_int_equal(list.targets[0]->port, 1);
    assert_int_equal(list.nfaults, 1);
    assert_string_equal(list.faults[0],
                        "b:1: [redis:a] stands in an earlier chunk, which "
                        "counts");
    close_targets();
}

static void more_observers_than_one_are_a_fault(void **state)
{
    open_targets(state);
    settings("[fleet]\nobservers = 3\n");
    read_all();
    assert_int_equal(list.nfaults, 1);
    assert_string_equal(list.faults[0],
                        "fleets/cache:2: observers above 1 need votes, which "
                        "this version does not have");
    close_targets();
}

static void what_does_not_belong_there_is_told(void **state)
{
    open_targets(state);
    settings("[redis:a]\naddress = 127.0.0.1:1\n");
    chunk("a", "key = 1\n[agent]\nid = x\n[defaults]\nrise = 1\n"
               "[redis:b]\naddress = 127.0.0.1:2\n");
    read_all();
    assert_int_equal(list.n, 2);
    assert_non_null(list.targets[0]->fault);
    assert_null(list.targets[1]->fault);
    assert_int_equal(list.nfaults, 4);
    close_targets();
}

static void the_hash_is_that_of_names_and_versions(void **state)
{
    open_targets(state);
    chunk("a", "");
    uint64_t before = targets_hash(targets, 1);
    chunk("b", "");
    assert_true(targets_hash(targets, 1) != before);
    chunk("b", NULL);
    assert_true(targets_hash(targets, 1) == before);
    close_targets();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sections_are_targets_by_name,
                                        place_set_up, place_tear_down),
        cmocka_unit_test_setup_teardown(
            defaults_are_the_fleets_and_not_the_agents, place_set_up,
            place_tear_down),
        cmocka_unit_test_setup_teardown(a_bad_section_is_a_target_with_a_fault,
                                        place_set_up, place_tear_down),
        cmocka_unit_test_setup_teardown(
            secrets_do_not_come_by_way_of_the_fleets_defaults, place_set_up,
            place_tear_down),
        cmocka_unit_test_setup_teardown(a_bad_default_is_a_fault_of_all_targets,
                                        place_set_up, place_tear_down),
        cmocka_unit_test_setup_teardown(
            the_fault_of_a_section_is_not_its_neighbours, place_set_up,
            place_tear_down),
        cmocka_unit_test_setup_teardown(defaults_in_a_chunk_have_no_effect,
                                        place_set_up, place_tear_down),
        cmocka_unit_test_setup_teardown(
            a_file_that_a_chunk_names_for_a_secret_is_not_read, place_set_up,
            place_tear_down),
        cmocka_unit_test_setup_teardown(
            a_target_gets_the_secrets_of_the_credentials_that_it_names,
            place_set_up, place_tear_down),
        cmocka_unit_test_setup_teardown(other_credentials_are_not_gone_on_with,
                                        place_set_up, place_tear_down),
        cmocka_unit_test_setup_teardown(
            credentials_without_a_secret_are_a_fault, place_set_up,
            place_tear_down),
        cmocka_unit_test_setup_teardown(of_duplicates_the_first_chunk_counts,
                                        place_set_up, place_tear_down),
        cmocka_unit_test_setup_teardown(more_observers_than_one_are_a_fault,
                                        place_set_up, place_tear_down),
        cmocka_unit_test_setup_teardown(what_does_not_belong_there_is_told,
                                        place_set_up, place_tear_down),
        cmocka_unit_test_setup_teardown(the_hash_is_that_of_names_and_versions,
                                        place_set_up, place_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
