#ifndef SRC_HTTPD_BODY_H
#define SRC_HTTPD_BODY_H

/*
 * What is answered, for httpd.c.  Thread: loop.
 */
#include <stddef.h>

#include "agent/httpd.h"

struct MHD_Response;

struct MHD_Response *httpd_body_response(const struct httpd_body *b);

/* Bytes of all bodies that are kept or being sent, without constant ones. */
size_t httpd_bodies_held(void);

#endif
