/*
 * The library's lines about sockets:
 *
 *   Socket 127.0.0.1:2999 zk retcode=-4, errno=111(Connection refused): …
 *
 * A line of another shape costs the words only: nothing is decided by it but
 * when a silence began.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <zookeeper/zookeeper.h>

#include "failure.h"

bool zk_failure_parse(const char *text, struct zk_failure *out)
{
    return sscanf(text, "Socket %79s zk retcode=%d, errno=%d", out->addr,
                  &out->rc, &out->error) == 3;
}

bool zk_failure_is_timeout(const struct zk_failure *f)
{
    return f->rc == ZOPERATIONTIMEOUT;
}

void zk_failure_words(const struct zk_failure *f, unsigned timeout_ms,
                      char *out, size_t size)
{
    char system[80];

    if (zk_failure_is_timeout(f)) {
        snprintf(out, size, "no answer within %u ms", timeout_ms / 3 * 2);
        return;
    }
    switch (f->error) {
    case EHOSTDOWN: /* the library's word for the end of the stream */
        snprintf(out, size, "the server closed the connection");
        return;
    case ESTALE: /* and for a session that is over */
        snprintf(out, size, "the session is over");
        return;
    }
    snprintf(out, size, "%s", strerror_r(f->error, system, sizeof system));
    out[0] = (char)tolower((unsigned char)out[0]);
}
