#!/bin/bash
# libzookeeper_mt 3.8.0 (Debian 12) exports its own helper log_message, and
# calls it through the dynamic linker.  A program that happens to have a
# function of that name, and exports it (-rdynamic, or any shared library it
# loads), gets the library's calls instead, with the library's arguments
# (callback, level, line, function, format ...); the log of the library falls
# silent, without a warning from compiler or linker.
. "$(dirname "$0")/common.bash"
fetch bookworm libzookeeper-mt2=3.8.0-11+deb12u2 \
    libzookeeper-mt-dev=3.8.0-11+deb12u2
command -v gcc >/dev/null || cannot "no gcc"

cat >"$tmp/p.c" <<'END'
#include <stdio.h>
#include <unistd.h>
#include <zookeeper/zookeeper.h>

static int taken;
#ifdef WITH_ONE
/* As a program may well call its own. */
void log_message(void *callback, int level, int line, const char *function);
void log_message(void *callback, int level, int line, const char *function)
{
    (void)callback, (void)level, (void)line, (void)function;
    taken++;
}
#endif
static int heard;
static void hear(const char *text)
{
    (void)text;
    heard++;
}

int main(int argc, char **argv)
{
    (void)argc;
    zoo_set_debug_level(ZOO_LOG_LEVEL_INFO);
    zoo_set_log_stream(fopen("/dev/null", "w"));
    /* Its parser of addresses logs what it makes of them. */
    zhandle_t *z = zookeeper_init2(argv[1], NULL, 4000, NULL, NULL, 0, hear);
    if (z != NULL)
        zookeeper_close(z);
    printf("the callback heard %s, the program's log_message %s\n",
           heard > 0 ? "some" : "nothing", taken > 0 ? "some" : "nothing");
    return 0;
}
END
build() {
    gcc -w -rdynamic -DTHREADED "$@" -I"$root/usr/include" "$tmp/p.c" \
        -o "$tmp/p" "$root"/usr/lib/x86_64-linux-gnu/libzookeeper_mt.so.2 ||
        cannot "does not compile"
}
run() {
    LD_LIBRARY_PATH=$root/usr/lib/x86_64-linux-gnu "$tmp/p" \
        "127.0.0.1:$(free_port)"
}
build
same "without one" \
    "the callback heard some, the program's log_message nothing" "$(run)"
build -DWITH_ONE
same "with one" \
    "the callback heard nothing, the program's log_message some" "$(run)"
exit $differ
