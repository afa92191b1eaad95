#ifndef AGENT_DAEMON_H
#define AGENT_DAEMON_H

#include "agent/err.h"

#include <stdbool.h>

/*
 * The steps of a long-running UNIX process at its start: fork into the
 * background and tell the caller how it went, hold a pid file, drop
 * privileges, keep secrets.  Everything here comes before the first thread,
 * but for words of failure.
 */

/*
 * Opens and locks FILE (flock; the lock lives as long as the process or its
 * children hold the descriptor).  Returns the descriptor; -1 and E when
 * another process holds it ("already running (pid 123)") or it cannot be
 * opened.  A stale file is no obstacle.  Where it is locked and the process
 * that it names is dead, so that an orphan is about to end, waits for that,
 * at most ORPHAN_MS.
 */
int daemon_pid_lock(const char *file, unsigned orphan_ms,
                    struct err *e) MUST_USE;

/* Writes our pid into it.  Call it in the process that stays. */
int daemon_pid_write(int fd, struct err *e) MUST_USE;

/* Empties the file, removes it if it still is ours and we still may, and
 * closes FD.  For the process that stays, never for its parent. */
void daemon_pid_release(int fd, const char *file);

/*
 * Forks; the child leads a session of its own, in / (relative paths mean
 * something else from then on), with umask 027, and with stdin, stdout and
 * stderr on /dev/null.  Descriptors above these that are not close-on-exec
 * are taken for inherited ones and closed.  In the parent it does not return
 * before the child called daemon_ready or ended: then *EXIT_CODE is 0, or the
 * child's exit code (1 if a signal killed it), and it returns 1.  In the child
 * it returns 0.  -1 and E if the fork failed.  Messages that the child writes
 * to daemon_complain until it is ready appear on the parent's stderr.
 */
int daemon_fork(int *exit_code, struct err *e) MUST_USE;

/* The child is up: lets the parent go.  No-op without daemon_fork. */
void daemon_ready(void);

/* This process has nothing (more) to tell the parent, which goes when no
 * process is left that has.  No-op without daemon_fork. */
void daemon_let_go(void);

/* A line for the person or program that started us: on stderr, or through the
 * parent; once that was let go, daemon_last_words. */
void daemon_complain(const char *text);

/*
 * A line to syslog, for what nobody else could say.  Never waits: a process
 * of its own does it, which the caller need not reap if it ends soon.
 */
void daemon_last_words(const char *text);

/* Whether syslog(3) would reach anybody now.  -1 and E with the reason. */
int daemon_find_syslog(struct err *e) MUST_USE;

/*
 * setgid, initgroups and setuid to USER for good.  Started as someone else
 * than root it is an error, unless we already are USER.
 */
int daemon_drop_privileges(const char *user, struct err *e) MUST_USE;

/*
 * From now on this process leaves no core, and only root can trace it or look
 * into its memory.  A change of user takes that back: to be called again.
 */
void daemon_hide_memory(void);

/*
 * Makes sure that COUNT descriptors can be open: raises the soft limit up to
 * the hard one (as root the hard one too).  -1 and E with the figures.
 */
int daemon_need_fds(unsigned long count, struct err *e) MUST_USE;

#endif
