#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/guard.h"

/* What may pass beyond the deadlines of a command. */
#define SLACK_S 30

static char text[64];

static void on_alarm(int number)
{
    (void)number;
    if (write(STDERR_FILENO, text, strlen(text)) < 0) {
        /* nobody to tell */
    }
    _exit(1);
}

void guard_within(const char *command, unsigned deadline_ms)
{
    const struct sigaction action = { .sa_handler = on_alarm };
    alarm(0);
    snprintf(text, sizeof text, "sentinel-agent: %s hung, ended\n", command);
    sigaction(SIGALRM, &action, NULL);
    alarm(SLACK_S + deadline_ms / 1000);
}

void guard_end(void)
{
    alarm(0);
}
