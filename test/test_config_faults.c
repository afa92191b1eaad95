/*
 * Configurations with faults in them: what is said, at which line, in which
 * order.  Faults are compared whole, but for the file's name before them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config_place.h"

static void a_line_over_the_limit_is_a_fault(void **state)
{
    char line[4200];

    memset(line, 'x', sizeof line);
    line[sizeof line - 1] = '\0';
    bad_line(state, "agent", line, "line of more than 4000 bytes");
    line[0] = ';';
    line[4000] = '\0';
    good_line(state, "agent", line);
}

static void the_line_after_one_of_just_the_limit_counts(void **state)
{
    char text[4200] = "[agent]\n;";
    size_t begin = strlen("[agent]\n");
    const struct config *c;

    memset(text + begin + 1, 'x', 3999);
    strcpy(text + begin + 4000, "\nrise = 7\n" MINIMAL);
    c = good(state, text);
    assert_int_equal(c->agent.rise, 7);
}

/* Or else what --print-config makes of it could be over the limit. */
static void a_value_over_the_limit_is_a_fault(void **state)
{
    char line[3990] = "password=";

    memset(line + 9, 'x', sizeof line - 10);
    line[sizeof line - 1] = '\0';
    bad_line(state, "redis:a", line, "password is longer than 3900 bytes");
    line[9 + 3900] = '\0';
    good_line(state, "redis:a", line);
}

static void a_file_that_cannot_be_read_is_named(void **state)
{
    struct place *p = *state;

    load_file(p, p->file);
    expect_faults(p, " cannot open: No such file or directory\n");
    load_file(p, p->dir);
    assert_int_equal(p->faults.count, 1);
    assert_non_null(strstr(p->faults.lines[0], "cannot read: Is a directory"));
}

static void a_file_without_instances_is_a_fault(void **state)
{
    faults(state, "", " no [redis:NAME] section\n");
    faults(state, "[agent]\nrise = 2\n", " no [redis:NAME] section\n");
}

static void section_headers_are_checked(void **state)
{
    faults(state,
           MINIMAL "[https]\nlisten = 127.0.0.1:1\n"
                   "[agent\nrise = 3\n"
                   "[agent] x\nrise = 3\n"
                   "[Agent]\n[]\n[redis]\n[ agent]\n",
           "3: unknown section [https]\n"
           "5: no ] after [agent\n"
           "7: text after ]: x\n"
           "9: unknown section [Agent]\n"
           "10: unknown section []\n"
           "11: unknown section [redis]\n"
           "12: unknown section [ agent]\n");
}

static void names_of_instances_are_checked(void **state)
{
    faults(state,
           "[redis:]\naddress = h:1\n"
           "[redis:a b]\naddress = h:1\n"
           "[redis:..]\naddress = h:1\n"
           "[redis:a/b]\naddress = h:1\n"
           "[redis:1234567890123456789012345678901234567890]\naddress = h:1\n"
           "[redis:12345678901234567890123456789012345678901]\n"
           "address = h:1\n"
           "[redis:\xc3\xa4]\naddress = h:1\n",
           "1: [redis:]: the name must be 1..40 letters, digits, . _ or -, "
           "got \n"
           "3: [redis:a b]: the name must be 1..40 letters, digits, . _ or "
           "-, got a b\n"
           "5: [redis:..]: the name must be 1..40 letters, digits, . _ or -, "
           "got ..\n"
           "7: [redis:a/b]: the name must be 1..40 letters, digits, . _ or "
           "-, got a/b\n"
           "11: [redis:12345678901234567890123456789012345678901]: the name "
           "must be 1..40 letters, digits, . _ or -, got "
           "12345678901234567890123456789012345678901\n"
           "13: [redis:\\xc3\\xa4]: the name must be 1..40 letters, digits, "
           ". _ or -, got \\xc3\\xa4\n");
}

static void what_stands_twice_is_a_fault(void **state)
{
    faults(state,
           "[agent]\nrise = 1\nrise = 2\n"
           "[redis:a]\naddress = h:1\n"
           "[redis:b]\naddress = h:1\n"
           "[redis:a]\naddress = h:1\nfall = 1\n"
           "[agent]\nrise = 3\n",
           "3: duplicate key rise in [agent], first at line 2\n"
           "8: duplicate section [redis:a], first at line 4\n"
           "9: duplicate key address in [redis:a], first at line 5\n"
           "11: duplicate section [agent], first at line 1\n"
           "12: duplicate key rise in [agent], first at line 2\n");
}

static void an_empty_section_twice_is_a_fault(void **state)
{
    faults(state, "[defaults]\n[defaults]\n" MINIMAL,
           "2: duplicate section [defaults], first at line 1\n");
}

static void lines_of_no_known_form_are_faults(void **state)
{
    faults(state,
           "rise = 1\n" MINIMAL "pasword = hunter2\npasword hunter2:3\n"
           "password hunter2\n  more\n= 3\n"
           "fall =\nrise = ; none\ntimeout =;x\n",
           "1: key rise before any section\n"
           "4: unknown key pasword in [redis:a]\n"
           "5: unknown key pasword in [redis:a]\n"
           "6: not of the form key = value\n"
           "7: not of the form key = value\n"
           "8: unknown key  in [redis:a]\n"
           "9: fall has no value\n"
           "10: rise has no value\n"
           "11: timeout begins with ;: a comment needs a space before it\n");
}

static void bytes_that_are_no_text_are_faults(void **state)
{
    static const char NUL_LINE[] = MINIMAL "password = a\0b\nrise = 0\n";
    struct place *p = *state;

    load_bytes(p, NUL_LINE, sizeof NUL_LINE - 1);
    expect_faults(p, "3: line holds a NUL byte\n"
                     "4: rise must be 1..100, got 0\n");
    bad_line(state, "redis:a", "username = \xff",
             "username is not valid UTF-8");
    bad_line(state, "redis:a", "username = \xc0\x80",
             "username is not valid UTF-8");
    bad_line(state, "redis:a", "username = \xed\xa0\x80",
             "username is not valid UTF-8");
    bad_line(state, "redis:a", "username = \xe2\x82",
             "username is not valid UTF-8");
    bad_line(state, "redis:a", "password = a\tb",
             "password holds a control character");
    bad_line(state, "redis:a", "password = a\rb",
             "password holds a control character");
    bad_line(state, "redis:a", "\xff = 1", "unknown key \\xff in [redis:a]");
    good_line(state, "redis:a", "password = \xc3\xa4\xe2\x82\xac");
}

static void numbers_out_of_range_are_faults(void **state)
{
    static const struct {
        const char *section, *line, *message;
    } CASES[] = {
        { "agent", "rise = 0", "rise must be 1..100, got 0" },
        { "agent", "rise = 101", "rise must be 1..100, got 101" },
        { "agent", "fall = -1", "fall must be 1..100, got -1" },
        { "agent", "fall = +1", "fall must be 1..100, got +1" },
        { "agent", "fall = 0x10", "fall must be 1..100, got 0x10" },
        { "agent", "fall = 18446744073709551617",
          "fall must be 1..100, got 18446744073709551617" },
        { "agent", "workers = 65", "workers must be 1..64, got 65" },
        { "agent", "spread = 51%", "spread must be 0%..50%, got 51%" },
        { "agent", "spread = 20", "spread must be 0%..50%, got 20" },
        { "agent", "interval = 10",
          "interval must be 50ms..1440m (ms, s or m), got 10" },
        { "agent", "interval = 49ms",
          "interval must be 50ms..1440m (ms, s or m), got 49ms" },
        { "agent", "interval = 1441m",
          "interval must be 50ms..1440m (ms, s or m), got 1441m" },
        { "agent", "timeout = 0ms",
          "timeout must be 1ms..10m (ms, s or m), got 0ms" },
        { "agent", "timeout = 1.5s",
          "timeout must be 1ms..10m (ms, s or m), got 1.5s" },
        { "agent", "timeout = 1 s",
          "timeout must be 1ms..10m (ms, s or m), got 1 s" },
        { "agent", "timeout = 307445734561825861m",
          "timeout must be 1ms..10m (ms, s or m), got 307445734561825861m" },
        { "agent", "retry_interval = 9ms",
          "retry_interval must be 10ms..60m (ms, s or m), got 9ms" },
        { "agent", "info_interval = 1h",
          "info_interval must be 50ms..1440m (ms, s or m), got 1h" },
        { "agent", "stop_timeout = 11m",
          "stop_timeout must be 100ms..10m (ms, s or m), got 11m" },
        { "zookeeper", "session_timeout = 999ms",
          "session_timeout must be 1s..10m (ms, s or m), got 999ms" },
        { "zookeeper", "publish_timeout = 1ms",
          "publish_timeout must be 100ms..10m (ms, s or m), got 1ms" },
        { "defaults", "timeout = s",
          "timeout must be 1ms..10m (ms, s or m), got s" },
        { "redis:a", "max_lag = 0",
          "max_lag must be 1..1048576M (bytes, or with K or M), got 0" },
        { "redis:a", "max_lag = 10k",
          "max_lag must be 1..1048576M (bytes, or with K or M), got 10k" },
        { "redis:a", "max_lag = 17592186044417M",
          "max_lag must be 1..1048576M (bytes, or with K or M), "
          "got 17592186044417M" },
    };

    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++)
        bad_line(state, CASES[i].section, CASES[i].line, CASES[i].message);
}

static void unknown_words_are_faults(void **state)
{
    bad_line(state, "agent", "log_level = Info",
             "log_level must be error, warn, info or debug, got Info");
    bad_line(state, "agent", "log_format = text",
             "log_format must be logfmt or json, got text");
    bad_line(state, "zookeeper", "publish = always",
             "publish must be change or round, got always");
    bad_line(state, "zookeeper", "presence = true",
             "presence must be no or yes, got true");
    bad_line(state, "zookeeper", "acl = none",
             "acl must be open, read or private, got none");
    bad_line(state, "zookeeper", "tls_ca_file = x",
             "tls_ca_file: the client library of ZooKeeper has neither TLS nor "
             "SASL here: see TUNNEL in sentinel-agent.conf(5), or use "
             "digest_file");
    bad_line(state, "zookeeper", "sasl = yes",
             "sasl: the client library of ZooKeeper has neither TLS nor SASL "
             "here: see TUNNEL in sentinel-agent.conf(5), or use digest_file");
    bad_line(state, "redis:a", "expect_role = slave",
             "expect_role must be any, master, replica or sentinel, got slave");
    bad_line(state, "redis:a", "paused = 1", "paused must be no or yes, got 1");
}

static void addresses_to_listen_on_are_numeric(void **state)
{
    bad_line(state, "http", "listen = localhost:6060",
             "listen must have a numeric address, got localhost:6060");
    bad_line(state, "http", "listen = 1.2.3:6060",
             "listen must have a numeric address, got 1.2.3:6060");
    bad_line(state, "http", "listen = 6060",
             "listen must be host:port, [v6]:port or unix:/path, got 6060");
    bad_line(state, "http", "listen = unix:x",
             "listen must name an absolute path of at most 107 bytes after "
             "unix:, got unix:x");
    good_line(state, "http", "listen = 0.0.0.0:1");
    good_line(state, "http", "listen = [::1]:65535");
    good_line(state, "http", "listen = unix:/run/x.sock");
    bad_line(state, "http", "allow_hosts = a, b:80",
             "allow_hosts must be names without a port, comma-separated, "
             "got a, b:80");
    bad_line(state, "http", "allow_hosts = a b",
             "allow_hosts must be names without a port, comma-separated, "
             "got a b");
    bad_line(state, "http", "allow_hosts = a,",
             "allow_hosts must be names without a port, comma-separated, "
             "got a,");
    good_line(state, "http", "allow_hosts = status.example.org , b");
}

static void names_and_paths_are_checked(void **state)
{
    bad_line(state, "agent", "id = a/b",
             "id must be 1..64 letters, digits, . _ or -, got a/b");
    bad_line(state, "agent", "id = ..",
             "id must be 1..64 letters, digits, . _ or -, got ..");
    bad_line(state, "agent", "user = a b",
             "user must be 1..32 letters, digits, . _ or -, got a b");
    bad_line(state, "agent", "log = stdrr",
             "log must be stderr, syslog or an absolute path, got stdrr");
    bad_line(state, "agent", "pid_file = agent.pid",
             "pid_file must be an absolute path, got agent.pid");
    bad_line(state, "zookeeper", "root = x", "root must begin with /, got x");
    bad_line(state, "zookeeper", "root = /x/",
             "root must not end with / nor hold an empty part, got /x/");
    bad_line(state, "zookeeper", "root = //x",
             "root must not end with / nor hold an empty part, got //x");
    bad_line(state, "zookeeper", "root = /x/../y",
             "root must not hold . or .. as a part, got /x/../y");
    bad_line(state, "zookeeper", "root = /\xee\x80\x80",
             "root holds a character that ZooKeeper refuses, "
             "got /\\xee\\x80\\x80");
    good_line(state, "zookeeper", "root = /");
    good_line(state, "zookeeper", "root = /x/...y/z.");
}

static void addresses_are_checked(void **state)
{
    static const char *const BAD[] = {
        "h",           "h:",       "h:0",      "h:65536",  ":1",
        "h:1x",        "::1:6379", "[::1]",    "[::1]:",   "[::g]:1",
        "[1.2.3.4]:1", "h h:1",    "h:1:2",    "[::1%]:1", "tcp://h:1",
        "h:+1",        "h: 1",     "[::1]x:1", "h:000001",
    };
    char line[300], message[300], path[120];

    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        snprintf(line, sizeof line, "[redis:x]\naddress = %s\n", BAD[i]);
        snprintf(message, sizeof message,
                 "2: address must be host:port, [v6]:port or unix:/path, "
                 "got %s\n",
                 BAD[i]);
        faults(state, line, message);
    }
    faults(state, "[redis:x]\naddress = unix:r.sock\n",
           "2: address must name an absolute path of at most 107 bytes "
           "after unix:, got unix:r.sock\n");
    memset(path, 'x', sizeof path);
    path[0] = '/';
    path[107] = '\0';
    snprintf(line, sizeof line, "[redis:x]\naddress = unix:%s\n", path);
    assert_string_equal(good(state, line)->instances[0]->path, path);
    snprintf(line, sizeof line, "[redis:x]\naddress = unix:%sx\n", path);
    load(*state, line);
    assert_int_equal(((struct place *)*state)->faults.count, 1);
}

static void servers_are_checked(void **state)
{
    char text[300] = "[zookeeper]\nservers = h:1";

    faults(state, MINIMAL "[zookeeper]\nservers = a:1,b:2/x\n",
           "4: servers must not name a path (use root for that), "
           "got b:2/x\n");
    faults(state, MINIMAL "[zookeeper]\nservers = a:1,,b:2\n",
           "4: servers must be host:port or [v6]:port, comma-separated, "
           "got an empty item\n");
    faults(state, MINIMAL "[zookeeper]\nservers = a:1,b\n",
           "4: servers must be host:port or [v6]:port, comma-separated, "
           "got b\n");
    for (int i = 0; i < 32; i++)
        strcat(text, ",h:1");
    strcat(text, "\n" MINIMAL);
    faults(state, text, "2: servers must be 1..32 servers\n");
}

static void what_is_missing_is_a_fault_at_its_section(void **state)
{
    faults(state, "[agent]\n[redis:a]\nrise = 2\n[zookeeper]\nroot = /x\n",
           "2: [redis:a] has no address\n"
           "4: [zookeeper] has no servers\n");
    faults(state, "[defaults]\naddress = h:1\n" MINIMAL,
           "2: address belongs in each [redis:NAME], not in [defaults]\n");
}

static void keys_that_need_or_exclude_each_other_are_checked(void **state)
{
    faults(state,
           MINIMAL "username = u\n"
                   "[redis:b]\naddress = h:1\npassword_file = /nowhere\n"
                   "password = x\n"
                   "[zookeeper]\nacl = private\nservers = h:1\n",
           "3: [redis:a] has a username and no password\n"
           "7: password and password_file exclude each other\n"
           "9: acl = private needs a digest_file\n");
    faults(state, "[defaults]\nusername = u\n" MINIMAL,
           "3: [redis:a] has a username and no password\n");
}

static void secret_files_are_checked(void **state)
{
    static char large[4097];
    struct place *p = *state;

    memset(large, 'x', sizeof large);
    secret(state, "password_file", "", 0, "its first line is empty");
    secret(state, "password_file", "\nx\n", 3, "its first line is empty");
    secret(state, "password_file", "x\ny\n", 4, "holds more than one line");
    secret(state, "password_file", "x\0y\n", 4, "holds a NUL byte");
    secret(state, "password_file", large, sizeof large,
           "cannot read: larger than 4096 bytes");
    secret(state, "password_file", "x y", 3, NULL);
    assert_string_equal(p->config->instances[0]->password, "x y");
    secret(state, "digest_file", "user\n", 5, "not of the form user:password");
    secret(state, "digest_file", ":pass\n", 6, "not of the form user:password");
    secret(state, "digest_file", "user:\n", 6, "not of the form user:password");
    secret(state, "digest_file", "user:pass\n", 10, NULL);
    assert_string_equal(p->config->zookeeper.digest, "user:pass");
    faults(state, MINIMAL "password_file = /nowhere/x\n",
           "3: password_file: /nowhere/x: cannot open: "
           "No such file or directory\n");
}

static void secret_files_are_for_their_owner_and_group_only(void **state)
{
    static const struct {
        mode_t mode;
        const char *complaint;
    } CASES[] = {
        { 0644, "mode 0644 lets others read it (chmod o-rwx)" },
        { 0602, "mode 0602 lets others write it (chmod o-rwx)" },
        { 0666, "mode 0666 lets others read and write it (chmod o-rwx)" },
        { 04604, "mode 4604 lets others read it (chmod o-rwx)" },
        { 0640, NULL },
        { 0661, NULL },
        { 0400, NULL },
    };
    struct place *p = *state;

    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        p->secret_mode = CASES[i].mode;
        secret(state, "password_file", "x\n", 2, CASES[i].complaint);
        secret(state, "digest_file", "u:p\n", 4, CASES[i].complaint);
    }
}

static void a_missing_default_secret_is_told_once(void **state)
{
    faults(state,
           "[defaults]\npassword_file = /nowhere/x\n" MINIMAL
           "[redis:b]\naddress = h:1\n",
           "2: password_file: /nowhere/x: cannot open: "
           "No such file or directory\n");
}

static void all_faults_are_told_in_the_order_of_lines(void **state)
{
    faults(state,
           "[zookeeper]\nacl = read\n[redis:a]\nrise = x\nusername = u\n"
           "[redis:b]\naddress = ?\n[agent]\ninterval = 1\nfoo = 1\n",
           "1: [zookeeper] has no servers\n"
           "2: acl = read needs a digest_file\n"
           "3: [redis:a] has no address\n"
           "4: rise must be 1..100, got x\n"
           "5: [redis:a] has a username and no password\n"
           "7: address must be host:port, [v6]:port or unix:/path, got ?\n"
           "9: interval must be 50ms..1440m (ms, s or m), got 1\n"
           "10: unknown key foo in [agent]\n");
}

static void no_fault_tells_a_password(void **state)
{
    struct place *p = *state;

    load(p, "password = hunter2\n[redis:a]\npassword = hunter2\xff\n"
            "password = hunter2\npassword : hunter2\npasswrd = hunter2\n"
            "password hunter2\nhunter2\npassword\thunter2=3\n"
            "[agent]\npassword = hunter2\n");
    assert_true(p->faults.count >= 8);
    for (size_t i = 0; i < p->faults.count; i++)
        assert_null(strstr(p->faults.lines[i], "hunter2"));
}

#define T(name) \
    cmocka_unit_test_setup_teardown(name, place_set_up, place_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_line_over_the_limit_is_a_fault),
        T(the_line_after_one_of_just_the_limit_counts),
        T(a_value_over_the_limit_is_a_fault),
        T(a_file_that_cannot_be_read_is_named),
        T(a_file_without_instances_is_a_fault),
        T(section_headers_are_checked),
        T(names_of_instances_are_checked),
        T(what_stands_twice_is_a_fault),
        T(an_empty_section_twice_is_a_fault),
        T(lines_of_no_known_form_are_faults),
        T(bytes_that_are_no_text_are_faults),
        T(numbers_out_of_range_are_faults),
        T(unknown_words_are_faults),
        T(addresses_to_listen_on_are_numeric),
        T(names_and_paths_are_checked),
        T(addresses_are_checked),
        T(servers_are_checked),
        T(what_is_missing_is_a_fault_at_its_section),
        T(keys_that_need_or_exclude_each_other_are_checked),
        T(secret_files_are_checked),
        T(secret_files_are_for_their_owner_and_group_only),
        T(a_missing_default_secret_is_told_once),
        T(all_faults_are_told_in_the_order_of_lines),
        T(no_fault_tells_a_password),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
