#ifndef BENCH_ADDRESS_H
#define BENCH_ADDRESS_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>

/*
 * Where instance I of a farm is: all of 127.0.0.0/8 is this machine, so that
 * thousands of instances with addresses of their own need one port and one
 * listening socket.  bench.py counts in the same way.
 */
static inline struct sockaddr_in farm_address(unsigned i, uint16_t port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };

    a.sin_addr.s_addr = htonl(127U << 24 | (1 + i / 250 / 250) << 16 |
                              i / 250 % 250 << 8 | (1 + i % 250));
    return a;
}

/* The reverse. */
static inline unsigned farm_index(const struct sockaddr_in *a)
{
    uint32_t ip = ntohl(a->sin_addr.s_addr);

    return ((ip >> 16 & 255) - 1) * 250 * 250 + (ip >> 8 & 255) * 250 +
           (ip & 255) - 1;
}

#endif
