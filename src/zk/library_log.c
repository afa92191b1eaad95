/*
 * The log lines of the ZooKeeper library.  It logs from three threads, in a
 * reconnect loop up to hundreds of thousands of lines a second, and a
 * callback that blocks stops its pings; so the callback copies into a bounded
 * ring, at most one line of each of the library's functions in some seconds,
 * and the publisher's thread writes what is there.  The callback has no user
 * pointer: one ring a process.  How a connection failed is noted every time,
 * as it is said nowhere else; the ladder tells it in our own words.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "agent/clock.h"
#include "agent/log.h"

#include "library_log.h"

#define RING       32
#define LINE       200
#define FUNCTIONS  16
#define QUIET_MS   10000
#define NAME_WIDTH 32

struct line {
    enum log_level level;
    char text[LINE];
};

static struct {
    pthread_mutex_t lock;
    /* All below: lock. */
    struct line lines[RING];
    size_t head;
    size_t count;
    uint64_t dropped;
    uint64_t failures;
    struct zk_failure failure; /* the last one */
    struct {
        char name[NAME_WIDTH];
        uint64_t until_mono_ms;
    } quiet[FUNCTIONS];
} ring = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* One line of a function, then silence of it for a while.  More functions
 * than the table holds share the last entry. */
static bool may_speak(const char *name, size_t len, uint64_t now)
{
    size_t i;

    if (len >= NAME_WIDTH)
        len = NAME_WIDTH - 1;
    for (i = 0; i < FUNCTIONS - 1; i++) {
        if (ring.quiet[i].name[0] == '\0')
            break;
        if (strlen(ring.quiet[i].name) == len &&
            memcmp(ring.quiet[i].name, name, len) == 0)
            break;
    }
    if (ring.quiet[i].name[0] != '\0' && now < ring.quiet[i].until_mono_ms)
        return false;
    memcpy(ring.quiet[i].name, name, len);
    ring.quiet[i].name[len] = '\0';
    ring.quiet[i].until_mono_ms = now + QUIET_MS;
    return true;
}

static void keep(enum log_level level, const char *text)
{
    struct line *l = &ring.lines[(ring.head + ring.count) % RING];
    size_t len = strcspn(text, "\n");

    if (len >= LINE)
        len = LINE - 1;
    l->level = level;
    memcpy(l->text, text, len);
    l->text[len] = '\0';
    ring.count++;
}

/* "2026-11-23 05:29:00,123:42(0x7f…):ZOO_ERROR@func@123: words" */
void zk_log_line(const char *line)
{
    const char *level = strstr(line, ":ZOO_");
    const char *name = level != NULL ? strchr(level, '@') : NULL;
    const char *text = name != NULL ? strstr(name, ": ") : NULL;
    size_t name_len = name != NULL ? strcspn(name + 1, "@") : 1;
    bool error = level != NULL && strncmp(level, ":ZOO_ERROR", 10) == 0;
    const char *said = text != NULL ? text + 2 : line;
    uint64_t now = clock_mono_ms();
    struct zk_failure f;
    bool failure = zk_failure_parse(said, &f);

    pthread_mutex_lock(&ring.lock);
    if (failure) {
        ring.failure = f;
        ring.failures++;
    }
    if (ring.count < RING &&
        may_speak(name != NULL ? name + 1 : "?", name_len, now))
        keep(error && !failure ? LOG_LEVEL_WARN : LOG_LEVEL_DEBUG, said);
    else
        ring.dropped++;
    pthread_mutex_unlock(&ring.lock);
}

static bool take(struct line *out)
{
    bool any;

    pthread_mutex_lock(&ring.lock);
    any = ring.count > 0;
    if (any) {
        *out = ring.lines[ring.head];
        ring.head = (ring.head + 1) % RING;
        ring.count--;
    }
    pthread_mutex_unlock(&ring.lock);
    return any;
}

void zk_log_drain(void)
{
    struct line l;

    for (int i = 0; i < RING && take(&l); i++)
        LOG_EVENT(l.level, "zk_log", LOG_STR("text", l.text));
}

uint64_t zk_log_failure(struct zk_failure *out)
{
    uint64_t n;

    pthread_mutex_lock(&ring.lock);
    n = ring.failures;
    if (n > 0)
        *out = ring.failure;
    pthread_mutex_unlock(&ring.lock);
    return n;
}

uint64_t zk_log_dropped(void)
{
    uint64_t n;

    pthread_mutex_lock(&ring.lock);
    n = ring.dropped;
    pthread_mutex_unlock(&ring.lock);
    return n;
}
