/*
 * The supervisor sleeps in sigtimedwait with its signals blocked: no handler
 * races with anything, and no signal is lost between two looks.  A child is
 * reaped by this process alone, so its pid is never another's when a signal
 * is passed on.
 *
 * A child tells it two things (that it is ready, how long a stop may take)
 * through memory that both share, so that the supervisor never waits to read
 * them.  A child learns from the supervisor what it inherits in the fork.
 *
 * It logs nothing: how a child ended is told by the next one.  Only the end
 * of a child that has no next goes to syslog.
 */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/clock.h"
#include "agent/daemon.h"
#include "agent/thread.h"

#include "agent/supervisor.h"

#define BACKOFF_FIRST_MS 200
#define BACKOFF_MAX_MS   30000

/* A child that lived this long resets the back-off. */
#define STEADY_MS 60000

/* A child that is asked to stop ends by itself, unless it does not run. */
#define STOP_GRACE_MS 2000

/* Between two SIGKILLs to a child that the kernel does not let go. */
#define KILL_AGAIN_MS 1000

/* Shared with the children. */
struct shared {
    atomic_bool ready;
    atomic_bool told;
    atomic_uint stop_ms;
};

static struct {
    struct shared *shared;
    sigset_t signals;
    pid_t pid;   /* of the supervisor */
    pid_t child; /* 0: none */
    uint64_t born_mono_ms;
    unsigned backoff_ms; /* the last pause */
    unsigned forks;
    bool any_end;
    struct supervisor_end end;
} self;

unsigned supervisor_backoff_ms(unsigned last_ms, uint64_t ran_ms)
{
    if (last_ms == 0 || ran_ms >= STEADY_MS)
        return BACKOFF_FIRST_MS;
    return last_ms > BACKOFF_MAX_MS / 2 ? BACKOFF_MAX_MS : 2 * last_ms;
}

const char *supervisor_describe(int status, char *out, size_t size)
{
    if (!WIFSIGNALED(status)) {
        snprintf(out, size, "exit %d", WEXITSTATUS(status));
        return out;
    }
    const char *name = sigabbrev_np(WTERMSIG(status));
    snprintf(out, size, "killed by SIG%s%s", name == NULL ? "?" : name,
             WCOREDUMP(status) ? ", core dumped" : "");
    return out;
}

int supervisor_begin(unsigned stop_ms, struct err *e)
{
    static const int SIGNALS[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD };
    void *memory = mmap(NULL, sizeof(*self.shared), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        err_set(e, "mmap: %s", strerror(errno));
        return -1;
    }
    self.shared = memory;
    atomic_store(&self.shared->stop_ms, stop_ms);
    self.pid = getpid();
    sigemptyset(&self.signals);
    for (size_t i = 0; i < sizeof SIGNALS / sizeof SIGNALS[0]; i++)
        sigaddset(&self.signals, SIGNALS[i]);
    sigprocmask(SIG_BLOCK, &self.signals, NULL);
    return 0;
}

int supervisor_fork(struct err *e)
{
    self.end.restarts = self.forks++;
    pid_t pid = fork();
    if (pid < 0) {
        err_set(e, "fork: %s", strerror(errno));
        self.child = 0;
        return -1;
    }
    if (pid == 0) {
        supervisor_tie();
        return 1;
    }
    self.child = pid;
    self.born_mono_ms = clock_mono_ms();
    return 0;
}

/* The next signal, or 0 at UNTIL_MONO_MS (0: never). */
static int next_signal(uint64_t until_mono_ms)
{
    if (until_mono_ms == 0)
        return sigwaitinfo(&self.signals, NULL);
    uint64_t now = clock_mono_ms();
    uint64_t ms = until_mono_ms > now ? until_mono_ms - now : 0;
    const struct timespec wait = thread_timespec(ms);
    int number = sigtimedwait(&self.signals, NULL, &wait);
    return number < 0 ? 0 : number;
}

static bool is_stop(int number)
{
    return number == SIGTERM || number == SIGINT;
}

/* When a child that was asked at STOP_MONO_MS is to be killed; it may have
 * changed its mind meanwhile about how long it takes. */
static uint64_t kill_mono_ms(uint64_t stop_mono_ms)
{
    return stop_mono_ms + atomic_load(&self.shared->stop_ms) + STOP_GRACE_MS;
}

/* Until the child ended; its status.  *STOPPING: it was asked to. */
static int watch(bool *stopping)
{
    uint64_t stop_mono_ms = 0;
    uint64_t killed_mono_ms = 0;
    int status;
    while (waitpid(self.child, &status, WNOHANG) != self.child) {
        uint64_t deadline = stop_mono_ms == 0 ? 0 : kill_mono_ms(stop_mono_ms);
        if (killed_mono_ms != 0)
            deadline = killed_mono_ms + KILL_AGAIN_MS;
        int number = next_signal(deadline);
        uint64_t now = clock_mono_ms();
        if (is_stop(number) && stop_mono_ms == 0)
            stop_mono_ms = now;
        if (number > 0 && number != SIGCHLD)
            kill(self.child, number);
        if (number == 0 && deadline != 0 && now >= deadline) {
            kill(self.child, SIGKILL);
            killed_mono_ms = now;
        }
    }
    *stopping = stop_mono_ms != 0;
    return status;
}

/* Nobody hears of this end but by syslog. */
static void tell_last_end(pid_t pid, int status)
{
    char how[64];
    char text[128];
    snprintf(text, sizeof text, "the agent (pid %ld) was to stop: %s",
             (long)pid, supervisor_describe(status, how, sizeof how));
    daemon_last_words(text);
}

/* An end of which nobody was told stays: those that follow are mostly its
 * consequence, and a crash is worth more than a start that failed. */
static void remember(int status, uint64_t ran_ms)
{
    if (self.any_end && !atomic_load(&self.shared->told))
        return;
    atomic_store(&self.shared->told, false);
    self.any_end = true;
    self.end = (struct supervisor_end){
        .pid = self.child,
        .status = status,
        .ran_ms = ran_ms,
    };
}

/* False when we were asked to stop. */
static bool pause_for(unsigned ms)
{
    uint64_t until_mono_ms = clock_mono_ms() + ms;
    while (clock_mono_ms() < until_mono_ms) {
        /* SIGHUP and SIGUSR1 are for a child, and there is none. */
        if (is_stop(next_signal(until_mono_ms)))
            return false;
    }
    return true;
}

/* True when there is to be another child. */
static bool bury(int *exit_code)
{
    bool stopping;
    int status = watch(&stopping);
    uint64_t ran_ms = clock_mono_ms() - self.born_mono_ms;
    *exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
    if (stopping && WIFSIGNALED(status))
        tell_last_end(self.child, status);
    if (stopping || *exit_code == EXIT_SUCCESS)
        return false;
    remember(status, ran_ms);
    self.backoff_ms = supervisor_backoff_ms(self.backoff_ms, ran_ms);
    return supervisor_was_ready();
}

bool supervisor_wait(int *exit_code)
{
    if (self.child == 0)
        self.backoff_ms = supervisor_backoff_ms(self.backoff_ms, 0);
    else if (!bury(exit_code))
        return false;
    self.child = 0;
    if (pause_for(self.backoff_ms))
        return true;
    *exit_code = EXIT_SUCCESS;
    return false;
}

bool supervisor_was_ready(void)
{
    return atomic_load(&self.shared->ready);
}

void supervisor_tie(void)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
    if (getppid() != self.pid)
        _exit(EXIT_FAILURE);
}

void supervisor_ready(unsigned stop_ms)
{
    atomic_store(&self.shared->stop_ms, stop_ms);
    atomic_store(&self.shared->ready, true);
}

const struct supervisor_end *supervisor_last_end(void)
{
    return self.any_end && !atomic_load(&self.shared->told) ? &self.end : NULL;
}

void supervisor_told(void)
{
    atomic_store(&self.shared->told, true);
}
