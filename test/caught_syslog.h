#ifndef CAUGHT_SYSLOG_H
#define CAUGHT_SYSLOG_H

#include <stddef.h>

/*
 * For tests linked with --wrap=syslog: what this process and its children say
 * there goes to a file instead, a line each.  A file and no pipe, since who
 * speaks last closes what is open.
 */

/* From now on to FILE, which is borrowed, and made when something is said. */
void caught_syslog_to(const char *file);

/* What was said so far, as a string; "" when there is no file. */
void caught_syslog(char *out, size_t size);

#endif
