/*
 * What bounds a --check-once from outside: an end, whatever hangs.
 */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <unistd.h>

#include "agent/check_once.h"
#include "agent/config.h"

#include "check_once_limits.h"

/* Added to what a run may take before the alarm ends it. */
#define ALARM_SLACK_S 5
/* What may pass before the config is known. */
#define BEFORE_S 30

/* The process ends by itself whatever hangs. */
static void on_alarm(int number)
{
    static const char TEXT[] = "sentinel-agent: --check-once hung, ended\n";
    (void)number;
    if (write(STDERR_FILENO, TEXT, sizeof TEXT - 1) < 0) {
        /* nobody to tell */
    }
    _exit(ONCE_UNKNOWN);
}

static void arm_alarm(unsigned seconds)
{
    const struct sigaction action = { .sa_handler = on_alarm };
    sigset_t alarm_only;
    sigemptyset(&alarm_only);
    sigaddset(&alarm_only, SIGALRM);
    sigaction(SIGALRM, &action, NULL);
    pthread_sigmask(SIG_UNBLOCK, &alarm_only, NULL);
    alarm(seconds);
}

void check_once_guard(void)
{
    arm_alarm(BEFORE_S);
}

/* From now on, with every attempt at its longest. */
static unsigned longest_run_s(const struct config *c)
{
    uint64_t longest = 0;
    for (size_t i = 0; i < c->ninstances; i++) {
        const struct config_instance *n = c->instances[i];
        uint64_t ms = (uint64_t)n->fall * ONCE_ATTEMPTS *
                      ((uint64_t)n->timeout_ms + n->retry_interval_ms);
        if (ms > longest)
            longest = ms;
    }
    longest += c->zookeeper.publish_timeout_ms + ONCE_STOP_MS;
    return (unsigned)(longest / 1000) + ALARM_SLACK_S;
}

void once_alarm(const struct config *c)
{
    arm_alarm(longest_run_s(c));
}
