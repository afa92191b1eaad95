/*
 * Configurations of several files: which are read, in which order, and what
 * is said of their faults.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "config_place.h"

#define INCLUDE "[agent]\ninclude = conf.d/*.ini\n"

static char folder[SCRATCH_SIZE + 16];

static int set_up(void **state)
{
    const struct place *p;

    place_set_up(state);
    p = *state;
    snprintf(folder, sizeof folder, "%s/conf.d", p->dir);
    assert_int_equal(mkdir(folder, 0755), 0);
    return 0;
}

static int tear_down(void **state)
{
    DIR *d = opendir(folder);
    const struct dirent *entry;

    while ((entry = readdir(d)))
        unlinkat(dirfd(d), entry->d_name, 0);
    closedir(d);
    rmdir(folder);
    return place_tear_down(state);
}

static char *path_of(const char *name)
{
    static char path[sizeof folder + 64];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void put(const char *name, const char *text)
{
    write_file(path_of(name), text, strlen(text));
}

/* All faults, without the folder of the test wherever it is named. */
static void expect_said(const struct place *p, const char *wanted)
{
    static char got[16384];
    size_t len = strlen(p->dir) + 1;
    char *at;

    got[0] = '\0';
    for (size_t i = 0; i < p->faults.count; i++) {
        strcat(got, p->faults.lines[i]);
        strcat(got, "\n");
    }
    while ((at = strstr(got, p->dir)))
        memmove(at, at + len, strlen(at + len) + 1);
    assert_string_equal(got, wanted);
}

static void said(void **state, const char *text, const char *wanted)
{
    load(*state, text);
    expect_said(*state, wanted);
}

static void included_files_are_read_in_byte_order_after_the_main_one(
    void **state)
{
    static const char *const NAMES[] = { "m", "B", "a", "c1", "c2" };
    struct config *c;

    put("b.ini", "[redis:c1]\naddress = h:1\n[redis:c2]\naddress = h:1\n");
    put("a.ini", "[redis:a]\naddress = h:1\n");
    put("B.ini", "[redis:B]\naddress = h:1\n");
    put("c.txt", "nonsense");
    put(".d.ini", "nonsense");
    c = good(state, INCLUDE "[redis:m]\naddress = h:1\n");
    assert_int_equal(c->ninstances, 5);
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(c->instances[i]->name, NAMES[i]);
    assert_int_equal(c->nfiles, 4);
    assert_string_equal(c->files[0].path, ((struct place *)*state)->file);
    assert_string_equal(c->files[1].path, path_of("B.ini"));
}

static void the_include_may_stand_after_other_sections(void **state)
{
    put("a.ini", "[defaults]\nrise = 7\n[zookeeper]\nservers = h:1\n");
    assert_int_equal(good(state, MINIMAL INCLUDE)->instances[0]->rise, 7);
    assert_true(((struct place *)*state)->config->zookeeper.enabled);
}

static void a_pattern_may_be_absolute_or_one_name(void **state)
{
    char text[256];

    put("a.ini", MINIMAL);
    snprintf(text, sizeof text, "[agent]\ninclude = %s/?.ini\n", folder);
    assert_int_equal(good(state, text)->ninstances, 1);
    assert_int_equal(
        good(state, "[agent]\ninclude = conf.d/a.ini\n")->ninstances, 1);
}

static void a_folder_without_files_adds_nothing(void **state)
{
    assert_int_equal(good(state, INCLUDE MINIMAL)->nfiles, 1);
    assert_int_equal(
        good(state, "[agent]\ninclude = no/*.ini\n" MINIMAL)->nfiles, 1);
}

static void a_name_that_is_not_there_is_a_fault(void **state)
{
    said(state, "[agent]\ninclude = conf.d/x.ini\n" MINIMAL,
         "c.ini:2: include: conf.d/x.ini: names no file\n");
}

static void the_main_file_does_not_include_itself(void **state)
{
    assert_int_equal(good(state, "[agent]\ninclude = *.ini\n" MINIMAL)->nfiles,
                     1);
}

/* What is a wildcard in the pattern is a letter in the folder's name. */
static void the_folder_of_the_main_file_is_no_pattern(void **state)
{
    struct place *p = *state;
    char dir[sizeof p->dir + 16], main[sizeof dir + 16], more[sizeof dir + 16];

    snprintf(dir, sizeof dir, "%s/[x]*\\", p->dir);
    snprintf(main, sizeof main, "%s/c.ini", dir);
    snprintf(more, sizeof more, "%s/a.inc", dir);
    assert_int_equal(mkdir(dir, 0755), 0);
    write_file(main, "[agent]\ninclude = *.inc\n", 24);
    write_file(more, MINIMAL, strlen(MINIMAL));
    load_file(p, main);
    unlink(main);
    unlink(more);
    rmdir(dir);
    assert_non_null(p->config);
    assert_int_equal(p->config->nfiles, 2);
}

static void a_section_in_two_files_names_both_places(void **state)
{
    put("a.ini", "[redis:a]\naddress = h:2\n[zookeeper]\nservers = h:1\n");
    put("b.ini", "\n[zookeeper]\n[agent]\n[defaults]\n[defaults]\n");
    said(state, INCLUDE MINIMAL,
         "conf.d/a.ini:1: duplicate section [redis:a], first at c.ini:3\n"
         "conf.d/a.ini:2: duplicate key address in [redis:a], first at "
         "c.ini:4\n"
         "conf.d/b.ini:2: duplicate section [zookeeper], first at "
         "conf.d/a.ini:3\n"
         "conf.d/b.ini:3: duplicate section [agent], first at c.ini:1\n"
         "conf.d/b.ini:5: duplicate section [defaults], first at line 4\n");
}

static void only_the_main_file_includes(void **state)
{
    put("a.ini", "[agent]\ninclude = x/*\nid = x\n");
    said(state, INCLUDE MINIMAL,
         "conf.d/a.ini:1: duplicate section [agent], first at c.ini:1\n"
         "conf.d/a.ini:2: include belongs in the main file\n");
}

static void faults_of_all_files_are_told_in_the_order_of_reading(void **state)
{
    put("b.ini", "\xef\xbb\xbf[redis:b]\nrise = 0\n");
    put("a.ini", "rise = 1\n[redis:q]\naddress = ?\n[redis:q");
    mkfifo(path_of("c.ini"), 0600);
    assert_int_equal(symlink("nowhere", path_of("d.ini")), 0);
    assert_int_equal(symlink("/", path_of("e.ini")), 0);
    said(state, "[redis:m]\n" INCLUDE "fall = 0\n",
         "c.ini:1: [redis:m] has no address\n"
         "c.ini:4: fall must be 1..100, got 0\n"
         "conf.d/a.ini:1: key rise before any section\n"
         "conf.d/a.ini:3: address must be host:port, [v6]:port or unix:/path, "
         "got ?\n"
         "conf.d/a.ini:4: no ] after [redis:q\n"
         "conf.d/b.ini:1: [redis:b] has no address\n"
         "conf.d/b.ini:2: rise must be 1..100, got 0\n"
         "conf.d/c.ini: cannot read: a FIFO\n"
         "conf.d/d.ini: cannot open: No such file or directory\n"
         "conf.d/e.ini: cannot read: Is a directory\n");
}

static void without_an_instance_in_any_file_the_main_one_is_at_fault(
    void **state)
{
    put("a.ini", "[defaults]\n");
    said(state, INCLUDE, "c.ini: no [redis:NAME] section\n");
}

/* Sparse, so that they take neither time nor room. */
static void files_that_are_too_big_are_faults(void **state)
{
    put("a.ini", "");
    put("b.ini", "[redis:b]\naddress = h:1\n");
    assert_int_equal(truncate(path_of("a.ini"), (64 << 20) + 1), 0);
    said(state, INCLUDE MINIMAL,
         "conf.d/a.ini: cannot read: larger than 67108864 bytes\n");
    assert_int_equal(truncate(path_of("a.ini"), (64 << 20) - 8), 0);
    load(*state, INCLUDE MINIMAL);
    assert_non_null(strstr(((struct place *)*state)->faults.lines[0],
                           "all files together hold more than 67108864"));
}

static void what_was_included_is_printed_as_one_file(void **state)
{
    char *printed;

    put("a.ini", "[redis:b]\naddress = h:2\n");
    printed = print_config(good(state, INCLUDE MINIMAL));
    assert_non_null(strstr(printed, "\n; include = conf.d/*.ini\n"));
    assert_int_equal(good(state, printed)->ninstances, 2);
    assert_int_equal(((struct place *)*state)->config->nfiles, 1);
    free(printed);
}

static void a_file_with_a_password_that_others_can_read_is_exposed(void **state)
{
    struct place *p = *state;

    put("a.ini", "[redis:b]\naddress = h:2\npassword = x\n");
    put("b.ini", "[redis:c]\naddress = h:2\n");
    chmod(path_of("a.ini"), 0644);
    chmod(path_of("b.ini"), 0644);
    good(state, INCLUDE MINIMAL "password = y\n");
    assert_false(p->config->files[0].exposed);
    assert_true(p->config->files[1].exposed);
    assert_int_equal(p->config->files[1].mode, 0644);
    assert_false(p->config->files[2].exposed);
    chmod(path_of("a.ini"), 0640);
    good(state, INCLUDE MINIMAL);
    assert_false(p->config->files[1].exposed);
}

/* `log` and `user` may stand in it. */
static void a_file_that_others_can_write_is_refused(void **state)
{
    struct place *p = *state;

    put("a.ini", "[redis:b]\naddress = h:2\n");
    chmod(path_of("a.ini"), 0646);
    load(p, INCLUDE MINIMAL);
    assert_int_equal(p->faults.count, 1);
    assert_non_null(
        strstr(p->faults.lines[0],
               "a.ini: mode 0646 lets others write it (chmod o-w)"));
    chmod(path_of("a.ini"), 0664);
    good(state, INCLUDE MINIMAL);
    chmod(p->file, 0602);
    load_file(p, p->file);
    expect_faults(p, " mode 0602 lets others write it (chmod o-w)\n");
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(included_files_are_read_in_byte_order_after_the_main_one),
        T(the_include_may_stand_after_other_sections),
        T(a_pattern_may_be_absolute_or_one_name),
        T(a_folder_without_files_adds_nothing),
        T(a_name_that_is_not_there_is_a_fault),
        T(the_main_file_does_not_include_itself),
        T(the_folder_of_the_main_file_is_no_pattern),
        T(a_section_in_two_files_names_both_places),
        T(only_the_main_file_includes),
        T(faults_of_all_files_are_told_in_the_order_of_reading),
        T(without_an_instance_in_any_file_the_main_one_is_at_fault),
        T(files_that_are_too_big_are_faults),
        T(what_was_included_is_printed_as_one_file),
        T(a_file_with_a_password_that_others_can_read_is_exposed),
        T(a_file_that_others_can_write_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
