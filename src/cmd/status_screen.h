#ifndef CMD_STATUS_SCREEN_H
#define CMD_STATUS_SCREEN_H

#include <stdbool.h>

/*
 * The terminal that stdout is, and a page of its own to draw on.  One thread.
 */
struct status_terminal {
    bool tty;
    bool screen;    /* it obeys escape sequences: it can be drawn on */
    bool colours;   /* and they are wanted */
    unsigned width; /* of the screen, in characters; 0: not known */
    unsigned height;
};

/* Fills T with what stdout is now. */
void status_terminal_look(struct status_terminal *t);

/* To another page for the drawing, and back.  The cursor is hidden there. */
void status_screen_enter(void);
void status_screen_leave(void);

/* Draws TEXT over what is there, without a blink; lines that do not fit below
 * are counted in the last line. */
void status_screen_draw(const char *text, const struct status_terminal *t);

#endif
