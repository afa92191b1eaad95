/* See config_place.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "config_place.h"

int place_set_up(void **state)
{
    struct place *p = calloc(1, sizeof *p);

    scratch_dir(p->dir);
    snprintf(p->file, sizeof p->file, "%s/c.ini", p->dir);
    snprintf(p->secret, sizeof p->secret, "%s/secret", p->dir);
    p->secret_mode = 0600;
    *state = p;
    return 0;
}

int place_tear_down(void **state)
{
    struct place *p = *state;

    config_free(p->config);
    config_faults_free(&p->faults);
    unlink(p->file);
    unlink(p->secret);
    rmdir(p->dir);
    free(p);
    return 0;
}

void write_file(const char *file, const char *bytes, size_t len)
{
    FILE *f = fopen(file, "w");

    assert_non_null(f);
    assert_int_equal(fchmod(fileno(f), 0600), 0);
    assert_int_equal(fwrite(bytes, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

void load_file(struct place *p, const char *file)
{
    config_free(p->config);
    config_faults_free(&p->faults);
    p->config = config_load(file, &p->faults);
    assert_true((p->config == NULL) == (p->faults.count > 0));
}

void load_bytes(struct place *p, const char *bytes, size_t len)
{
    write_file(p->file, bytes, len);
    load_file(p, p->file);
}

void load(struct place *p, const char *text)
{
    load_bytes(p, text, strlen(text));
}

struct config *good(void **state, const char *text)
{
    struct place *p = *state;

    load(p, text);
    for (size_t i = 0; i < p->faults.count; i++)
        print_message("%s\n", p->faults.lines[i]);
    assert_non_null(p->config);
    return p->config;
}

void expect_faults(struct place *p, const char *wanted)
{
    static char got[65536];
    size_t used = 0;

    got[0] = '\0';
    for (size_t i = 0; i < p->faults.count; i++) {
        const char *line = p->faults.lines[i];

        assert_memory_equal(line, p->file, strlen(p->file));
        line += strlen(p->file) + 1;
        used += (size_t)snprintf(got + used, sizeof got - used, "%s\n", line);
    }
    assert_string_equal(got, wanted);
}

void faults(void **state, const char *text, const char *wanted)
{
    load(*state, text);
    expect_faults(*state, wanted);
}

static void with_line(char *text, size_t size, const char *header,
                      const char *line)
{
    snprintf(text, size, "[%s]\n%s\n%s\n[redis:other]\naddress = h:1\n", header,
             strcmp(header, "zookeeper") == 0 ? "servers = h:1"
             : strcmp(header, "redis:a") == 0 ? "address = h:1"
                                              : "",
             line);
}

void bad_line(void **state, const char *header, const char *line,
              const char *message)
{
    char text[8192], wanted[1024];

    with_line(text, sizeof text, header, line);
    snprintf(wanted, sizeof wanted, "3: %s\n", message);
    faults(state, text, wanted);
}

void good_line(void **state, const char *header, const char *line)
{
    char text[8192];

    with_line(text, sizeof text, header, line);
    good(state, text);
}

void secret(void **state, const char *key, const char *bytes, size_t len,
            const char *complaint)
{
    struct place *p = *state;
    char text[512], wanted[512];

    write_file(p->secret, bytes, len);
    assert_int_equal(chmod(p->secret, p->secret_mode), 0);
    snprintf(text, sizeof text,
             "[zookeeper]\nservers = h:1\n%s%s%s\n" MINIMAL "%s%s%s\n",
             *key == 'd' ? key : "", *key == 'd' ? " = " : "",
             *key == 'd' ? p->secret : "", *key == 'p' ? key : "",
             *key == 'p' ? " = " : "", *key == 'p' ? p->secret : "");
    load(p, text);
    if (!complaint) {
        assert_non_null(p->config);
        return;
    }
    snprintf(wanted, sizeof wanted, "%d: %s: %s: %s\n", *key == 'd' ? 3 : 6,
             key, p->secret, complaint);
    expect_faults(p, wanted);
}

char *print_config(const struct config *c)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);

    assert_non_null(f);
    config_print(c, f);
    assert_int_equal(fclose(f), 0);
    return text;
}
