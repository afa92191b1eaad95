# Sourced by scripts/demo, scripts/fuzz, scripts/soak, scripts/test and .ci/run;
# stands in the top folder.
#
# begin_tests comes before everything that counts: results go, one line
# "passed failed" a step, to the file $TALLY in a scratch folder that is $TMPDIR
# for all that runs.  It goes at the end, unless something failed.  A test that
# fails is run once more by itself: machines are noisy.

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

# What an older tree, another compiler or other options left in DIR is begun
# anew.
configure()
{
    local dir=$1
    shift
    if [ -e "$dir/build.ninja" ] && grep -qsx -- "$CC $*" "$dir/compiler" &&
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
    FLAKY=$TMPDIR/flaky
    touch "$FLAKY"
    trap 'rm -rf "$TMPDIR"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
}

# count PASSED FAILED
count()
{
    echo "$1 $2" >>"$TALLY"
}

# begin_step NAME, end_step: a heading, and how long what follows it took.
begin_step()
{
    echo
    echo "== $1"
    step=$1
    step_began=$SECONDS
}

end_step()
{
    echo "-- $step: $((SECONDS - step_began)) s"
}

# check NAME COMMAND...: a step that passes or fails as a whole; with 77 it says
# that it cannot be judged here, and counts as neither.
check()
{
    local status=0
    begin_step "$1"
    shift
    "$@" || status=$?
    case $status in
    0) count 1 0 ;;
    77) echo "NOT CHECKED: $step" ;;
    *)
        count 0 1
        echo "FAILED: $step"
        ;;
    esac
    end_step
    return $status
}

# More failures than this are no noise of a busy machine.
MOST_RUN_AGAIN=20

# run_again REPORT: whether what failed in it is to be run once more, alone.
run_again()
{
    local failed
    failed=$("$PYTHON" scripts/results.py failed "$1" 2>/dev/null | wc -l)
    [ "$failed" -ge 1 ] && [ "$failed" -le $MOST_RUN_AGAIN ] || return 1
    echo "== once more, alone: what failed in: $step"
}

# count_results STATUS REPORT [AGAIN]: counts each test of the step's report;
# one that passed when it ran AGAIN goes to $FLAKY by its name.
count_results()
{
    "$PYTHON" scripts/results.py count "$step" "$@" >"$TMPDIR/results"
    sed -n 1p "$TMPDIR/results" >>"$TALLY"
    sed 1d "$TMPDIR/results" >>"$FLAKY"
}

# unit DIR [MESON TEST OPTION]...: the cmocka tests of a build.
unit()
{
    local dir=$1 logs=$1/meson-logs first status=0
    local test=(meson test -C "$dir" --no-rebuild --print-errorlogs)
    shift
    begin_step "unit tests, $dir${REDIS_SERVER:+, $REDIS_SERVER}"
    rm -f "$logs"/first*.json "$logs"/again*.json
    "${test[@]}" --logbase first "$@" || status=$?
    # With a wrapper meson adds that one's name.
    first=$(echo "$logs"/first*.json)
    if run_again "$first"; then
        # shellcheck disable=SC2046
        "${test[@]}" --logbase again --num-processes 1 "$@" \
            $("$PYTHON" scripts/results.py failed "$first")
    fi
    # shellcheck disable=SC2046
    count_results $status "$first" $(compgen -G "$logs/again*.json")
    end_step
}

# system_tests DIR [PYTEST ARGUMENT]...: real servers, the program of a build.
system_tests()
{
    local dir=$1 report=$1/system.junit.xml status=0 again=
    shift
    begin_step "system tests, $dir${REDIS_SERVER:+, $REDIS_SERVER}"
    rm -f "$report" "$dir/again.junit.xml"
    run_pytest "$dir" --junitxml="$report" "$@" || status=$?
    if run_again "$report"; then
        again=$dir/again.junit.xml
        run_pytest "$dir" --junitxml="$again" "$@" -n 0 --last-failed
    fi
    count_results $status "$report" ${again:+"$again"}
    end_step
}

# run_pytest DIR [ARGUMENT]...: which tests failed is remembered for a run with
# --last-failed, in a folder outside the tree; by itself the suite keeps none.
run_pytest()
{
    local dir=$1 temp=$TMPDIR/${1#build-}
    shift
    [ ! -e "$temp" ] || temp+=2
    AGENT_BIN=$PWD/$dir/sentinel-agent "$PYTHON" -m pytest -q \
        -o addopts=--strict-markers -o cache_dir="$TMPDIR/last-${dir#build-}" \
        --basetemp="$temp" -n "${JOBS:-4}" -rs test/system test/soak "$@"
}

# The closing line, after the names of the tests that passed only the second
# time; false when anything failed, or nothing ran at all.
closing_line()
{
    echo
    cat "$FLAKY"
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
