/*
 * The session over the end of the process: resumed where a server still knows
 * it, and given up for a new one where it does not.  A process that keeps its
 * session has to end, so those are this program run again, in the role of a
 * child that reports what it found.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/session_file.h"

#include "must.h"
#include "scratch.h"
#include "store_bench.h"
#include "wrapped_zookeeper.h"

#define NODE "/e"

static const struct session_id NEVER_KNOWN = { .session = 0x7eadbeef,
                                               .password = "fifteen letters" };

static char dir[SCRATCH_SIZE];
static char file[SCRATCH_SIZE + 16];
static char lock[SCRATCH_SIZE + 16];

static int make_dir(void **state)
{
    (void)state;
    scratch_dir(dir);
    snprintf(file, sizeof file, "%s/a.session", dir);
    snprintf(lock, sizeof lock, "%s/a.lock", dir);
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    unlink(file);
    unlink(lock);
    return rmdir(dir);
}

static struct session_file *open_file(void)
{
    struct err e = { "" };
    struct session_file *f = session_file_open(dir, "a", "tests", &e);

    if (f == NULL)
        fprintf(stderr, "%s\n", e.text);
    MUST(f != NULL);
    return f;
}

static struct bench_store *open_kept(uint16_t port)
{
    struct config_server at = { .host = (char[]){ "127.0.0.1" }, .port = port };
    struct store_zk_options o = { .servers = &at,
                                  .nservers = 1,
                                  .session_timeout_ms = SESSION_MS,
                                  .acl = CONFIG_ACL_OPEN,
                                  .session_file = open_file() };

    return new_store(&o);
}

/* ------------------------------------------------------------- the child */

enum child_end { CHILD_STOPS, CHILD_CRASHES };

struct report {
    int64_t session;
    uint64_t sessions;
    bool resumed;
    bool found; /* the ephemeral node was there */
    int64_t owner;
    enum store_end end;
};

/* ARGV: this program, folder, port, end. */
static int child(char **argv)
{
    struct report r = { .end = STORE_LEFT };
    struct bench_store *w;

    snprintf(dir, sizeof dir, "%s", argv[1]);
    w = open_kept((uint16_t)atoi(argv[2]));
    await_connected(w);
    r.found = get(w, NODE) == STORE_OK;
    r.owner = w->reply.owner;
    r.session = status(w).session;
    if (!r.found || r.owner != r.session)
        put_new(w, NODE, true);
    r.sessions = status(w).sessions;
    r.resumed = status(w).resumed;
    if (atoi(argv[3]) == CHILD_STOPS)
        r.end = close_store(w, PATIENCE_MS);
    MUST(write(STDOUT_FILENO, &r, sizeof r) == sizeof r);
    _exit(0);
}

static void exec_child(int out, enum child_end end)
{
    /* By its name: under valgrind the link would be valgrind's. */
    char self[512] = "";
    char port[8];
    char how[8];
    sigset_t none;

    MUST(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    snprintf(port, sizeof port, "%u", real_zookeeper_port(server));
    snprintf(how, sizeof how, "%d", end);
    dup2(out, STDOUT_FILENO);
    execl(self, self, dir, port, how, (char *)NULL);
    _exit(127);
}

static struct report run_child(enum child_end end)
{
    struct report r;
    int ends[2];
    int how;
    pid_t pid;

    assert_int_equal(pipe(ends), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        exec_child(ends[1], end);
    close(ends[1]);
    assert_int_equal(read(ends[0], &r, sizeof r), sizeof r);
    assert_int_equal(waitpid(pid, &how, 0), pid);
    assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 0);
    close(ends[0]);
    return r;
}

/* ------------------------------------------------------------- the parent */

/* A session that is kept keeps its threads, until the process ends. */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "report_thread_leaks=0";
}

static struct session_id saved(void)
{
    struct session_file *f = open_file();
    struct session_id id;
    struct err why;

    assert_int_equal(session_file_load(f, &id, &why), SESSION_LOADED);
    session_file_close(f);
    return id;
}

static void save(const struct session_id *id)
{
    struct session_file *f = open_file();
    struct err e;

    assert_int_equal(session_file_save(f, id, &e), 0);
    session_file_close(f);
}

static void end_session(const struct session_id *id)
{
    AWAIT_BY(await_nap(),
             real_zookeeper_expire(server, id->session, id->password));
}

static void forget_session(void)
{
    struct session_id id = saved();

    end_session(&id);
}

/* Its threads then have nothing to keep alive. */
static void keep_and_expire(struct bench_store *w)
{
    assert_int_equal(close_store(w, 0), STORE_KEPT);
    free_store(w);
    /* This process still has the lock. */
    for (clientid_t id = wrapped_zookeeper_id();
         !real_zookeeper_expire(server, id.client_id, id.passwd);)
        await_nap();
}

static void assert_resumed(const struct report *r, int64_t session)
{
    assert_true(r->session == session);
    assert_true(r->resumed && r->found);
    assert_true(r->owner == session);
    assert_int_equal(r->sessions, 1);
}

static void a_stop_keeps_the_session_and_the_next_process_resumes_it(
    void **state)
{
    struct bench_store *reader = open_store();
    struct report first = run_child(CHILD_STOPS);
    struct report next;

    (void)state;
    assert_int_equal(first.end, STORE_KEPT);
    assert_false(first.resumed || first.found);
    assert_true(saved().session == first.session);
    await_connected(reader);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(get(reader, NODE), STORE_OK);
        assert_true(reader->reply.owner == first.session);
        next = run_child(CHILD_STOPS);
        assert_resumed(&next, first.session);
    }
    forget_session();
    finish_store(reader);
}

static void so_does_a_crash(void **state)
{
    struct report first = run_child(CHILD_CRASHES);
    struct report next = run_child(CHILD_CRASHES);

    (void)state;
    assert_resumed(&next, first.session);
    forget_session();
}

/* And what the file held is not tried again. */
static void assert_begun_anew(const struct report *r, int64_t before)
{
    struct report next = run_child(CHILD_STOPS);

    assert_false(r->resumed);
    assert_int_equal(r->sessions, 1);
    assert_true(r->session != before);
    assert_resumed(&next, r->session);
    assert_true(saved().session == r->session);
    forget_session();
}

static void an_id_that_no_server_knows_is_followed_by_a_new_session(
    void **state)
{
    struct report r;

    (void)state;
    save(&NEVER_KNOWN);
    r = run_child(CHILD_STOPS);
    assert_begun_anew(&r, NEVER_KNOWN.session);
}

static void a_wrong_password_is_followed_by_a_new_session(void **state)
{
    struct report first = run_child(CHILD_STOPS);
    struct session_id good = saved();
    struct session_id wrong = good;
    struct report r;

    (void)state;
    wrong.password[7] ^= 1;
    save(&wrong);
    r = run_child(CHILD_STOPS);
    /* The old session is none the worse for it. */
    assert_true(r.found && r.owner == first.session);
    end_session(&good);
    assert_begun_anew(&r, first.session);
}

static void an_expired_session_is_followed_by_a_new_one(void **state)
{
    struct report first = run_child(CHILD_STOPS);
    struct report r;

    (void)state;
    forget_session();
    r = run_child(CHILD_STOPS);
    assert_false(r.found);
    assert_begun_anew(&r, first.session);
}

static void expiry_in_operation_replaces_the_file_and_does_not_wait(
    void **state)
{
    struct bench_store *w = open_kept(real_zookeeper_port(server));
    clientid_t first;

    (void)state;
    await_connected(w);
    first = wrapped_zookeeper_id();
    AWAIT_BY(await_nap(),
             real_zookeeper_expire(server, first.client_id, first.passwd));
    while (status(w).sessions == 1) {
        turn(w);
        assert_int_not_equal(status(w).state, STORE_OFFLINE);
    }
    assert_false(status(w).resumed);
    keep_and_expire(w);
    assert_true(wrapped_zookeeper_id().client_id != first.client_id);
}

static void an_id_that_nobody_answers_is_given_up_in_the_end(void **state)
{
    struct bench_store *w;

    (void)state;
    save(&NEVER_KNOWN);
    w = open_kept(real_zookeeper_port(server));
    real_zookeeper_signal(server, SIGSTOP);
    turn(w);
    w->ahead_ms = 2 * SESSION_MS + 1000;
    AWAIT(w, access(file, F_OK) != 0);
    real_zookeeper_signal(server, SIGCONT);
    await_connected(w);
    assert_int_equal(status(w).sessions, 1);
    assert_false(status(w).resumed);
    keep_and_expire(w);
}

static void a_session_that_cannot_be_saved_is_used_and_saved_at_the_end(
    void **state)
{
    struct bench_store *w = open_kept(real_zookeeper_port(server));

    (void)state;
    assert_int_equal(unlink(lock), 0);
    assert_int_equal(rmdir(dir), 0);
    await_connected(w);
    assert_int_equal(get(w, "/"), STORE_OK);
    assert_int_equal(access(file, F_OK), -1);
    assert_int_equal(mkdir(dir, 0700), 0);
    keep_and_expire(w);
    assert_true(saved().session == wrapped_zookeeper_id().client_id);
}

static void without_any_session_a_close_gives_the_lock_back(void **state)
{
    int fd;
    uint16_t nobody = (uint16_t)scratch_port(&fd);
    struct bench_store *w = open_kept(nobody);

    (void)state;
    turn(w);
    finish_store(w);
    assert_int_equal(access(lock, F_OK), -1);
    close(fd);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(a_stop_keeps_the_session_and_the_next_process_resumes_it),
        TEST(so_does_a_crash),
        TEST(an_id_that_no_server_knows_is_followed_by_a_new_session),
        TEST(a_wrong_password_is_followed_by_a_new_session),
        TEST(an_expired_session_is_followed_by_a_new_one),
        TEST(expiry_in_operation_replaces_the_file_and_does_not_wait),
        TEST(an_id_that_nobody_answers_is_given_up_in_the_end),
        TEST(a_session_that_cannot_be_saved_is_used_and_saved_at_the_end),
        TEST(without_any_session_a_close_gives_the_lock_back),
    };

    if (argc == 4)
        return child(argv);
    return cmocka_run_group_tests(tests, start_server, stop_server);
}
