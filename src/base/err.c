/*
 * The text of one failure.  Nothing is allocated, so that running out of
 * memory can be told like any other failure.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include "agent/err.h"

void err_set(struct err *e, const char *fmt, ...)
{
    if (e == NULL)
        return;
    va_list args;
    va_start(args, fmt);
    vsnprintf(e->text, sizeof e->text, fmt, args);
    va_end(args);
}
