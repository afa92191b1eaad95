/*
 * The terminal: what it is, and a page of its own to draw on (xterm's
 * alternate screen, which all terminals in use know; ECMA-48 for the rest).
 * A picture is written in one go, each line over the old one, so that nothing
 * blinks.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "status_screen.h"

#define ENTER "\033[?1049h\033[?25l\033[2J"
#define LEAVE "\033[?25h\033[?1049l"

/* Where a terminal does not say how large it is. */
#define USUAL_WIDTH  80
#define USUAL_HEIGHT 24

/* Room for a large screen with all its colours. */
static char picture[64 * 1024];

void status_terminal_look(struct status_terminal *t)
{
    const char *term = getenv("TERM");
    const char *no_color = getenv("NO_COLOR");
    struct winsize size;

    *t = (struct status_terminal){ .tty = isatty(STDOUT_FILENO) };
    if (!t->tty)
        return;
    t->width = USUAL_WIDTH;
    t->height = USUAL_HEIGHT;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 &&
        size.ws_row > 0) {
        t->width = size.ws_col;
        t->height = size.ws_row;
    }
    t->screen = term != NULL && *term != '\0' && strcmp(term, "dumb") != 0;
    /* https://no-color.org: present and not empty. */
    t->colours = t->screen && (no_color == NULL || *no_color == '\0');
}

void status_screen_enter(void)
{
    /* As a terminal it would be written line by line. */
    setvbuf(stdout, picture, _IOFBF, sizeof picture);
    fputs(ENTER, stdout);
    fflush(stdout);
}

void status_screen_leave(void)
{
    fputs(LEAVE, stdout);
    fflush(stdout);
}

static size_t count_lines(const char *text)
{
    size_t n = 0;

    for (; *text != '\0'; text++)
        n += *text == '\n';
    return n;
}

void status_screen_draw(const char *text, const struct status_terminal *t)
{
    size_t lines = count_lines(text);
    /* The last line of the screen is for what has no room, and stays without a
     * newline, which would scroll. */
    size_t shown = lines < t->height ? lines : t->height - 1;
    char more[64];

    fputs("\033[H", stdout);
    for (size_t i = 0; i < shown; i++) {
        size_t len = strcspn(text, "\n");

        printf("%.*s\033[K\n", (int)len, text);
        text += len + 1;
    }
    if (shown < lines) {
        snprintf(more, sizeof more, "... and %zu more lines", lines - shown);
        printf("%.*s", (int)t->width, more);
    }
    fputs("\033[J", stdout);
    fflush(stdout);
}
