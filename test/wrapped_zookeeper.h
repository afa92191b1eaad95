#ifndef TEST_WRAPPED_ZOOKEEPER_H
#define TEST_WRAPPED_ZOOKEEPER_H

#include <stdatomic.h>

#include <zookeeper/zookeeper.h>

/*
 * Calls of the client library that the linker wraps (--wrap in meson.build):
 * what they saw, and what they are to do.
 */
extern struct wrapped_zookeeper {
    atomic_uint handles;              /* made so far */
    _Atomic(zhandle_t *) last_handle; /* its address may come again */
    atomic_bool swallow_gets;         /* none is sent, none is answered */
    atomic_bool block_closes;         /* they wait until this is false */
    atomic_int refused_threads;       /* so many are not created */
} wrapped_zookeeper;

/* Of the last session that the store asked for, with the password. */
clientid_t wrapped_zookeeper_id(void);

#endif
