#ifndef AGENT_SESSION_FILE_H
#define AGENT_SESSION_FILE_H

#include "agent/err.h"

#include <stdint.h>

/*
 * The ZooKeeper session of this agent over the end of its process: one small
 * file, <folder>/<name>.session, of mode 0600, and beside it a lock that says
 * which process has it.  The file's bytes are all that it takes to end the
 * session and delete our ephemeral nodes: they are wiped from memory, and
 * never logged.
 *
 * The calls wait for the disk.  Thread: whichever owns the session, one at a
 * time.
 */
struct session_file;

/* Room for a scope. */
#define SESSION_SCOPE_SIZE 640

struct session_id {
    int64_t session;   /* never 0 */
    char password[16]; /* secret */
};

enum session_found {
    SESSION_NONE,    /* there is no file */
    SESSION_LOADED,  /* whether the session still lives, only ZooKeeper knows */
    SESSION_REFUSED, /* there was one that is not to be used: it is removed */
};

/*
 * Takes the lock <FOLDER>/<NAME>.lock, which lasts until session_file_close or
 * the end of the process, however that comes, and makes sure that files
 * can be made there.  SCOPE (one line of less than SESSION_SCOPE_SIZE bytes)
 * says what lives in the session: a file with another one is refused, as what
 * the earlier session holds beyond SCOPE would be kept alive and cared for by
 * nobody.  Strings are copied. NULL and E: another process has the lock (with
 * its pid), or the folder cannot be written; a full disk is no obstacle.
 */
struct session_file *session_file_open(const char *folder, const char *name,
                                       const char *scope,
                                       struct err *e) MUST_USE;

/*
 * Fills OUT when SESSION_LOADED; the caller wipes it.  WHY when
 * SESSION_REFUSED: a symbolic link, no regular file, not ours, open to
 * others, too long, garbled, or of another scope.
 */
enum session_found session_file_load(struct session_file *f,
                                     struct session_id *out,
                                     struct err *why) MUST_USE;

/* Replaces the file as a whole.  -1 and E: then it is as it was. */
int session_file_save(struct session_file *f, const struct session_id *id,
                      struct err *e) MUST_USE;

/* The session is over.  A file that cannot be removed is no trouble: a process
 * that loads it is told so by ZooKeeper. */
void session_file_drop(struct session_file *f);

/* For the log; as long as F lives. */
const char *session_file_path(const struct session_file *f);

/* Gives the lock back and frees F; the file stays.  NULL is a no-op. */
void session_file_close(struct session_file *f);

/* Frees F; the file stays, and so does the lock until the process ends. */
void session_file_leave(struct session_file *f);

#endif
