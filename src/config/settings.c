/*
 * The life of settings: they are made by reading, shared by counted
 * references, and wiped where they held a secret.
 */
#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "agent/net_allow.h"
#include "agent/tls.h"
#include "files.h"
#include "settings.h"

/* The count stands outside of what others see. */
struct counted_instance {
    struct config_instance public; /* first: one is cast to the other */
    atomic_uint references;
};

struct config_instance *config_instance_new(const char *name)
{
    struct counted_instance *i = calloc(1, sizeof *i);

    if (i == NULL)
        return NULL;
    i->public.name = strdup(name);
    atomic_init(&i->references, 1);
    if (i->public.name)
        return &i->public;
    free(i);
    return NULL;
}

struct config_instance *config_instance_ref(struct config_instance *i)
{
    struct counted_instance *counted = (struct counted_instance *)i;
    unsigned before = atomic_fetch_add_explicit(&counted->references, 1,
                                                memory_order_relaxed);

    assert(before > 0);
    (void)before;
    return i;
}

void config_instance_unref(struct config_instance *i)
{
    struct counted_instance *counted = (struct counted_instance *)i;

    if (i == NULL || atomic_fetch_sub_explicit(&counted->references, 1,
                                               memory_order_acq_rel) != 1)
        return;
    config_values_free(&CONFIG_KEYSETS[SECTION_INSTANCE], i);
    free(i->name);
    free(i->host);
    free(i->path);
    tls_context_put(i->tls_context);
    net_allow_unref(i->allow);
    free(i->fault);
    free(counted);
}

void config_drop_instances(struct config *c)
{
    for (size_t i = 0; i < c->ninstances; i++)
        config_instance_unref(c->instances[i]);
    free(c->instances);
    c->instances = NULL;
    c->ninstances = 0;
}

void config_free(struct config *c)
{
    if (c == NULL)
        return;
    config_drop_instances(c);
    for (size_t i = 0; i < c->ncredentials; i++)
        config_instance_unref(c->credentials[i]);
    free(c->credentials);
    config_servers_free(c->zookeeper.servers, c->zookeeper.nservers);
    if (c->zookeeper.digest != NULL)
        config_wipe(c->zookeeper.digest, strlen(c->zookeeper.digest));
    config_values_free(&CONFIG_KEYSETS[SECTION_AGENT], c);
    config_values_free(&CONFIG_KEYSETS[SECTION_ZOOKEEPER], c);
    config_values_free(&CONFIG_KEYSETS[SECTION_HTTP], c);
    config_values_free(&CONFIG_KEYSETS[SECTION_FLEET], c);
    net_allow_unref(c->fleet.allow);
    free(c->http.host);
    free(c->http.path);
    for (size_t i = 0; i < c->nfiles; i++)
        free(c->files[i].path);
    free(c->files);
    free(c);
}

static bool any_secret(struct config_instance *const *instances, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (instances[i]->password != NULL ||
            instances[i]->tls_key_file != NULL)
            return true;
    return false;
}

bool config_has_secrets(const struct config *c)
{
    return c->zookeeper.digest != NULL ||
           any_secret(c->instances, c->ninstances) ||
           any_secret(c->credentials, c->ncredentials);
}
