"""A wall clock that jumps, for one process: the monotonic one goes on."""

import os
import struct
import subprocess

SOURCE = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *offset_s;

__attribute__((constructor)) static void open_offset(void)
{
    int fd = open(getenv("WALL_CLOCK"), O_RDONLY | O_CLOEXEC);
    void *p = mmap(NULL, sizeof *offset_s, PROT_READ, MAP_SHARED, fd, 0);

    if (p == MAP_FAILED)
        abort();
    offset_s = p;
    close(fd);
}

int clock_gettime(clockid_t id, struct timespec *t)
{
    long rc = syscall(SYS_clock_gettime, id, t);

    if (rc == 0 && offset_s != NULL &&
        (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
        t->tv_sec += *offset_s;
    return (int)rc;
}

int gettimeofday(struct timeval *restrict t, void *restrict zone)
{
    struct timespec now;

    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    t->tv_sec = now.tv_sec;
    t->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *out)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    if (out != NULL)
        *out = now.tv_sec;
    return now.tv_sec;
}
"""


class WallClock:
    """Compiled in DIRECTORY; `prefix` starts a program under this clock."""

    def __init__(self, directory):
        directory.mkdir(parents=True, exist_ok=True)
        self.file = directory / "offset"
        self.file.write_bytes(struct.pack("q", 0))
        source, library = directory / "clock.c", directory / "clock.so"
        source.write_text(SOURCE)
        subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", library,
                        source], check=True, timeout=60)
        # A sanitizer would rather come first, but does not need to.
        asan = os.environ.get("ASAN_OPTIONS", "")
        self.prefix = ("env", f"WALL_CLOCK={self.file}",
                       f"ASAN_OPTIONS={asan}:verify_asan_link_order=0",
                       f"LD_PRELOAD={library}")
        self.offset_s = 0

    def set(self, offset_s):
        """From now on the program's wall clock is so far off."""
        self.offset_s = offset_s
        with open(self.file, "r+b") as f:
            f.write(struct.pack("q", offset_s))
