#ifndef WEB_DASHBOARD_H
#define WEB_DASHBOARD_H

#include <stddef.h>

/*
 * The dashboard: dashboard.html as a part of the program, one page that
 * needs nothing but this agent's own HTTP.  Constants, made by the build.
 */

/* UTF-8, without a NUL at the end. */
extern const unsigned char dashboard_html[];
extern const size_t dashboard_html_len;

/*
 * The value of the header Content-Security-Policy that the page is to be
 * served with: it allows the page's own script and style, by their hashes, and
 * requests to where the page came from.
 */
extern const char dashboard_csp[];

#endif
