/*
 * Every name is unique, and every port the kernel's choice, so that the tests
 * may run side by side, and beside those of another tree.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "must.h"
#include "scratch.h"

static void name_pattern(char path[SCRATCH_SIZE])
{
    const char *tmp = getenv("TMPDIR");
    int n;

    if (tmp == NULL || tmp[0] != '/')
        tmp = "/tmp";
    n = snprintf(path, SCRATCH_SIZE, "%s/test-agent.XXXXXX", tmp);
    MUST(n < SCRATCH_SIZE);
}

void scratch_dir(char path[SCRATCH_SIZE])
{
    name_pattern(path);
    MUST(mkdtemp(path) != NULL);
}

void scratch_file(char path[SCRATCH_SIZE], const char *text)
{
    ssize_t len = (ssize_t)strlen(text);
    int fd;

    name_pattern(path);
    fd = mkstemp(path);
    MUST(fd >= 0);
    MUST(write(fd, text, (size_t)len) == len);
    close(fd);
}

unsigned scratch_port(int *fd)
{
    struct sockaddr_in in = { .sin_family = AF_INET };
    socklen_t len = sizeof in;

    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    MUST(*fd >= 0);
    MUST(bind(*fd, (struct sockaddr *)&in, len) == 0);
    MUST(getsockname(*fd, (struct sockaddr *)&in, &len) == 0);
    return ntohs(in.sin_port);
}

size_t scratch_entries(const char *dir)
{
    DIR *d = opendir(dir);
    size_t n = 0;

    MUST(d != NULL);
    while (readdir(d) != NULL)
        n++;
    closedir(d);
    return n;
}
