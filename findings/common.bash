# Sourced by the findings: pinned Debian packages, unpacked into a temporary
# folder, so that nothing is installed and nothing outlives the script.
#
# A finding shows what a real library or server does on valid input.  It ends
# with 0 while that is so, with 1 when it has changed, with 2 when it could not
# be tried (no network, the pinned version is gone from the mirror).

set -u
tmp=$(mktemp -d "${TMPDIR:-/tmp}/finding.XXXXXX") || exit 2
chmod 755 "$tmp"
pids=()
# What in_root starts in the background is a child of the shell in $!.
end() {
    pkill -P "$1" || kill "$1" 2>/dev/null
    wait "$1" 2>/dev/null
}
trap 'for p in "${pids[@]}"; do end "$p"; done; rm -rf "$tmp"' EXIT

cannot() {
    echo "cannot be tried: $*" >&2
    exit 2
}

# apt for SUITE, with lists and cache of its own; the mirror is the machine's.
apt_of() {
    local suite=$1 tool=$2 uri
    shift 2
    if [ ! -e "$tmp/$suite.list" ]; then
        uri=$(apt-get indextargets --format '$(REPO_URI) $(COMPONENT)' |
            awk '$1 ~ /debian\/$/ && $2 == "main" { print $1; exit }')
        [ -n "$uri" ] || cannot "apt names no mirror of Debian"
        mkdir -p "$tmp/$suite.state/lists/partial" \
            "$tmp/$suite.cache/archives/partial"
        echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]" \
            "$uri $suite main" >"$tmp/$suite.list"
        echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]" \
            "${uri%/debian/}/debian-security $suite-security main" \
            >>"$tmp/$suite.list"
        apt_of "$suite" apt-get -qq update || cannot "apt-get update failed"
    fi
    "$tool" -o Dir::State="$tmp/$suite.state" -o Dir::State::status=/dev/null \
        -o Dir::Cache="$tmp/$suite.cache" \
        -o Dir::Etc::sourcelist="$tmp/$suite.list" \
        -o Dir::Etc::sourceparts=/dev/null -o APT::Sandbox::User=root "$@"
}

# fetch SUITE NAME=VERSION...: unpacks into $root; what they depend on is to be
# named too.
root=$tmp/root
fetch() {
    local suite=$1 deb
    shift
    mkdir -p "$root" "$tmp/debs"
    (cd "$tmp/debs" && apt_of "$suite" apt-get -qq download "$@") ||
        cannot "apt-get download $*"
    for deb in "$tmp"/debs/*.deb; do
        dpkg -x "$deb" "$root"
        rm "$deb"
    done
}

# Runs a program of $root with the libraries of $root, its libc among them.
in_root() {
    local loader
    loader=$(find "$root" -name 'ld-linux-*.so.*' | head -1)
    "$loader" --library-path \
        "$root/usr/lib/x86_64-linux-gnu:$root/lib/x86_64-linux-gnu" "$@"
}

free_port() {
    python3 -c 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])'
}

# await COMMAND...: at most ten seconds.
await() {
    local end=$((SECONDS + 10))
    until "$@" 2>/dev/null; do
        [ $SECONDS -lt $end ] || cannot "timed out: $*"
        sleep 0.05
    done
}

# same WHAT WANTED GOT
differ=0
same() {
    if [ "$2" = "$3" ]; then
        echo "as found: $1: $3"
    else
        echo "CHANGED: $1: found '$2', now '$3'"
        differ=1
    fi
}
