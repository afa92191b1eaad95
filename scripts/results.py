"""Reads the reports of test runs for scripts/lib.sh.

    results.py failed REPORT
    results.py count NAME STATUS REPORT [AGAIN]

REPORT is JUnit's XML, as pytest writes it, or the lines of JSON of meson.
`failed` prints the tests that failed, one a line.  `count` prints
"passed failed" and then a line "flaky: TEST" for each test that failed in
REPORT and passed in AGAIN, where the failed ones ran once more; these count as
passed.  A STATUS other than 0 without a failed test is one failure.
"""

import json
import re
import sys
import xml.etree.ElementTree as tree

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"


def from_junit(path):
    """Outcomes by test; one that fails twice, as in its clean-up, is one."""
    results = {}
    for case in tree.parse(path).getroot().iter("testcase"):
        name = f"{case.get('classname')}::{case.get('name')}"
        kinds = {child.tag for child in case}
        if kinds & {"failure", "error"}:
            results[name] = FAILED
        else:
            skipped = SKIPPED if "skipped" in kinds else PASSED
            results.setdefault(name, skipped)
    return results


def from_meson(path):
    """Its JUnit report does not tell that a test took too long; this does."""
    outcomes = {"OK": PASSED, "SKIP": SKIPPED}
    results = {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            test = json.loads(line)
            # "PROJECT:SUITE / NAME"
            name = re.split("[ :]", test["name"])[-1]
            results[name] = outcomes.get(test["result"], FAILED)
    return results


def read(path):
    return from_meson(path) if path.endswith(".json") else from_junit(path)


def names(results, outcome):
    return [name for name, seen in results.items() if seen == outcome]


def count(name, status, report, again=None):
    try:
        results = read(report)
        second = read(again) if again else {}
    except (OSError, ValueError, tree.ParseError) as e:
        print(f"scripts/results.py: {name}: no report: {e}", file=sys.stderr)
        print("0 1")
        return
    failed = names(results, FAILED)
    flaky = [test for test in failed if second.get(test) == PASSED]
    passed = len(names(results, PASSED))
    if not failed and status != "0":
        print(passed, 1)
    else:
        print(passed + len(flaky), len(failed) - len(flaky))
    for test in flaky:
        print(f"flaky: {test}")


if __name__ == "__main__":
    if sys.argv[1] == "failed":
        for test in names(read(sys.argv[2]), FAILED):
            print(test)
    else:
        count(*sys.argv[2:])
