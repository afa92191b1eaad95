/*
 * A password is formatted into its request once, and wiped with it.
 */
#include <stdlib.h>

#include "remote.h"

static int format_auth(struct remote *r)
{
    const char *argv[3] = { "AUTH" };
    int argc = 1;

    if (r->config->password == NULL)
        return 0;
    if (r->config->username != NULL)
        argv[argc++] = r->config->username;
    argv[argc++] = r->config->password;
    return request_format(&r->auth, argc, argv);
}

int remote_init(struct remote *r, struct config_instance *config,
                struct resolver *resolver, struct err *e)
{
    r->config = config_instance_ref(config);
    if (format_auth(r) != 0) {
        err_set(e, "out of memory for the login of %s", config->name);
        return -1;
    }
    if (config->path != NULL ||
        net_addr_parse(config->host, config->port, &r->addr))
        return 0;
    r->name = resolver_name_get(resolver, config->host, e);
    return r->name != NULL ? 0 : -1;
}

void remote_clear(struct remote *r)
{
    resolver_name_put(r->name);
    request_clear(&r->auth);
    free(r->info.words);
    config_instance_unref(r->config);
}
