# Sourced by scripts/demo, scripts/fuzz, scripts/soak, scripts/test and .ci/run;
# stands in the top folder.
#
# begin_tests comes before everything that counts: results go, one line
# "passed failed" a step, to the file $TALLY in a scratch folder that is $TMPDIR
# for all that runs.  It goes at the end, unless something failed.

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

# The first of the two that is there: the one with Debian's own modules.
PYTHON=/usr/bin/python3

# build DIR COMPILER [MESON OPTION]...: configures and compiles $BUILD_TARGET,
# or all that is built by default; silent when it works.
build()
{
    local dir=$1 log status=0
    local -x CC=$2
    shift 2
    log=$(mktemp)
    configure "$dir" "$@" >"$log" 2>&1 &&
        ninja -C "$dir" ${BUILD_TARGET:+"$BUILD_TARGET"} >>"$log" 2>&1 ||
        status=1
    [ $status -eq 0 ] || cat "$log" >&2
    rm -f "$log"
    return $status
}

# What an older tree or another compiler left in DIR is begun anew.
configure()
{
    local dir=$1
    shift
    if [ -e "$dir/build.ninja" ] && grep -qs "^$CC " "$dir/compiler" &&
        meson setup --reconfigure "$dir" "$@"; then
        return 0
    fi
    rm -rf "$dir"
    meson setup "$dir" "$@" && echo "$CC $*" >"$dir/compiler"
}

begin_tests()
{
    # Short, because paths of UNIX sockets begin with it; open, because some
    # tests become another user.
    TMPDIR=$(mktemp -d "${TMPDIR:-/tmp}/t.XXXXXX") || exit 1
    chmod 755 "$TMPDIR"
    export TMPDIR
    TALLY=$TMPDIR/tally
    trap 'rm -rf "$TMPDIR"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
}

# count PASSED FAILED
count()
{
    echo "$1 $2" >>"$TALLY"
}

# check NAME COMMAND...: a step that passes or fails as a whole.
check()
{
    local name=$1
    shift
    echo
    echo "== $name"
    if "$@"; then
        count 1 0
    else
        count 0 1
        echo "FAILED: $name"
        return 1
    fi
}

# count_junit FILE NAME STATUS: counts each test of a JUnit report; a failure
# that is in STATUS alone, as of a test of meson's that took too long, is one.
count_junit()
{
    "$PYTHON" - "$1" "$2" "$3" <<'END' | tee -a "$TALLY" >/dev/null
import sys
import xml.etree.ElementTree as tree

try:
    suites = list(tree.parse(sys.argv[1]).getroot().iter("testsuite"))
except (OSError, tree.ParseError) as e:
    print(f"scripts/lib.sh: {sys.argv[2]}: no report: {e}", file=sys.stderr)
    print("0 1")
    sys.exit()
total = {k: sum(int(s.get(k, 0)) for s in suites)
         for k in ("tests", "failures", "errors", "skipped")}
failed = total["failures"] + total["errors"]
passed = total["tests"] - failed - total["skipped"]
if failed == 0 and sys.argv[3] != "0":
    passed, failed = passed - 1, 1
print(passed, failed)
END
}

# unit DIR [MESON TEST OPTION]...: the cmocka tests of a build.
unit()
{
    local dir=$1 report=$1/meson-logs/testlog.junit.xml
    shift
    echo
    echo "== unit tests, $dir"
    rm -f "$report"
    meson test -C "$dir" --no-rebuild --print-errorlogs "$@"
    count_junit "$report" "unit tests" $?
}

# system_tests DIR [PYTEST ARGUMENT]...: real servers, the program of a build.
system_tests()
{
    local dir=$1 report=$1/system.junit.xml
    shift
    echo
    echo "== system tests, $dir"
    rm -f "$report"
    AGENT_BIN=$PWD/$dir/sentinel-agent "$PYTHON" -m pytest -q \
        -p no:cacheprovider --basetemp="$TMPDIR/${dir#build-}" \
        --junitxml="$report" -n "${JOBS:-4}" -rs test/system test/soak "$@"
    count_junit "$report" "system tests" $?
}

# The closing line; false when anything failed, or nothing ran at all.
closing_line()
{
    echo
    if grep -qv ' 0$' "$TALLY"; then
        trap - EXIT
        echo "What the tests left there is kept: $TMPDIR"
    fi
    awk '{ passed += $1; failed += $2 }
        END {
            printf "%d passed, %d failed\n", passed, failed
            exit failed != 0 || passed == 0
        }' "$TALLY"
}
