/*
 * Checks of the strings of a configuration.  A check runs once, at the
 * line where the value stands; the functions that take an accepted value
 * apart rely on it.  Its message continues the key's name.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <pwd.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "agent/net_allow.h"
#include "agent/escape.h"
#include "agent/utf8.h"

#include "keys.h"

#define ID_MAX      64
#define HOST_MAX    253 /* RFC 1035 */
#define ROOT_MAX    256
#define SERVERS_MAX 32

static const char NAME_CHARS[] = "abcdefghijklmnopqrstuvwxyz"
                                 "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

int config_check_text(const char *text, struct err *e)
{
    if (*text == ';') {
        err_set(e, "begins with ;: a comment needs a space before it");
        return -1;
    }
    while (*text) {
        uint32_t cp;
        size_t n = utf8_at(text, &cp);

        if (n == 0) {
            err_set(e, "is not valid UTF-8");
            return -1;
        }
        if (cp < 0x20 || (cp >= 0x7f && cp < 0xa0)) {
            err_set(e, "holds a control character");
            return -1;
        }
        text += n;
    }
    return 0;
}

static int check_name(const char *text, size_t max, struct err *e)
{
    char got[ESCAPED_SIZE];
    size_t len = strlen(text);

    if (len == 0 || len > max || text[strspn(text, NAME_CHARS)] != '\0' ||
        strcmp(text, ".") == 0 || strcmp(text, "..") == 0) {
        err_set(e, "must be 1..%zu letters, digits, . _ or -, got %s", max,
                config_show(text, got));
        return -1;
    }
    return 0;
}

int config_check_id(const char *text, struct err *e)
{
    return check_name(text, ID_MAX, e);
}

int config_check_instance(const char *text, struct err *e)
{
    return check_name(text, CONFIG_NAME_MAX, e);
}

int config_check_allow(const char *text, struct err *e)
{
    struct net_allow *a = net_allow_new(text, e);

    net_allow_unref(a);
    return a != NULL ? 0 : -1;
}

int config_check_user(const char *text, struct err *e)
{
    if (check_name(text, 32, e) != 0)
        return -1;
    if (getpwnam(text) != NULL)
        return 0;
    err_set(e, "names no user of this system: %s", text);
    return -1;
}

/* A file that can be made: where it is to stand must be there already. */
static int check_place(const char *text, struct err *e)
{
    char got[ESCAPED_SIZE];
    struct stat st;
    size_t len = (size_t)(strrchr(text, '/') - text);
    char *folder = strndup(text, len > 0 ? len : 1);
    bool there =
        folder != NULL && stat(folder, &st) == 0 && S_ISDIR(st.st_mode);

    free(folder);
    if (there && (stat(text, &st) != 0 || !S_ISDIR(st.st_mode)))
        return 0;
    err_set(e, "must be a file in a folder that is there, got %s",
            config_show(text, got));
    return -1;
}

/* Absolute, because a daemon's working directory is / and another's is not. */
int config_check_path(const char *text, struct err *e)
{
    char got[ESCAPED_SIZE];

    if (text[0] != '/' || text[1] == '\0') {
        err_set(e, "must be an absolute path, got %s", config_show(text, got));
        return -1;
    }
    return 0;
}

int config_check_new_file(const char *text, struct err *e)
{
    return config_check_path(text, e) != 0 ? -1 : check_place(text, e);
}

int config_check_log(const char *text, struct err *e)
{
    char got[ESCAPED_SIZE];

    if (strcmp(text, "stderr") == 0 || strcmp(text, "syslog") == 0)
        return 0;
    if (text[0] == '/' && text[1] != '\0')
        return check_place(text, e);
    err_set(e, "must be stderr, syslog or an absolute path, got %s",
            config_show(text, got));
    return -1;
}

/* ZooKeeper refuses these in a path (PathUtils.validatePath). */
static bool zookeeper_refuses(uint32_t cp)
{
    return cp < 0x20 || (cp >= 0x7f && cp <= 0x9f) ||
           (cp >= 0xe000 && cp <= 0xf8ff) || (cp >= 0xfff0 && cp <= 0xffff);
}

static const char *root_fault(const char *text)
{
    if (text[0] != '/')
        return "must begin with /";
    if (strlen(text) > ROOT_MAX)
        return "is too long (256 bytes at most)";
    if (text[1] == '\0')
        return NULL;
    for (const char *part = text; *part;) {
        size_t len = strcspn(++part, "/");

        if (len == 0)
            return "must not end with / nor hold an empty part";
        if ((len == 1 || len == 2) && strspn(part, ".") >= len)
            return "must not hold . or .. as a part";
        part += len;
    }
    /* config_check_text came first: it is UTF-8. */
    uint32_t cp;
    for (const char *p = text; *p != '\0'; p += utf8_at(p, &cp)) {
        if (utf8_at(p, &cp) == 0 || zookeeper_refuses(cp))
            return "holds a character that ZooKeeper refuses";
    }
    return NULL;
}

int config_check_root(const char *text, struct err *e)
{
    const char *fault = root_fault(text);
    char got[ESCAPED_SIZE];

    if (fault == NULL)
        return 0;
    err_set(e, "%s, got %s", fault, config_show(text, got));
    return -1;
}

static bool parse_port(const char *text, uint16_t *out)
{
    unsigned long value = 0;
    size_t len = strspn(text, "0123456789");

    if (len == 0 || len > 5 || text[len] != '\0')
        return false;
    value = strtoul(text, NULL, 10);
    *out = (uint16_t)value;
    return value >= 1 && value <= 65535;
}

/* An IPv6 address of LEN bytes, perhaps with a %scope. */
static bool valid_v6(const char *text, size_t len)
{
    char copy[INET6_ADDRSTRLEN];
    struct in6_addr addr;
    const char *scope = memchr(text, '%', len);
    size_t plain = scope != NULL ? (size_t)(scope - text) : len;

    if (plain >= sizeof copy)
        return false;
    memcpy(copy, text, plain);
    copy[plain] = '\0';
    if (inet_pton(AF_INET6, copy, &addr) != 1)
        return false;
    if (scope == NULL)
        return true;
    /* The name of a network interface. */
    return len - plain >= 2 && len - plain <= 16 &&
           strspn(scope + 1, NAME_CHARS) >= len - plain - 1;
}

/* Where the host of host:port or [v6]:port is; false if TEXT is neither. */
static bool find_host(const char *text, const char **host, size_t *len,
                      uint16_t *port)
{
    const char *end;

    if (*text == '[') {
        *host = text + 1;
        end = strchr(text, ']');
        if (end == NULL || end[1] != ':')
            return false;
        *len = (size_t)(end - *host);
        return valid_v6(*host, *len) && parse_port(end + 2, port);
    }
    *host = text;
    *len = strspn(text, NAME_CHARS);
    return *len > 0 && *len <= HOST_MAX && text[*len] == ':' &&
           parse_port(text + *len + 1, port);
}

int config_check_address(const char *text, struct err *e)
{
    const size_t path_max = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;
    char got[ESCAPED_SIZE];
    const char *host;
    size_t len;
    uint16_t port;

    if (strncmp(text, "unix:", 5) == 0) {
        if (text[5] == '/' && text[6] != '\0' && strlen(text + 5) <= path_max)
            return 0;
        err_set(e,
                "must name an absolute path of at most %zu bytes "
                "after unix:, got %s",
                path_max, config_show(text, got));
        return -1;
    }
    if (find_host(text, &host, &len, &port))
        return 0;
    err_set(e, "must be host:port, [v6]:port or unix:/path, got %s",
            config_show(text, got));
    return -1;
}

int config_check_listen(const char *text, struct err *e)
{
    char got[ESCAPED_SIZE], host[INET_ADDRSTRLEN];
    const char *start;
    struct in_addr addr;
    size_t len;
    uint16_t port;

    if (config_check_address(text, e) != 0)
        return -1;
    if (text[0] == '[' || !find_host(text, &start, &len, &port))
        return 0;
    snprintf(host, sizeof host, "%.*s", (int)len, start);
    if (len < sizeof host && inet_pton(AF_INET, host, &addr) == 1)
        return 0;
    /* A name may have many addresses, or another one tomorrow. */
    err_set(e, "must have a numeric address, got %s", config_show(text, got));
    return -1;
}

int config_split_address(const char *text, char **host, uint16_t *port,
                         char **path)
{
    const char *start;
    size_t len;

    if (strncmp(text, "unix:", 5) == 0) {
        *path = strdup(text + 5);
        return *path != NULL ? 0 : -1;
    }
    if (!find_host(text, &start, &len, port))
        return -1;
    *host = strndup(start, len);
    return *host != NULL ? 0 : -1;
}

/* The next item of a comma-separated list, cut out of *REST in place. */
static char *next_item(char **rest)
{
    char *item = strsep(rest, ",");
    size_t len;

    if (item == NULL)
        return NULL;
    item += strspn(item, " \t");
    len = strlen(item);
    while (len > 0 && strchr(" \t", item[len - 1]))
        item[--len] = '\0';
    return item;
}

static int check_server(const char *item, struct err *e)
{
    char got[ESCAPED_SIZE];
    const char *host;
    size_t len;
    uint16_t port;

    if (strchr(item, '/')) {
        err_set(e, "must not name a path (use root for that), got %s",
                config_show(item, got));
        return -1;
    }
    if (find_host(item, &host, &len, &port))
        return 0;
    err_set(e, "must be host:port or [v6]:port, comma-separated, got %s",
            *item != '\0' ? config_show(item, got) : "an empty item");
    return -1;
}

int config_check_servers(const char *text, struct err *e)
{
    char *copy = strdup(text);
    char *rest = copy;
    char *item;
    size_t n = 0;
    int rc = 0;

    if (copy == NULL) {
        err_set(e, "cannot be checked: out of memory for a copy");
        return -1;
    }
    while (rc == 0 && (item = next_item(&rest))) {
        rc = check_server(item, e);
        if (rc == 0 && ++n > SERVERS_MAX) {
            err_set(e, "must be 1..%d servers", SERVERS_MAX);
            rc = -1;
        }
    }
    free(copy);
    return rc;
}

/* Of a host's name, without a port. */
static size_t name_length(const char *text)
{
    return strspn(text, "abcdefghijklmnopqrstuvwxyz"
                        "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                        "0123456789._-");
}

int config_check_host(const char *text, struct err *e)
{
    char got[ESCAPED_SIZE];
    size_t len = name_length(text);

    if (len > 0 && text[len] == '\0')
        return 0;
    err_set(e, "must be a name without a port, got %s", config_show(text, got));
    return -1;
}

int config_check_hosts(const char *text, struct err *e)
{
    char got[ESCAPED_SIZE];
    const char *at = text;

    for (;;) {
        size_t len;

        at += strspn(at, " \t");
        len = name_length(at);
        if (len == 0)
            break;
        at += len;
        at += strspn(at, " \t");
        if (*at == '\0')
            return 0;
        if (*at++ != ',')
            break;
    }
    err_set(e, "must be names without a port, comma-separated, got %s",
            config_show(text, got));
    return -1;
}

int config_split_servers(const char *text, struct config_server **out,
                         size_t *n)
{
    char *copy = strdup(text);
    char *rest = copy;
    char *item;
    int rc = 0;

    *n = 0;
    *out = calloc(SERVERS_MAX, sizeof **out);
    if (copy == NULL || *out == NULL)
        rc = -1;
    while (rc == 0 && (item = next_item(&rest))) {
        struct config_server *s = &(*out)[*n];
        char *path = NULL;

        rc = config_split_address(item, &s->host, &s->port, &path);
        if (rc == 0)
            ++*n;
    }
    free(copy);
    if (rc == 0)
        return 0;
    config_servers_free(*out, *n);
    *out = NULL;
    *n = 0;
    return -1;
}

void config_servers_free(struct config_server *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(s[i].host);
    free(s);
}
