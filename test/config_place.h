#ifndef CONFIG_PLACE_H
#define CONFIG_PLACE_H

#include "agent/config.h"

#include <stddef.h>
#include <sys/types.h>

#include "scratch.h"

/*
 * A directory of a test's own with a configuration and a secret in it, and
 * what came of loading.  The tests' state; all failures fail the test.
 */
struct place {
    char dir[SCRATCH_SIZE];
    char file[SCRATCH_SIZE + 8];
    char secret[SCRATCH_SIZE + 8];
    mode_t secret_mode; /* which secret() gives it */
    struct config *config;
    struct config_faults faults;
};

/* The shortest configuration without a fault. */
#define MINIMAL "[redis:a]\naddress = h:1\n"

int place_set_up(void **state);
int place_tear_down(void **state);

/* Of mode 0600. */
void write_file(const char *file, const char *bytes, size_t len);

/* Into p->config and p->faults, the former ones are freed. */
void load_file(struct place *p, const char *file);
void load_bytes(struct place *p, const char *bytes, size_t len);
void load(struct place *p, const char *text);

/* Loads TEXT, which has no fault. */
struct config *good(void **state, const char *text);

/* The faults are WANTED, each "LINE: message" and a newline. */
void expect_faults(struct place *p, const char *wanted);
void faults(void **state, const char *text, const char *wanted);

/* LINE stands in the section HEADER as line 3, the only fault or none. */
void bad_line(void **state, const char *header, const char *line,
              const char *message);
void good_line(void **state, const char *header, const char *line);

/* Loads with the secret file holding BYTES, named by KEY (password_file or
 * digest_file); COMPLAINT is the fault, NULL if there is none. */
void secret(void **state, const char *key, const char *bytes, size_t len,
            const char *complaint);

/* What config_print writes; to be freed. */
char *print_config(const struct config *c);

#endif
