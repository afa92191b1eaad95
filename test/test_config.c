/* Configurations without a fault: what they come to, and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/role.h"

#include "config_place.h"

static void a_minimal_file_gets_every_default(void **state)
{
    struct config *c = good(state, MINIMAL "[zookeeper]\nservers = z:2181\n");
    const struct config_instance *i = c->instances[0];
    char host[256] = "";

    gethostname(host, sizeof host - 1);
    assert_string_equal(c->agent.id, host);
    assert_int_equal(c->agent.interval_ms, 10000);
    assert_int_equal(c->agent.timeout_ms, 1000);
    assert_int_equal(c->agent.retry_interval_ms, 1000);
    assert_int_equal(c->agent.connect_interval_ms, 30000);
    assert_int_equal(c->agent.info_interval_ms, 10000);
    assert_int_equal(c->agent.rise, 2);
    assert_int_equal(c->agent.fall, 3);
    assert_int_equal(c->agent.workers, 2);
    assert_int_equal(c->agent.spread_percent, 20);
    assert_int_equal(c->agent.stop_timeout_ms, 3000);
    assert_string_equal(c->agent.log, "stderr");
    assert_int_equal(c->agent.log_level, LOG_LEVEL_INFO);
    assert_int_equal(c->agent.log_format, LOG_FORM_LOGFMT);
    assert_string_equal(c->agent.pid_file, "/run/sentinel-agent.pid");
    assert_null(c->agent.user);
    assert_true(c->zookeeper.enabled);
    assert_string_equal(c->zookeeper.root, "/sentinel-agent");
    assert_int_equal(c->zookeeper.session_timeout_ms, 10000);
    assert_int_equal(c->zookeeper.publish, CONFIG_PUBLISH_CHANGE);
    assert_int_equal(c->zookeeper.publish_timeout_ms, 5000);
    assert_false(c->zookeeper.presence);
    assert_int_equal(c->zookeeper.acl, CONFIG_ACL_OPEN);
    assert_null(c->zookeeper.digest_file);
    assert_int_equal(c->ninstances, 1);
    assert_string_equal(i->name, "a");
    assert_int_equal(i->interval_ms, 10000);
    assert_int_equal(i->fall, 3);
    assert_null(i->username);
    assert_null(i->password);
    assert_int_equal(i->expect_role, ROLE_ANY);
    assert_int_equal(i->max_lag, 0);
    assert_false(i->paused);
}

static void without_a_zookeeper_section_nothing_is_published(void **state)
{
    assert_false(good(state, MINIMAL)->zookeeper.enabled);
}

static void without_an_http_section_nothing_listens(void **state)
{
    struct config *c = good(state, MINIMAL);

    assert_false(c->http.enabled);
    assert_null(c->http.host);
    c = good(state, MINIMAL "[http]\n");
    assert_string_equal(c->http.host, "127.0.0.1");
    assert_int_equal(c->http.port, 6060);
    c = good(state, MINIMAL "[http]\nlisten = unix:/run/a.sock\n");
    assert_null(c->http.host);
    assert_string_equal(c->http.path, "/run/a.sock");
}

static void every_key_reaches_its_field(void **state)
{
    struct config *c = good(
        state,
        "[agent]\nid = web-1\ninterval = 2m\ntimeout=7ms\nretry_interval=8s\n"
        "connect_interval = 7s\ninfo_interval: 9s\nrise = 4\nfall = 5\nworkers "
        "= 64\nspread = 0%\n"
        "stop_timeout = 6s\nlog = /var/log/x\nlog_level = debug\n"
        "log_format = json\npid_file = /p\nuser = redis\n"
        "[zookeeper]\nservers = a:1, [::1]:2 ,10.0.0.1:65535\nroot = /x/y\n"
        "session_timeout = 4s\npublish = round\npublish_timeout = 300ms\n"
        "presence = yes\nacl = open\n[http]\nlisten = [::1]:6061\n"
        "[redis:b]\naddress = [fe80::1%eth0]:6379\nexpect_role = replica\n"
        "max_lag = 10M\npaused = yes\nusername = u\npassword = p w\n"
        "[redis:c]\naddress = unix:/run/r.sock\nmax_lag = 3K\n"
        "password = a;b#c\n");
    const struct config_instance *b = c->instances[0], *u = c->instances[1];

    assert_string_equal(c->agent.id, "web-1");
    assert_int_equal(c->agent.interval_ms, 120000);
    assert_int_equal(c->agent.timeout_ms, 7);
    assert_int_equal(c->agent.connect_interval_ms, 7000);
    assert_int_equal(c->agent.info_interval_ms, 9000);
    assert_int_equal(c->agent.workers, 64);
    assert_int_equal(c->agent.spread_percent, 0);
    assert_int_equal(c->agent.log_level, LOG_LEVEL_DEBUG);
    assert_int_equal(c->agent.log_format, LOG_FORM_JSON);
    assert_string_equal(c->agent.user, "redis");
    assert_int_equal(c->zookeeper.nservers, 3);
    assert_string_equal(c->zookeeper.servers[1].host, "::1");
    assert_int_equal(c->zookeeper.servers[1].port, 2);
    assert_string_equal(c->zookeeper.servers[2].host, "10.0.0.1");
    assert_int_equal(c->zookeeper.servers[2].port, 65535);
    assert_int_equal(c->zookeeper.publish, CONFIG_PUBLISH_ROUND);
    assert_true(c->zookeeper.presence);
    assert_true(c->http.enabled);
    assert_string_equal(c->http.host, "::1");
    assert_int_equal(c->http.port, 6061);
    assert_string_equal(b->address, "[fe80::1%eth0]:6379");
    assert_string_equal(b->host, "fe80::1%eth0");
    assert_int_equal(b->port, 6379);
    assert_null(b->path);
    assert_int_equal(b->expect_role, ROLE_REPLICA);
    assert_int_equal(b->max_lag, 10 << 20);
    assert_true(b->paused);
    assert_string_equal(b->password, "p w");
    assert_string_equal(u->path, "/run/r.sock");
    assert_null(u->host);
    assert_int_equal(u->max_lag, 3072);
    assert_string_equal(u->password, "a;b#c");
}

static void words_stand_in_the_order_of_their_enums(void **state)
{
    static const char *const LEVELS[] = { "error", "warn", "info", "debug" };
    static const char *const ACLS[] = { "open", "read", "private" };
    struct place *p = *state;
    char text[256];

    write_file(p->secret, "u:p\n", 4);
    for (unsigned i = 0; i < 4; i++) {
        snprintf(text, sizeof text, "[agent]\nlog_level = %s\n" MINIMAL,
                 LEVELS[i]);
        assert_int_equal(good(state, text)->agent.log_level, i);
    }
    for (unsigned i = 0; i < 3; i++) {
        snprintf(text, sizeof text,
                 "[zookeeper]\nservers = h:1\nacl = %s\n"
                 "digest_file = %s\n" MINIMAL,
                 ACLS[i], p->secret);
        assert_int_equal(good(state, text)->zookeeper.acl, i);
    }
    for (enum role r = ROLE_ANY; r <= ROLE_REPLICA; r++) {
        snprintf(text, sizeof text, MINIMAL "expect_role = %s\n", role_name(r));
        assert_int_equal(good(state, text)->instances[0]->expect_role, r);
    }
}

static void an_instance_inherits_from_defaults_and_then_from_agent(void **state)
{
    struct config *c =
        good(state, "[redis:a]\naddress = h:1\nrise = 9\n"
                    "[redis:b]\naddress = h:1\npassword = own\n"
                    "[defaults]\nrise = 7\ntimeout = 500ms\n"
                    "expect_role = master\nusername = u\npassword = all\n"
                    "[agent]\nrise = 5\ntimeout = 3s\nfall = 6\n");
    const struct config_instance *a = c->instances[0], *b = c->instances[1];

    assert_int_equal(c->agent.rise, 5);
    assert_int_equal(a->rise, 9);
    assert_int_equal(b->rise, 7);
    assert_int_equal(a->timeout_ms, 500);
    assert_int_equal(a->fall, 6);
    assert_int_equal(a->expect_role, ROLE_MASTER);
    assert_string_equal(a->username, "u");
    assert_string_equal(a->password, "all");
    assert_string_equal(b->password, "own");
}

static void an_own_password_replaces_an_inherited_file(void **state)
{
    struct place *p = *state;
    struct config *c;
    char text[256];

    write_file(p->secret, "from file\r\n", 11);
    snprintf(text, sizeof text,
             "[defaults]\npassword_file = %s\n" MINIMAL
             "password = own\n[redis:b]\naddress = h:1\n",
             p->secret);
    c = good(state, text);
    assert_string_equal(c->instances[0]->password, "own");
    assert_null(c->instances[0]->password_file);
    assert_string_equal(c->instances[1]->password, "from file");
    assert_string_equal(c->instances[1]->password_file, p->secret);
}

/* Such as editors of other systems leave there. */
static void a_byte_order_mark_is_not_part_of_a_secret(void **state)
{
    struct place *p = *state;
    struct config *c;
    char text[256];

    write_file(p->secret, "\xef\xbb\xbfsesame\n", 10);
    snprintf(text, sizeof text, MINIMAL "password_file = %s\n", p->secret);
    c = good(state, text);
    assert_string_equal(c->instances[0]->password, "sesame");
}

static void a_password_that_may_be_cut_is_told_by_its_line(void **state)
{
    static const struct {
        const char *line;
        const char *password;
        unsigned cut_line;
    } P[] = {
        { "password = sesame\n", "sesame", 0 },
        { "password = sesame\r\n", "sesame", 0 },
        { "password = ses;ame\n", "ses;ame", 0 },
        { "password = sesame \n", "sesame", 3 },
        { "password = sesame\t\r\n", "sesame", 3 },
        { "password = sesame ; street\n", "sesame", 3 },
        { "fall = 3 ; not a password\npassword = sesame\n", "sesame", 0 },
    };

    for (size_t i = 0; i < sizeof P / sizeof P[0]; i++) {
        char text[256];
        struct config *c;

        snprintf(text, sizeof text, "[redis:a]\naddress = h:1\n%s", P[i].line);
        c = good(state, text);
        assert_string_equal(c->instances[0]->password, P[i].password);
        assert_int_equal(c->files[0].cut_line, P[i].cut_line);
    }
}

static void who_only_looks_leaves_secrets_in_their_files(void **state)
{
    struct place *p = *state;
    struct config_faults faults;
    struct config *c;

    load(p, "[zookeeper]\nservers = h:1\ndigest_file = /nowhere\n"
            "[defaults]\npassword_file = /nowhere\n" MINIMAL
            "[redis:b]\naddress = h:1\npassword_file = /nowhere\n");
    assert_null(p->config);
    c = config_load_to_look(p->file, false, &faults);
    assert_non_null(c);
    assert_int_equal(faults.count, 0);
    assert_null(c->zookeeper.digest);
    assert_null(c->instances[0]->password);
    assert_null(c->instances[1]->password);
    assert_false(config_has_secrets(c));
    config_free(c);
    assert_null(config_load_to_look(p->file, true, &faults));
    assert_int_equal(faults.count, 1);
    assert_non_null(strstr(faults.lines[0], ":3: digest_file: /nowhere"));
    config_faults_free(&faults);
}

static void layout_does_not_matter(void **state)
{
    struct config *c = good(state, "\xef\xbb\xbf[agent] ; comment\r\n"
                                   "   rise = 4   ; comment\r\n"
                                   "\tfall=5\r\n"
                                   "# comment \xff\r\n"
                                   "; [redis:a]\r\n"
                                   "\r\n"
                                   "  [redis:a]\r\n"
                                   "address = h:1");

    assert_int_equal(c->agent.rise, 4);
    assert_int_equal(c->agent.fall, 5);
    assert_int_equal(c->ninstances, 1);
    assert_string_equal(c->instances[0]->address, "h:1");
}

static void a_value_longer_than_inihs_200_bytes_stays_whole(void **state)
{
    char text[4300], password[3900];

    memset(password, 'x', sizeof password);
    password[sizeof password - 1] = '\0';
    snprintf(text, sizeof text, MINIMAL "password = %s\n", password);
    assert_string_equal(good(state, text)->instances[0]->password, password);
}

static void names_that_differ_in_their_last_letter_are_two(void **state)
{
    struct config *c =
        good(state, "[redis:1234567890123456789012345678901234567890]\n"
                    "address = h:1\n"
                    "[redis:123456789012345678901234567890123456789x]\n"
                    "address = h:2\n");

    assert_int_equal(c->ninstances, 2);
    assert_int_equal(c->instances[1]->port, 2);
}

static void what_is_printed_loads_as_the_same_settings(void **state)
{
    struct place *p = *state;
    struct config *first;
    char text[1024], *printed, *again, out[128];

    write_file(p->secret, "u:hunter2\n", 10);
    snprintf(text, sizeof text,
             "[agent]\nid = x\ninterval = 1500ms\nspread = 0%%\nuser = redis\n"
             "log = syslog\n"
             "[zookeeper]\nservers = a:1,[::1]:2\nacl = private\n"
             "digest_file = %s\npresence = yes\n"
             "[defaults]\ntimeout = 90s\n"
             "[redis:a]\naddress = unix:/x\nusername = \xc3\xa4 b\n"
             "password_file = %s\nmax_lag = 1536\n"
             "[redis:b]\naddress = h:1\nmax_lag = 2M\npaused = yes\n"
             "[redis:c]\naddress = h:1\npassword = hunter2\n",
             p->secret, p->secret);
    first = good(state, text);
    p->config = NULL;
    printed = print_config(first);
    assert_null(strstr(printed, "hunter2"));
    assert_non_null(strstr(printed, "password = ***\n"));
    assert_non_null(strstr(printed, "interval = 1500ms\n"));
    good(state, printed);
    again = print_config(p->config);
    assert_string_equal(printed, again);
    assert_int_equal(config_restart_keys(first, p->config, out, sizeof out), 0);
    assert_true(
        config_instance_equal(first->instances[0], p->config->instances[0]));
    assert_true(
        config_instance_equal(first->instances[1], p->config->instances[1]));
    free(printed);
    free(again);
    config_free(first);
}

static void instances_are_equal_when_probe_and_verdict_are(void **state)
{
    static const char *const DIFFERENT[] = {
        "rise = 9",      "timeout = 9s",       "password = y",
        "interval = 9s", "max_lag = 1",        "expect_role = master",
        "username = u",  "info_interval = 9s", "connect_interval = 9s",
    };
    struct place *p = *state;
    struct config *first;
    char text[256];

    first = good(state, MINIMAL "fall = 2\n[defaults]\npassword = x\n");
    p->config = NULL;
    good(state, "[agent]\nfall = 2\n\n[redis:a]\naddress = h:1\n"
                "password = x\npaused = yes\n");
    assert_true(
        config_instance_equal(first->instances[0], p->config->instances[0]));
    for (size_t i = 0; i < sizeof DIFFERENT / sizeof *DIFFERENT; i++) {
        snprintf(text, sizeof text, MINIMAL "fall = 2\n%s\n%s\n", DIFFERENT[i],
                 strncmp(DIFFERENT[i], "password", 8) ? "password = x" : "");
        good(state, text);
        assert_false(config_instance_equal(first->instances[0],
                                           p->config->instances[0]));
    }
    config_free(first);
}

static void keys_in_which_instances_differ_are_named(void **state)
{
    struct place *p = *state;
    struct config *first;
    char out[128], tiny[12];

    first = good(state, MINIMAL "fall = 2\npassword = x\n");
    p->config = NULL;
    good(state, MINIMAL "fall = 2\npassword = x\npaused = yes\n");
    assert_int_equal(config_instance_keys(first->instances[0],
                                          p->config->instances[0], out,
                                          sizeof out),
                     0);
    assert_string_equal(out, "");
    good(state, MINIMAL "timeout = 9s\nfall = 3\npassword = secret\n");
    assert_int_equal(config_instance_keys(first->instances[0],
                                          p->config->instances[0], out,
                                          sizeof out),
                     3);
    assert_string_equal(out, "timeout, fall, password");
    assert_int_equal(config_instance_keys(first->instances[0],
                                          p->config->instances[0], tiny,
                                          sizeof tiny),
                     3);
    assert_string_equal(tiny, "timeout, fa");
    config_free(first);
}

static void an_instance_outlives_its_config_while_referenced(void **state)
{
    struct place *p = *state;
    struct config_instance *i =
        config_instance_ref(good(state, MINIMAL)->instances[0]);

    config_free(p->config);
    p->config = NULL;
    assert_string_equal(i->address, "h:1");
    config_instance_unref(i);
    config_instance_unref(NULL);
}

static void keys_that_need_a_restart_are_named(void **state)
{
    struct place *p = *state;
    struct config *first;
    char out[128], tiny[12];

    first = good(state, MINIMAL "[zookeeper]\nservers = h:1\n");
    p->config = NULL;
    good(state, "[agent]\nid = other\nworkers = 5\nrise = 4\n" MINIMAL
                "[zookeeper]\nservers = h:2\npublish = round\n");
    assert_int_equal(config_restart_keys(first, p->config, out, sizeof out), 3);
    assert_string_equal(out, "agent.id, agent.workers, zookeeper.servers");
    assert_int_equal(config_restart_keys(first, p->config, tiny, sizeof tiny),
                     3);
    assert_string_equal(tiny, "agent.id, a");
    good(state, MINIMAL);
    assert_int_equal(config_restart_keys(first, p->config, out, sizeof out), 1);
    assert_string_equal(out, "zookeeper");
    good(state, MINIMAL "[zookeeper]\nservers = h:1\n[http]\n");
    config_restart_keys(first, p->config, out, sizeof out);
    assert_string_equal(out, "http");
    config_free(first);
    first = p->config;
    p->config = NULL;
    good(state, MINIMAL "[zookeeper]\nservers = h:1\n"
                        "[http]\nlisten = 127.0.0.1:1\n");
    config_restart_keys(first, p->config, out, sizeof out);
    assert_string_equal(out, "http.listen");
    config_free(first);
}

static void a_new_digest_in_the_same_file_needs_a_restart(void **state)
{
    struct place *p = *state;
    struct config *first;
    char out[64];

    secret(state, "digest_file", "u:a\n", 4, NULL);
    first = p->config;
    p->config = NULL;
    secret(state, "digest_file", "u:b\n", 4, NULL);
    assert_int_equal(config_restart_keys(first, p->config, out, sizeof out), 1);
    assert_string_equal(out, "zookeeper.digest_file");
    config_free(first);
}

static char *many_instances(unsigned n, size_t *size)
{
    char *text = NULL;
    FILE *f = open_memstream(&text, size);

    for (unsigned i = 0; i < n; i++)
        fprintf(f, "[redis:cache-%u]\naddress = 10.0.0.1:%u\n", i,
                i % 65535 + 1);
    fclose(f);
    return text;
}

/* Quadratic work would take minutes: the runner's timeout is the bound. */
static void thousands_of_instances_load_in_the_files_order(void **state)
{
    const unsigned n = 50000;
    struct place *p = *state;
    char *text, name[48];
    size_t size;

    text = many_instances(n, &size);
    load_bytes(p, text, size);
    free(text);
    assert_non_null(p->config);
    assert_int_equal(p->config->ninstances, n);
    for (unsigned i = 0; i < n; i++) {
        snprintf(name, sizeof name, "cache-%u", i);
        assert_string_equal(p->config->instances[i]->name, name);
    }
}

#define T(name) \
    cmocka_unit_test_setup_teardown(name, place_set_up, place_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_minimal_file_gets_every_default),
        T(without_a_zookeeper_section_nothing_is_published),
        T(without_an_http_section_nothing_listens),
        T(every_key_reaches_its_field),
        T(words_stand_in_the_order_of_their_enums),
        T(an_instance_inherits_from_defaults_and_then_from_agent),
        T(an_own_password_replaces_an_inherited_file),
        T(a_byte_order_mark_is_not_part_of_a_secret),
        T(a_password_that_may_be_cut_is_told_by_its_line),
        T(who_only_looks_leaves_secrets_in_their_files),
        T(layout_does_not_matter),
        T(a_value_longer_than_inihs_200_bytes_stays_whole),
        T(names_that_differ_in_their_last_letter_are_two),
        T(what_is_printed_loads_as_the_same_settings),
        T(instances_are_equal_when_probe_and_verdict_are),
        T(keys_in_which_instances_differ_are_named),
        T(an_instance_outlives_its_config_while_referenced),
        T(keys_that_need_a_restart_are_named),
        T(a_new_digest_in_the_same_file_needs_a_restart),
        T(thousands_of_instances_load_in_the_files_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
