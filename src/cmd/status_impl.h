#ifndef SRC_STATUS_IMPL_H
#define SRC_STATUS_IMPL_H

#include "agent/clock.h"
#include "agent/config.h"
#include "agent/status.h"
#include "status_view.h"

/*
 * Between the command (status.c), its looks (status_look.c), its watch
 * (status_watch.c) and the terminal (status_screen.c).
 */

/* --------------------------------------------------------------- looking */

struct status_eye; /* asks the agent or ZooKeeper, and what it needs for it */

/* NULL and E when there is nothing to ask.  O is borrowed. */
struct status_eye *status_eye_open(const struct status_options *o,
                                   struct err *e) MUST_USE;
/* False when a thread was left behind.  NULL is a no-op and true. */
bool status_eye_close(struct status_eye *eye) MUST_USE;

enum status_look {
    LOOK_SEEN,
    LOOK_FAILED,    /* E says why */
    LOOK_CANCELLED, /* CANCEL_FD became readable (-1: none) */
};
enum status_look status_eye_look(struct status_eye *eye, int cancel_fd,
                                 struct status_view *out,
                                 struct err *e) MUST_USE;

/* ------------------------------------------------------------- the screen */

/* What stdout is.  False in .screen: no place to draw on. */
struct status_terminal {
    bool tty;
    bool screen;  /* it obeys escape sequences */
    bool colours; /* and they are wanted */
    unsigned width;
    unsigned height;
};
void status_terminal_look(struct status_terminal *t);

/* Another page for the drawing, and back.  The cursor hides. */
void status_screen_enter(void);
void status_screen_leave(void);

/* Draws TEXT over what is there, without a blink; what does not fit below is
 * told in the last line. */
void status_screen_draw(const char *text, const struct status_terminal *t);

/* ------------------------------------------------------------ the watching */

/* Keeps signals for status_watch; before any thread is started. */
void status_watch_prepare(void);

/* Looks and shows until a signal; returns the exit code. */
int status_watch(struct status_eye *eye, const struct status_options *o);

/* Text on stderr. */
void status_complain(const char *text);

/* How views of O are to be printed on T. */
struct status_style status_style_of(const struct status_options *o,
                                    const struct status_terminal *t);

#endif
