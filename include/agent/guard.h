#ifndef AGENT_GUARD_H
#define AGENT_GUARD_H

/*
 * Ends a command that hangs where it has no deadline of its own, as in reading
 * a file: with exit code 1, and said on stderr.  Of the whole process.
 */

/* COMMAND ("--status", static) is to be through in half a minute and
 * DEADLINE_MS, from now. */
void guard_within(const char *command, unsigned deadline_ms);
/* What follows may take as long as it wants. */
void guard_end(void);

#endif
