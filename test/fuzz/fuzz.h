#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* What libFuzzer calls, again and again, with bytes of its own choice. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* An assert that no build type turns off, and that is itself no branch of
 * the code under test. */
#define HOLDS(x)                                                              \
    do {                                                                      \
        if (!(x)) {                                                           \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, \
                    #x);                                                      \
            abort();                                                          \
        }                                                                     \
    } while (0)

#endif
