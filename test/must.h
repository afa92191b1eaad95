#ifndef TEST_MUST_H
#define TEST_MUST_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Dies with a line number: a broken set-up is no result of a test. */
#define MUST(x)                                                        \
    do {                                                               \
        if (!(x)) {                                                    \
            fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #x, \
                    strerror(errno));                                  \
            abort();                                                   \
        }                                                              \
    } while (0)

#endif
