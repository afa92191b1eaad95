#include <assert.h>
#include <stddef.h>

#include "agent/loop.h"

int loop_open(struct loop *l, void (*woken)(void *), void *arg,
              const char *name, struct err *e)
{
    int rc = uv_loop_init(&l->uv);

    if (rc != 0) {
        err_set(e, "%s: uv_loop_init: %s", name, uv_strerror(rc));
        return -1;
    }
    if (loop_wake_open(&l->wake, &l->uv, woken, arg, e) == 0)
        return 0;
    uv_loop_close(&l->uv);
    return -1;
}

static void close_handle(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

void loop_close(struct loop *l)
{
    uv_walk(&l->uv, close_handle, NULL);
    uv_run(&l->uv, UV_RUN_DEFAULT);
    int rc = uv_loop_close(&l->uv);
    assert(rc == 0);
    (void)rc;
    loop_wake_clear(&l->wake);
}
