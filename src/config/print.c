/*
 * The settings in force, as a file that could be loaded.  Everything is
 * spelled out: there is no [defaults], each instance has all its keys.
 */
#include "keys.h"

static void print_section(const struct config_keyset *set, const char *name,
                          const void *base, FILE *out)
{
    if (name != NULL)
        fprintf(out, "\n[%s:%s]\n", set->name, name);
    else
        fprintf(out, "%s[%s]\n",
                set == &CONFIG_KEYSETS[SECTION_AGENT] ? "" : "\n", set->name);
    for (size_t i = 0; i < set->nkeys; i++)
        config_value_print(&set->keys[i], base, out);
}

static void print_instance(const struct config_instance *i, FILE *out)
{
    struct config_instance copy = *i;

    /* Read from there: the file may name one of the two only. */
    if (i->password_file)
        copy.password = NULL;
    if (!i->tls) /* from the defaults, and of no effect */
        copy.tls_ca_file = copy.tls_ca_dir = copy.tls_cert_file =
            copy.tls_key_file = copy.tls_server_name = NULL;
    print_section(&CONFIG_KEYSETS[SECTION_INSTANCE], i->name, &copy, out);
}

static void print_credentials(const struct config_instance *c, FILE *out)
{
    struct config_instance copy = *c;

    /* Read from there: the file may name one of the two only. */
    if (c->password_file)
        copy.password = NULL;
    print_section(&CONFIG_KEYSETS[SECTION_CREDENTIALS], c->name, &copy, out);
}

void config_print(const struct config *c, FILE *out)
{
    print_section(&CONFIG_KEYSETS[SECTION_AGENT], NULL, c, out);
    if (c->zookeeper.enabled)
        print_section(&CONFIG_KEYSETS[SECTION_ZOOKEEPER], NULL, c, out);
    if (c->http.enabled)
        print_section(&CONFIG_KEYSETS[SECTION_HTTP], NULL, c, out);
    if (c->fleet.enabled)
        print_section(&CONFIG_KEYSETS[SECTION_FLEET], NULL, c, out);
    for (size_t i = 0; i < c->ncredentials; i++)
        print_credentials(c->credentials[i], out);
    for (size_t i = 0; i < c->ninstances; i++)
        print_instance(c->instances[i], out);
}
