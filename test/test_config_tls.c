/*
 * The keys of TLS: what they need of each other, and of the files that they
 * name.
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
#include "tls_place.h"

static struct tls_place tls;

static int make_files(void **state)
{
    (void)state;
    tls_place_make(&tls);
    tls_place_cert(&tls, &(struct tls_wanted){ .file = "a", .names = "DNS:a" });
    tls_place_cert(&tls, &(struct tls_wanted){ .file = "b", .names = "DNS:b" });
    tls_place_cert(&tls, &(struct tls_wanted){ .file = "locked",
                                               .names = "DNS:l",
                                               .passphrase = "sesame" });
    return 0;
}

static int remove_files(void **state)
{
    (void)state;
    tls_place_clear(&tls);
    return 0;
}

/* FORMAT with the folder of the files for each DIR. */
static const char *with_dir(const char *format)
{
    static char texts[4][2048];
    static unsigned next;
    char *text = texts[next++ % 4];
    const char *from = format;
    size_t used = 0;
    for (const char *at; (at = strstr(from, "DIR")) != NULL; from = at + 3)
        used += (size_t)snprintf(text + used, sizeof texts[0] - used, "%.*s%s",
                                 (int)(at - from), from, tls.dir);
    snprintf(text + used, sizeof texts[0] - used, "%s", from);
    return text;
}

static void tls_is_off_unless_it_is_asked_for(void **state)
{
    const struct config *c = good(state, MINIMAL);
    assert_false(c->instances[0]->tls);
    assert_null(c->instances[0]->tls_context);
}

static void one_line_is_enough(void **state)
{
    const struct config *c = good(state, MINIMAL "tls = yes\n");
    assert_true(c->instances[0]->tls);
    assert_true(c->instances[0]->tls_verify);
    assert_int_equal(c->instances[0]->tls_min_days, 14);
    assert_non_null(c->instances[0]->tls_context);
}

static void instances_with_the_same_settings_share_a_context(void **state)
{
    const struct config *c = good(
        state,
        with_dir("[defaults]\ntls = yes\ntls_ca_file = DIR/ca.pem\n" MINIMAL
                 "[redis:b]\naddress = h:2\ntls_server_name = x\n"
                 "[redis:c]\naddress = h:3\ntls_verify = no\n"
                 "[redis:d]\naddress = h:4\ntls = no\n"));
    assert_ptr_equal(c->instances[0]->tls_context,
                     c->instances[1]->tls_context);
    assert_ptr_not_equal(c->instances[0]->tls_context,
                         c->instances[2]->tls_context);
    assert_null(c->instances[3]->tls_context);
}

static void all_of_it_is_printed_and_loads_again(void **state)
{
    static const char TEXT[] =
        "[defaults]\ntls_ca_file = DIR/ca.pem\n" MINIMAL
        "tls = yes\ntls_cert_file = DIR/a.pem\ntls_key_file = DIR/a.key\n"
        "[redis:b]\naddress = h:2\n";
    char *printed = print_config(good(state, with_dir(TEXT)));
    assert_non_null(strstr(printed, with_dir("tls_key_file = DIR/a.key\n")));
    assert_non_null(strstr(printed, "tls_verify = yes\n"));
    assert_null(strstr(printed, "PRIVATE KEY"));
    good(state, printed);
    free(printed);
}

static void keys_without_tls_are_faults(void **state)
{
    faults(state, with_dir(MINIMAL "tls_ca_file = DIR/ca.pem\n"),
           "3: tls_ca_file needs tls = yes\n");
    faults(state, MINIMAL "tls = yes\ntls_server_name = a, b\n",
           "4: tls_server_name must be a name without a port, got a, b\n");
    faults(state, MINIMAL "tls = no\ntls_server_name = a\n",
           "4: tls_server_name needs tls = yes\n");
}

static void a_unix_socket_has_no_tls(void **state)
{
    faults(state, "[redis:a]\naddress = unix:/x\ntls = yes\n",
           "3: tls = yes: there is no TLS on a UNIX socket\n");
    faults(state, "[defaults]\ntls = yes\n[redis:a]\naddress = unix:/x\n",
           "2: tls = yes: there is no TLS on a UNIX socket\n");
}

static void certificate_and_key_need_each_other(void **state)
{
    faults(state, with_dir(MINIMAL "tls = yes\ntls_cert_file = DIR/a.pem\n"),
           "4: tls_cert_file and tls_key_file need each other\n");
    faults(state, with_dir(MINIMAL "tls = yes\ntls_key_file = DIR/a.key\n"),
           "4: tls_cert_file and tls_key_file need each other\n");
}

static void files_that_are_no_good_are_told_with_their_line(void **state)
{
    faults(state,
           with_dir(MINIMAL "tls = yes\ntls_cert_file = DIR/a.pem\n"
                            "tls_key_file = DIR/b.key\n"),
           with_dir("5: tls_key_file: DIR/b.key: does not fit the certificate "
                    "of tls_cert_file\n"));
    faults(state,
           with_dir(MINIMAL "tls = yes\ntls_cert_file = DIR/locked.pem\n"
                            "tls_key_file = DIR/locked.key\n"),
           with_dir("5: tls_key_file: DIR/locked.key: is encrypted: there is "
                    "nobody to ask for its passphrase\n"));
    faults(state,
           with_dir(MINIMAL "tls = yes\ntls_cert_file = DIR/a.pem\n"
                            "tls_key_file = DIR/a.pem\n"),
           with_dir("5: tls_key_file: DIR/a.pem: mode 0644 lets others read it "
                    "(chmod o-rwx)\n"));
    faults(
        state,
        with_dir("[defaults]\ntls_ca_file = DIR/none\n" MINIMAL "tls = yes\n"),
        with_dir("2: tls_ca_file: DIR/none: cannot open: No such file or "
                 "directory\n"));
}

static void a_command_that_only_looks_needs_no_key(void **state)
{
    struct place *p = *state;
    const char *text = with_dir(MINIMAL "tls = yes\ntls_cert_file = DIR/none\n"
                                        "tls_key_file = DIR/none\n");
    struct config_faults none;
    write_file(p->file, text, strlen(text));
    struct config *c = config_load_to_look(p->file, false, &none);
    assert_non_null(c);
    assert_null(c->instances[0]->tls_context);
    config_free(c);
    config_faults_free(&none);
}

#define T(f) cmocka_unit_test_setup_teardown(f, place_set_up, place_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(tls_is_off_unless_it_is_asked_for),
        T(one_line_is_enough),
        T(instances_with_the_same_settings_share_a_context),
        T(all_of_it_is_printed_and_loads_again),
        T(keys_without_tls_are_faults),
        T(a_unix_socket_has_no_tls),
        T(certificate_and_key_need_each_other),
        T(files_that_are_no_good_are_told_with_their_line),
        T(a_command_that_only_looks_needs_no_key),
    };
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
