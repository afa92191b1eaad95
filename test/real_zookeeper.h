#ifndef TEST_REAL_ZOOKEEPER_H
#define TEST_REAL_ZOOKEEPER_H

#include <stdbool.h>
#include <stdint.h>

/*
 * A ZooKeeper of our own: one server, a free port, data in a temporary
 * directory, killed by its pid.  Failures of the set-up abort the test.
 */
struct real_zookeeper;

/* Waits until it answers, like real_zookeeper_revive. */
struct real_zookeeper *real_zookeeper_start(void);

/* kill -9, and remove the directory. */
void real_zookeeper_stop(struct real_zookeeper *z);

/* kill -9; then the same again on the same port. */
void real_zookeeper_kill(struct real_zookeeper *z);
void real_zookeeper_revive(struct real_zookeeper *z);

/* While it is killed: its data are lost. */
void real_zookeeper_forget(struct real_zookeeper *z);

/* After SIGSTOP it does stand still. */
void real_zookeeper_signal(struct real_zookeeper *z, int signal);

uint16_t real_zookeeper_port(const struct real_zookeeper *z);

/* Ends somebody else's session for certain.  False when the server did not
 * yet say that there is no such session (any more): to be called again. */
bool real_zookeeper_expire(struct real_zookeeper *z, int64_t session,
                           const char password[16]);

#endif
