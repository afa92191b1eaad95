#ifndef CONFIG_KEYS_H
#define CONFIG_KEYS_H

#include "agent/config.h"
#include "agent/escape.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * Inside the config folder: the table of keys, and what can be done with a
 * value by its key alone.  A value lives at `offset` of a struct config
 * (sections agent, zookeeper, http and fleet) or of a struct config_instance
 * (redis, and credentials, which has some of the same).
 */
enum config_type {
    CONFIG_DURATION, /* unsigned, milliseconds */
    CONFIG_COUNT,    /* unsigned */
    CONFIG_PERCENT,  /* unsigned */
    CONFIG_SIZE,     /* uint64_t, bytes */
    CONFIG_BOOL,     /* bool */
    CONFIG_WORD,     /* an enum, in the order of `words` */
    CONFIG_STRING,   /* char *, owned; NULL: not set */
};

enum {
    CONFIG_SECRET = 1,   /* never shown, wiped before it is freed */
    CONFIG_RESTART = 2,  /* a change is taken over at the next start only */
    CONFIG_COSMETIC = 4, /* no probe and no verdict depends on it */
    CONFIG_DONE = 8,     /* took effect in reading: printed as a comment */
    CONFIG_OWN = 16,     /* of an agent's own instances, never of a target */
    CONFIG_TARGET = 32,  /* of a target alone */
};

struct config_key {
    const char *name;
    enum config_type type;
    size_t offset;
    uint64_t min, max;        /* of numbers, in the type's unit */
    const char *const *words; /* of CONFIG_WORD; ends with NULL */
    /* Of CONFIG_STRING: -1 and E, which continues "NAME ". */
    int (*check)(const char *text, struct err *e);
    const char *deflt;   /* as in the file; NULL: none */
    const char *example; /* where there is no default */
    unsigned flags;
    const char *help;
};

/* Which of CONFIG_KEYSETS. */
enum {
    SECTION_AGENT,
    SECTION_ZOOKEEPER,
    SECTION_HTTP,
    SECTION_FLEET,
    SECTION_CREDENTIALS,
    SECTION_INSTANCE,
};
#define CONFIG_SECTIONS 6

#define CONFIG_KEYS_MAX 32 /* of one section */

struct config_keyset {
    const char *name; /* "agent", "zookeeper", "http", "fleet", "credentials",
                         "redis" */
    const struct config_key *keys;
    size_t nkeys;
};

extern const struct config_keyset CONFIG_KEYSETS[CONFIG_SECTIONS];

/* The key's number within its section, or -1. */
int config_key_find(const struct config_keyset *set, const char *name);

/* The same, for a name that the code itself spells. */
size_t config_key_index(const struct config_keyset *set, const char *name);

/*
 * Sets the value of K in BASE (the old one is freed).  -1 and E, "NAME must
 * be …, got …" without the value of a secret; BASE is then as before.
 */
int config_value_parse(const struct config_key *k, const char *text, void *base,
                       struct err *e) MUST_USE;

/* Two keys of one type.  -1 on lack of memory. */
int config_value_copy(const struct config_key *from_key, const void *from,
                      const struct config_key *to_key, void *to) MUST_USE;
bool config_value_equal(const struct config_key *k, const void *a,
                        const void *b);
/* Writes "NAME = VALUE\n", a secret as ***, after "; " if it is a comment;
 * nothing if it is not set. */
void config_value_print(const struct config_key *k, const void *base,
                        FILE *out);
void config_value_free(const struct config_key *k, void *base);
/* All of a section's. */
void config_values_free(const struct config_keyset *set, void *base);

/* Checks of strings, as in struct config_key. */
int config_check_id(const char *text, struct err *e);
int config_check_path(const char *text, struct err *e);
int config_check_new_file(const char *text, struct err *e);
int config_check_log(const char *text, struct err *e);
int config_check_user(const char *text, struct err *e);
int config_check_root(const char *text, struct err *e);
int config_check_address(const char *text, struct err *e);
/* An address that can be listened on: its host is numeric. */
int config_check_listen(const char *text, struct err *e);
/* A name without a port; several of them, comma-separated. */
int config_check_host(const char *text, struct err *e);
int config_check_hosts(const char *text, struct err *e);
int config_check_allow(const char *text, struct err *e);
int config_check_servers(const char *text, struct err *e);
int config_check_instance(const char *text, struct err *e);
/* No control characters, valid UTF-8, nothing that reads as a comment. */
int config_check_text(const char *text, struct err *e);

/*
 * Takes apart what the check of an address accepted.  Exactly one of *HOST
 * and *PATH is set, and owned by the caller.  -1 on lack of memory.
 */
int config_split_address(const char *text, char **host, uint16_t *port,
                         char **path) MUST_USE;
/* The same for servers; *N of them, owned by the caller. */
int config_split_servers(const char *text, struct config_server **out,
                         size_t *n) MUST_USE;
void config_servers_free(struct config_server *s, size_t n);

/* Appends IN, escaped and cut for a message, to an empty OUT; returns OUT. */
const char *config_show(const char *in, char out[ESCAPED_SIZE]);

#endif
