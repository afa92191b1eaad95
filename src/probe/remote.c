/*
 * A password is formatted into its request once, and wiped with it.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/role.h"

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

static int format_key(struct remote *r)
{
    const char *argv[2] = { "EXISTS", r->config->probe_key };

    return argv[1] != NULL ? request_format(&r->key, 2, argv) : 0;
}

int remote_init(struct remote *r, struct config_instance *config,
                struct resolver *resolver, struct err *e)
{
    r->config = config_instance_ref(config);
    if (format_auth(r) != 0 || format_key(r) != 0) {
        err_set(e, "out of memory for the requests of %s", config->name);
        return -1;
    }
    if (config->tls) {
        r->tls = tls_peer_new(config->tls_context,
                              config->tls_server_name != NULL
                                  ? config->tls_server_name
                                  : config->host,
                              e);
        if (r->tls == NULL)
            return -1;
    }
    if (config->path != NULL ||
        net_addr_parse(config->host, config->port, &r->addr))
        return 0;
    r->name = resolver_name_get(resolver, config->host, e);
    return r->name != NULL ? 0 : -1;
}

const char *remote_role_word(const struct remote *r)
{
    switch (r->role) {
    case ROLE_ANY:
        return "";
    case ROLE_OTHER:
        return r->other_role != NULL ? r->other_role : role_name(r->role);
    case ROLE_MASTER:
    case ROLE_REPLICA:
    case ROLE_SENTINEL:
    case ROLE_ACTIVE_REPLICA:
        break;
    }
    return role_name(r->role);
}

void remote_refused(struct remote *r, const char *words)
{
    char *copy = words != NULL ? strdup(words) : NULL;

    if (words != NULL && copy == NULL)
        return;
    free(r->refusal);
    r->refusal = copy;
}

void remote_clear(struct remote *r)
{
    resolver_name_put(r->name);
    request_clear(&r->auth);
    tls_peer_free(r->tls);
    request_clear(&r->key);
    free(r->other_role);
    free(r->refusal);
    free(r->info.words);
    config_instance_unref(r->config);
}

void remote_place(const struct remote *r, const struct net_addr *addr,
                  struct place *out)
{
    struct stat st;

    memset(out, 0, sizeof *out);
    if (r->config->path == NULL) {
        out->u.addr = *addr;
    } else if (stat(r->config->path, &st) == 0) {
        out->u.file.device = st.st_dev;
        out->u.file.inode = st.st_ino;
    }
}

bool remote_leads_to(const struct remote *r, const struct place *place)
{
    struct net_addr addrs[RESOLVER_ADDRS];
    struct place now;
    size_t n = 0;

    if (r->config->path != NULL) {
        remote_place(r, NULL, &now);
        return now.u.file.inode != 0 &&
               memcmp(&now.u.file, &place->u.file, sizeof now.u.file) == 0;
    }
    if (r->name == NULL || resolver_addrs(r->name, r->config->port, addrs, &n,
                                          NULL) == RESOLVER_PENDING)
        return true;
    for (size_t i = 0; i < n; i++) {
        if (net_addr_same_host(&addrs[i], &place->u.addr))
            return true;
    }
    return false;
}

bool remote_has_moved(struct remote *r)
{
    uint32_t before = r->list_version;

    if (r->name == NULL)
        return false;
    r->list_version = resolver_version(r->name);
    return r->list_version != before;
}
