/*
 * The session's file: what is read back, what is refused, what a crash in the
 * middle leaves, and who may have it at all.  Every test has a folder of its
 * own; what needs another process, or the death of one, is forked.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/session_file.h"

#include "children.h"
#include "scratch.h"

#define SCOPE "root=/sentinel-agent presence=yes"

static const struct session_id ID = { .session = -0x123456789abcdef,
                                      .password = "\0\377abcdefghijklm" };
/* A part of its password, as it stands in the file. */
#define PASSWORD_HEX "616263646566"
static const struct session_id OTHER = { .session = 7,
                                         .password = "0123456789abcde" };

static const char *const NAMES[] = { "web-1.session", "web-1.session.new",
                                     "web-1.lock", "elsewhere" };
static char dir[SCRATCH_SIZE];
static char paths[4][SCRATCH_SIZE + 32];
static const char *const file = paths[0];
static const char *const temp = paths[1];
static const char *const lock = paths[2];
static const char *const elsewhere = paths[3];

static int make_dir(void **state)
{
    (void)state;
    scratch_dir(dir);
    for (size_t i = 0; i < 4; i++)
        snprintf(paths[i], sizeof paths[i], "%s/%s", dir, NAMES[i]);
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    chmod(dir, 0700);
    for (size_t i = 0; i < 4; i++)
        if (unlink(paths[i]) != 0)
            rmdir(paths[i]);
    return rmdir(dir);
}

static struct session_file *open_scope(const char *scope)
{
    struct err e = { "" };
    struct session_file *f = session_file_open(dir, "web-1", scope, &e);

    if (f == NULL)
        fail_msg("%s", e.text);
    return f;
}

static struct session_file *open_file(void)
{
    return open_scope(SCOPE);
}

static void save(struct session_file *f, const struct session_id *id)
{
    struct err e = { "" };

    if (session_file_save(f, id, &e) != 0)
        fail_msg("%s", e.text);
}

/* A later process reads ID. */
static void assert_holds(const struct session_id *id)
{
    struct session_file *f = open_file();
    struct session_id got;
    struct err why = { "" };

    assert_int_equal(session_file_load(f, &got, &why), SESSION_LOADED);
    assert_memory_equal(&got, id, sizeof got);
    session_file_close(f);
}

static void save_and_close(const struct session_id *id)
{
    struct session_file *f = open_file();

    save(f, id);
    session_file_close(f);
}

/* The file is refused with WORDS, and then there is none. */
static void assert_refused(const char *words)
{
    struct session_file *f = open_file();
    struct session_id got = ID;
    struct session_id nothing = { 0 };
    struct err why = { "" };

    assert_int_equal(session_file_load(f, &got, &why), SESSION_REFUSED);
    assert_null(strstr(why.text, PASSWORD_HEX));
    if (strstr(why.text, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", why.text, words);
    assert_memory_equal(&got, &nothing, sizeof got);
    assert_int_equal(session_file_load(f, &got, &why), SESSION_NONE);
    session_file_close(f);
}

static void write_text(const char *path, const char *text, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), len);
    close(fd);
}

static size_t read_text(char *out, size_t size)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    ssize_t n = read(fd, out, size);

    assert_true(n > 0);
    close(fd);
    return (size_t)n;
}

static void what_is_saved_is_loaded_by_the_next_process(void **state)
{
    struct session_file *f = open_file();
    struct session_id got;
    struct err why;
    struct stat st;

    (void)state;
    assert_int_equal(session_file_load(f, &got, &why), SESSION_NONE);
    save(f, &OTHER);
    save(f, &ID);
    session_file_close(f);
    assert_holds(&ID);
    assert_int_equal(stat(file, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_string_equal(session_file_path(f = open_file()), file);
    session_file_drop(f);
    session_file_drop(f);
    assert_int_equal(session_file_load(f, &got, &why), SESSION_NONE);
    session_file_close(f);
}

static void the_mode_is_0600_whatever_the_umask(void **state)
{
    mode_t before = umask(0277);
    struct stat st;

    (void)state;
    save_and_close(&ID);
    umask(before);
    assert_int_equal(stat(file, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
}

static void the_file_is_replaced_and_never_written_in_place(void **state)
{
    struct session_file *f = open_file();
    char before[1024];
    char after[1024];
    size_t len;
    int fd;

    (void)state;
    save(f, &ID);
    len = read_text(before, sizeof before);
    fd = open(file, O_RDONLY | O_CLOEXEC);
    save(f, &OTHER);
    assert_int_equal(read(fd, after, sizeof after), len);
    assert_memory_equal(before, after, len);
    close(fd);
    session_file_close(f);
    assert_holds(&OTHER);
}

/* The kernel lets ten bytes through; then the process dies, or is told. */
static void save_ten_bytes(bool die)
{
    struct rlimit ten = { .rlim_cur = 10, .rlim_max = 10 };
    struct session_file *f = open_file();
    struct err e = { "" };

    signal(SIGXFSZ, die ? SIG_DFL : SIG_IGN);
    setrlimit(RLIMIT_CORE, &(struct rlimit){ 0 });
    setrlimit(RLIMIT_FSIZE, &ten);
    if (session_file_save(f, &OTHER, &e) != -1 ||
        strstr(e.text, "web-1.session: write: ") == NULL)
        _exit(1);
    _exit(0);
}

static void a_crash_in_the_middle_leaves_the_old_file(void **state)
{
    struct stat st;
    int status;
    pid_t pid;

    (void)state;
    save_and_close(&ID);
    pid = fork_child();
    if (pid == 0)
        save_ten_bytes(true);
    status = wait_for(pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGXFSZ);
    assert_int_equal(stat(temp, &st), 0);
    assert_int_equal(st.st_size, 10);
    assert_holds(&ID);
    save_and_close(&OTHER);
    assert_holds(&OTHER);
    assert_int_equal(access(temp, F_OK), -1);
}

static void a_disk_that_is_full_leaves_the_old_file_and_no_other(void **state)
{
    pid_t pid;

    (void)state;
    save_and_close(&ID);
    pid = fork_child();
    if (pid == 0)
        save_ten_bytes(false);
    assert_int_equal(exit_code(pid), 0);
    assert_int_equal(access(temp, F_OK), -1);
    assert_holds(&ID);
}

static void every_garbled_file_is_refused_and_removed(void **state)
{
    char good[1024];
    char bad[4096];
    size_t len;

    (void)state;
    save_and_close(&ID);
    len = read_text(good, sizeof good);
    for (size_t cut = 0; cut < len; cut++) {
        write_text(file, good, cut);
        assert_refused("");
    }
    /* Any other digit is another session, which ZooKeeper does not know. */
    for (size_t i = 0; i < len; i++) {
        memcpy(bad, good, len);
        bad[i] = '~';
        write_text(file, bad, len);
        assert_refused("");
    }
    /* All of it in the place of the scope, which is told. */
    memcpy(bad, good, len);
    bad[len] = '\0';
    for (char *at = strchr(bad, '\n') + 1; (at = strchr(at, '\n')) != NULL;)
        *at = ' ';
    write_text(file, bad, len);
    assert_refused("garbled");
    memcpy(bad, good, len);
    memset(bad + len, '\n', sizeof bad - len);
    write_text(file, bad, len + 1);
    assert_refused("garbled");
    write_text(file, bad, sizeof bad);
    assert_refused("too long");
    write_text(file, "", 0);
    assert_refused("no session file");
    save_and_close(&(struct session_id){ .password = "x" });
    assert_refused("garbled");
}

static void a_file_of_another_scope_is_refused_and_says_which(void **state)
{
    struct session_file *f = open_scope("root=/sentinel-agent presence=ye");

    (void)state;
    save(f, &ID);
    session_file_close(f);
    assert_refused("another scope: root=/sentinel-agent presence=ye");
    f = open_scope(SCOPE "s");
    save(f, &ID);
    session_file_close(f);
    assert_refused("presence=yess");
}

static void a_file_that_is_open_to_others_is_refused(void **state)
{
    static const mode_t MODES[] = { 0640, 0604, 0620, 0602, 0601, 0666 };
    char words[32];

    (void)state;
    for (size_t i = 0; i < sizeof MODES / sizeof MODES[0]; i++) {
        save_and_close(&ID);
        assert_int_equal(chmod(file, MODES[i]), 0);
        snprintf(words, sizeof words, "mode %04o", (unsigned)MODES[i]);
        assert_refused(words);
    }
}

static void a_symbolic_link_is_not_followed(void **state)
{
    struct stat st;

    (void)state;
    save_and_close(&ID);
    assert_int_equal(rename(file, elsewhere), 0);
    assert_int_equal(symlink("elsewhere", file), 0);
    assert_refused("open: ");
    assert_int_equal(lstat(file, &st), -1);
    /* Nor when it is in the way of what is written. */
    assert_int_equal(unlink(elsewhere), 0);
    assert_int_equal(symlink("elsewhere", file), 0);
    assert_int_equal(symlink("elsewhere", temp), 0);
    save_and_close(&ID);
    assert_int_equal(access(elsewhere, F_OK), -1);
    assert_holds(&ID);
}

static void what_is_no_regular_file_is_refused_without_waiting(void **state)
{
    (void)state;
    assert_int_equal(mkfifo(file, 0600), 0);
    assert_refused("no regular file");
}

static void a_folder_in_its_place_is_said_and_survived(void **state)
{
    struct session_file *f = open_file();
    struct session_id got;
    struct err e = { "" };

    (void)state;
    assert_int_equal(mkdir(file, 0700), 0);
    assert_int_equal(session_file_load(f, &got, &e), SESSION_REFUSED);
    assert_int_equal(session_file_save(f, &ID, &e), -1);
    assert_non_null(strstr(e.text, "web-1.session: rename: "));
    session_file_close(f);
}

static void a_file_of_somebody_else_is_refused(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    save_and_close(&ID);
    assert_int_equal(chown(file, 65534, (gid_t)-1), 0);
    assert_refused("belongs to uid 65534");
}

static void a_folder_that_cannot_be_written_is_an_error_at_the_start(
    void **state)
{
    struct err e = { "" };
    pid_t pid;

    (void)state;
    assert_null(session_file_open("/no/such/folder", "web-1", SCOPE, &e));
    assert_non_null(strstr(e.text, "/no/such/folder"));
    assert_non_null(strstr(e.text, strerror(ENOENT)));
    /* Nothing can be made there, whoever asks. */
    assert_null(session_file_open("/proc/self", "web-1", SCOPE, &e));
    assert_non_null(strstr(e.text, "/proc/self"));
    /* As a user: the lock is there already, and can be had. */
    write_text(lock, "", 0);
    assert_int_equal(chmod(dir, 0500), 0);
    if (geteuid() == 0) {
        assert_int_equal(chown(dir, 65534, 65534), 0);
        assert_int_equal(chown(lock, 65534, 65534), 0);
    }
    pid = fork_child();
    if (pid == 0) {
        if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
            _exit(2);
        if (session_file_open(dir, "web-1", SCOPE, &e) != NULL)
            _exit(3);
        _exit(strstr(e.text, dir) == NULL ||
              strstr(e.text, strerror(EACCES)) == NULL);
    }
    assert_int_equal(exit_code(pid), 0);
}

static void a_second_process_is_refused_until_the_first_is_dead(void **state)
{
    struct err e = { "" };
    char words[64];
    char ready[8];
    int told[2];
    int hold[2];
    pid_t pid;

    (void)state;
    make_pipe(told);
    make_pipe(hold);
    pid = fork_child();
    if (pid == 0) {
        close(hold[1]);
        session_file_leave(open_file());
        close(told[0]);
        close(told[1]);
        hold_on(hold[0]);
        _exit(0);
    }
    close(told[1]);
    read_all(told[0], ready, sizeof ready);
    assert_null(session_file_open(dir, "web-1", SCOPE, &e));
    snprintf(words, sizeof words, "web-1.lock: already running (pid %ld)",
             (long)pid);
    assert_non_null(strstr(e.text, words));
    /* Another agent's session is no concern of the first one's. */
    session_file_close(session_file_open(dir, "elsewhere", SCOPE, &e));
    assert_int_equal(kill(pid, SIGKILL), 0);
    wait_for(pid);
    session_file_close(open_file());
    assert_int_equal(access(lock, F_OK), -1);
    close(told[0]);
    close(hold[0]);
    close(hold[1]);
}

static void no_descriptor_stays_open_or_passes_an_exec(void **state)
{
    size_t before = scratch_entries("/proc/self/fd");
    struct session_file *f = open_file();
    struct session_id got;
    struct err why;
    size_t held = 0;

    (void)state;
    save(f, &ID);
    assert_int_equal(session_file_load(f, &got, &why), SESSION_LOADED);
    /* The lock. */
    assert_int_equal(scratch_entries("/proc/self/fd"), before + 1);
    for (int fd = 3; fd < 1024; fd++) {
        int flags = fcntl(fd, F_GETFD);
        struct stat st;
        struct stat ours;

        if (flags < 0 || fstat(fd, &st) != 0 || stat(lock, &ours) != 0 ||
            st.st_ino != ours.st_ino)
            continue;
        assert_true(flags & FD_CLOEXEC);
        held++;
    }
    assert_int_equal(held, 1);
    session_file_close(f);
    session_file_close(NULL);
    assert_int_equal(scratch_entries("/proc/self/fd"), before);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_saved_is_loaded_by_the_next_process),
        TEST(the_mode_is_0600_whatever_the_umask),
        TEST(the_file_is_replaced_and_never_written_in_place),
        TEST(a_crash_in_the_middle_leaves_the_old_file),
        TEST(a_disk_that_is_full_leaves_the_old_file_and_no_other),
        TEST(every_garbled_file_is_refused_and_removed),
        TEST(a_file_of_another_scope_is_refused_and_says_which),
        TEST(a_file_that_is_open_to_others_is_refused),
        TEST(a_symbolic_link_is_not_followed),
        TEST(what_is_no_regular_file_is_refused_without_waiting),
        TEST(a_folder_in_its_place_is_said_and_survived),
        TEST(a_file_of_somebody_else_is_refused),
        TEST(a_folder_that_cannot_be_written_is_an_error_at_the_start),
        TEST(a_second_process_is_refused_until_the_first_is_dead),
        TEST(no_descriptor_stays_open_or_passes_an_exec),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
