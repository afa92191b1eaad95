/*
 * OpenSSL costs 1.7 MB of memory by being linked alone, and most configurations
 * have no use for it.  So it is loaded by the first that has.
 *
 * One library is asked for all of the names: what libcrypto has is found
 * through libssl, which needs it.  All names are bound at once, so that no
 * thread of the long run ever waits for the loader.  It is never unloaded:
 * OpenSSL leaves work for the end of each thread.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "tls_library.h"
#include "tls_memory.h"

#define STRING_OF(x) #x
#define EXPANDED(x)  STRING_OF(x)
#define LIBRARY      "libssl.so." EXPANDED(OPENSSL_SHLIB_VERSION)

struct tls_library tls_library;

static const struct {
    const char *name;
    void *at; /* the pointer to it, in tls_library */
} CALLS[] = {
#define ROW(f) { #f, (void *)&f },
    TLS_LIBRARY(ROW)
#undef ROW
};

static pthread_mutex_t loading = PTHREAD_MUTEX_INITIALIZER;
static bool loaded; /* guarded by it */

static int load(struct err *e)
{
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        err_set(e, "cannot load OpenSSL: %s", dlerror());
        return -1;
    }
    for (size_t i = 0; i < sizeof CALLS / sizeof *CALLS; i++) {
        void *found = dlsym(library, CALLS[i].name);
        if (found == NULL) {
            err_set(e, "cannot use OpenSSL: %s", dlerror());
            dlclose(library);
            return -1;
        }
        *(void **)CALLS[i].at = found;
    }
    /* Refused where another library has used it already, which does no harm. */
    if (tls_memory_fits())
        (void)CRYPTO_set_mem_functions(tls_memory_take, tls_memory_resize,
                                       tls_memory_give);
    return 0;
}

int tls_library_load(struct err *e)
{
    pthread_mutex_lock(&loading);
    loaded = loaded || load(e) == 0;
    int rc = loaded ? 0 : -1;
    pthread_mutex_unlock(&loading);
    return rc;
}
