/*
 * Any bytes as the settings node of a fleet and as its chunks, with a line
 * "%%" between each and the next.  Whatever they say: a target without a
 * fault can be probed as it is, has no secret and no file of this machine for
 * one, and is bound to targets_allow; what is wrong is said with the node and
 * in printable words; and the same bytes mean the same to all members,
 * whichever order they came in.  No file is there that a target may name.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include "agent/config.h"
#include "agent/net_allow.h"
#include "agent/targets.h"

#include "fuzz.h"

static const char CUT[] = "\n%%\n";
#define CHUNKS 4

/* libFuzzer, linked with the same wrap, sees the real files. */
static bool inside;

/* By the name that the linker sees: meson asks for large files. */
int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);

int __wrap_open64(const char *path, int flags, ...)
{
    va_list ap;
    mode_t mode = 0;

    if (inside) {
        errno = ENOENT;
        return -1;
    }
    va_start(ap, flags);
    if (flags & O_CREAT)
        mode = va_arg(ap, mode_t);
    va_end(ap);
    return __real_open64(path, flags, mode);
}

/* One part of the input; NULL: there is none. */
struct part {
    const char *bytes;
    size_t len;
};

static void cut(const uint8_t *bytes, size_t len, struct part parts[CHUNKS + 1])
{
    const char *at = (const char *)bytes;

    for (size_t i = 0; i < CHUNKS + 1 && at != NULL; i++) {
        const char *end = memmem(at, len, CUT, sizeof CUT - 1);
        size_t n = end != NULL ? (size_t)(end - at) : len;

        parts[i] = (struct part){ at, n };
        at = end != NULL ? end + sizeof CUT - 1 : NULL;
        len -= end != NULL ? n + sizeof CUT - 1 : n;
    }
}

static void take_chunk(struct targets *t, const struct part *p, size_t i)
{
    const char name[] = { (char)('a' + i), '\0' };
    struct err e;

    if (p->bytes != NULL)
        HOLDS(targets_chunk(t, name, p->bytes, p->len, 1, &e) == 0);
}

static void list_all(const struct config *c, const struct part *parts,
                     bool backwards, struct targets_list *out)
{
    struct err e;
    struct targets *t = targets_new(c, &e);

    HOLDS(t);
    HOLDS(targets_set(t, parts[0].bytes, parts[0].len, 1, &e) == 0);
    for (size_t i = 0; i < CHUNKS; i++) {
        size_t which = backwards ? CHUNKS - 1 - i : i;

        take_chunk(t, &parts[1 + which], which);
    }
    inside = true;
    HOLDS(targets_list(t, out, &e) == 0);
    inside = false;
    targets_free(t);
}

static void check_target(const struct config_instance *i,
                         const struct net_allow *allow)
{
    size_t len = strlen(i->name);

    HOLDS(len > 0 && len <= CONFIG_NAME_MAX);
    HOLDS(i->address != NULL);
    HOLDS(i->allow == allow);
    HOLDS(!i->username && !i->password && !i->password_file && !i->paused);
    if (i->fault != NULL)
        return;
    HOLDS(i->host != NULL && i->path == NULL && i->port > 0);
    HOLDS(i->interval_ms >= 50 && i->timeout_ms >= 1);
    HOLDS(i->retry_interval_ms >= 10 && i->info_interval_ms >= 50);
    HOLDS(i->connect_interval_ms >= 50);
    HOLDS(i->rise >= 1 && i->rise <= 100 && i->fall >= 1 && i->fall <= 100);
}

static void check_fault(const char *text)
{
    bool settings = strncmp(text, "fleets/cache:", 13) == 0;

    HOLDS(settings ||
          (text[0] >= 'a' && text[0] < 'a' + CHUNKS && text[1] == ':'));
    for (const char *p = text; *p != '\0'; p++)
        HOLDS((unsigned char)*p >= ' ' && *p != 0x7f);
}

static void check_list(const struct targets_list *l,
                       const struct net_allow *allow)
{
    const struct targets_settings *s = &l->settings;

    for (size_t i = 0; i < l->n; i++) {
        check_target(l->targets[i], allow);
        HOLDS(i == 0 ||
              strcmp(l->targets[i - 1]->name, l->targets[i]->name) < 0);
    }
    for (size_t i = 0; i < l->nfaults; i++)
        check_fault(l->faults[i]);
    HOLDS(s->observers >= 1 && s->observers <= 5);
    HOLDS(s->brake_percent <= 100 && s->brake_min >= 1);
    HOLDS(s->brake_hold_ms >= 1000);
}

static void check_same(const struct targets_list *a,
                       const struct targets_list *b)
{
    HOLDS(a->n == b->n && a->nfaults == b->nfaults);
    for (size_t i = 0; i < a->n; i++) {
        const char *x = a->targets[i]->fault, *y = b->targets[i]->fault;

        HOLDS(strcmp(a->targets[i]->name, b->targets[i]->name) == 0);
        HOLDS((x == NULL) == (y == NULL));
        HOLDS(x == NULL || strcmp(x, y) == 0);
        HOLDS(x != NULL || config_instance_equal(a->targets[i], b->targets[i]));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static char fleet[] = "cache";
    struct part parts[CHUNKS + 1] = { { NULL, 0 } };
    struct targets_list forwards, backwards;
    struct config c = { 0 };
    struct err e;

    c.fleet.name = fleet;
    c.fleet.allow = net_allow_new("10.0.0.0/8", &e);
    HOLDS(c.fleet.allow);
    cut(bytes, len, parts);
    list_all(&c, parts, false, &forwards);
    list_all(&c, parts, true, &backwards);
    check_list(&forwards, c.fleet.allow);
    check_same(&forwards, &backwards);
    targets_list_free(&forwards);
    targets_list_free(&backwards);
    net_allow_unref(c.fleet.allow);
    return 0;
}
