#ifndef TEST_BOOK_BENCH_H
#define TEST_BOOK_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../src/publish/book.h"
#include "../src/publish/refresh.h"

#include "fake_tree.h"

/*
 * The publisher's book without its thread: the test says what time it is,
 * lets requests out one by one or all of them, and answers them from a tree
 * in memory or with a code of its own.  What was asked is kept as text, so
 * that a test can say the whole way of a document.
 *
 * The root is /r, the agent web-1 on the host h1, the session 101.
 */
struct bench_book {
    struct book book;
    struct refresh refresh;
    struct fake_tree tree;
    uint64_t now;         /* what the publisher would call monotonic ms */
    char asked[2048];     /* "get instances/a, set instances/a:3, …" */
    char denied[64];      /* requests for this path … */
    enum store_code code; /* … get this answer */
    bool lost;            /* … after they were done */
    bool writes_only;     /* … readings do not */
};

#define AGENT      "web-1"
#define SESSION    101
#define SESSION_MS 10000
#define START      1000000

/* Documents, as posted: a status is sealed with its number. */
#define UP      "{\"schema\":1,\"agent\":\"web-1\",\"status\":\"up\""
#define DOWN    "{\"schema\":1,\"agent\":\"web-1\",\"status\":\"down\""
#define UP_WEB2 "{\"schema\":1,\"agent\":\"web-2\",\"status\":\"up\",\"seq\":7}"
#define BEAT    "{\"schema\":1,\"agent\":\"web-1\",\"host\":\"h1\",\"round\":1}"
#define BEAT_2  "{\"schema\":1,\"agent\":\"web-1\",\"host\":\"h1\",\"round\":2}"
#define BEAT_H2 "{\"schema\":1,\"agent\":\"web-1\",\"host\":\"h2\",\"round\":1}"
#define BEAT_WEB2 \
    "{\"schema\":1,\"agent\":\"web-2\",\"host\":\"h9\",\"round\":1}"
#define HERE "{\"host\":\"r\",\"port\":1,\"name\":\"a\",\"agent\":\"web-1\"}"
#define HERE_WEB2 \
    "{\"host\":\"r\",\"port\":1,\"name\":\"a\",\"agent\":\"web-2\"}"

/* Connected, with all parents there.  To be closed. */
struct bench_book *open_book(void);
/* … of an agent of the fleet cache. */
struct bench_book *open_fleet(void);
/* … with our heartbeat, which is written. */
struct bench_book *open_with_beat(void);
struct bench_book *open_fleet_with_beat(void);
void close_book(struct bench_book *w);

/* A slot; its first reading is not asked for yet. */
struct slot *add_slot(struct bench_book *w, enum slot_kind kind,
                      const char *name);
/* … it was read, and what was found is taken. */
struct slot *add_read(struct bench_book *w, enum slot_kind kind,
                      const char *name);
/* … and this was posted and written. */
struct slot *add_written(struct bench_book *w, enum slot_kind kind,
                         const char *name, const char *doc);

void post_to(struct bench_book *w, struct slot *s, const char *doc);

/* Fails unless there is an event of S, which is taken. */
struct publisher_event take_of(struct bench_book *w, const struct slot *s);

/* Somebody else's doing.  PATH: below the root. */
void put(struct bench_book *w, const char *path, const char *data,
         int64_t owner);
void drop(struct bench_book *w, const char *path);
const struct fake_entry *at(struct bench_book *w, const char *path);

/* Lets all requests out that are due, and answers them. */
void run(struct bench_book *w);
void run_at(struct bench_book *w, uint64_t now);

/* Lets one request out; false: none is due.  R's data is the book's. */
bool let_out(struct bench_book *w, struct store_request *r);
/* Answers it from the tree, or with this code. */
void answer(struct bench_book *w, const struct store_request *r);
void answer_code(struct bench_book *w, const struct store_request *r,
                 enum store_code code);

/* The store has (not) this session. */
void connect_session(struct bench_book *w, int64_t session, bool connected);

/* Another session begins, in which our ephemeral nodes are gone or not. */
void new_session(struct bench_book *w, int64_t session, bool gone);

/* Fails unless just that was asked since the last time. */
#define assert_asked(w, text) assert_asked_at(w, text, __FILE__, __LINE__)
void assert_asked_at(struct bench_book *w, const char *text, const char *file,
                     int line);

enum publisher_why why_of(const struct bench_book *w, const struct slot *s);

#endif
