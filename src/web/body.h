#ifndef WEB_BODY_H
#define WEB_BODY_H

/*
 * What httpd.c needs of a body, beside what its users do.  Thread: loop.
 */
#include <stddef.h>

#include "agent/httpd.h"

struct MHD_Response;

/* The library's response of B, borrowed. */
struct MHD_Response *httpd_body_response(const struct httpd_body *b);

/* Bytes of all bodies that are kept or being sent; constant ones not
 * counted. */
size_t httpd_bodies_held(void);

#endif
