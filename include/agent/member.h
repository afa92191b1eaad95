#ifndef AGENT_MEMBER_H
#define AGENT_MEMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The node of a member, <root>/fleets/F/members/ID: who shares the targets of
 * the fleet.  Pure.
 */

/* The rules by which members share; others' are not to be guessed. */
#define MEMBER_PROTOCOL 1

#define MEMBER_MAX 2048

struct member {
    unsigned protocol; /* 0: not said */
    char agent[256];
    char host[256];
    char zone[64];         /* "": none */
    int64_t since_wall_ms; /* 0: not said */
    char version[64];
};

/* Returns the length (without NUL), 0 if it does not fit. */
size_t member_print(const struct member *m, char *out, size_t size);

/* False: it is no member's; *OUT is then empty, and so is what is not said. */
bool member_read(const char *bytes, size_t len, struct member *out);

#endif
