#ifndef AGENT_ERR_H
#define AGENT_ERR_H

#define MUST_USE __attribute__((warn_unused_result))

/*
 * The text of one failure.  It is filled once, where the fact is known, and
 * names the place (file and line, key, system call) and the value; callers
 * branch on return values and enums, never on this text.
 */
struct err {
    char text[256];
};

/* Formats into E; an over-long text is cut.  E may be NULL.  Thread: any. */
void err_set(struct err *e, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
