#!/usr/bin/env python3
"""Do the quick unit tests notice a wrong source?

    mutate.py [OPTION]... FILE_OR_FOLDER...      e.g. src/publish --seed 7

Makes single changes at random in the given sources, each in a copy, never in
the tree: turns a comparison, negates a condition, drops a call, leaves out a
lock or a free.  Compiles the one object, links it into the unit tests that
contain it, and runs those until one fails; one that hangs counts as failed.
Prints what no test noticed, and the figure of each folder.

The scratch builds (build-mutate/ beside the sources, with AddressSanitizer,
and with ThreadSanitizer for the locks) are kept, so that the next run is
quick.  Changes that make no difference to the object, or do not compile, are
not counted.  Tests run in a PID namespace of their own, so that no changed
kill() meets others: run as root, or where users may unshare.
"""
import argparse
import collections
import concurrent.futures
import dataclasses
import json
import os
import pathlib
import random
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading

TOP = pathlib.Path(__file__).resolve().parent.parent
TURNED = {"==": "!=", "!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}
KINDS = ("compare", "negate", "call", "lock", "free", "log")
SANITIZERS = {"lock": "thread"}
# Not calls of ours, or not worth a change.
NO_CALL = {"if", "while", "for", "switch", "return", "sizeof", "assert",
           "va_start", "va_end", "_Static_assert", "defined"}
LOCK = re.compile(r"\w*(lock|unlock)(_\w+)?$")
FREE = re.compile(r"(\w+_)?(free|unref|destroy|close|forget|release)$")
LOG = re.compile(r"(LOG_EVENT|log_write)$")
HANG_S = 10


@dataclasses.dataclass
class Change:
    file: pathlib.Path
    kind: str
    at: int
    end: int
    text: str

    def source(self):
        old = self.file.read_text()
        # As many lines as before: __LINE__ must not make a difference.
        lines = old.count("\n", self.at, self.end) - self.text.count("\n")
        return old[:self.at] + self.text + "\n" * lines + old[self.end:]

    def __str__(self):
        old = self.file.read_text()
        line = old.count("\n", 0, self.at) + 1
        was = " ".join(old[self.at:self.end].split())
        if self.kind == "compare":
            whole = old.splitlines()[line - 1].strip()
            return (f"{self.file.relative_to(TOP)}:{line}: {was} -> "
                    f"{self.text} in: {whole}")
        verb = "negated" if self.kind == "negate" else "left out"
        return f"{self.file.relative_to(TOP)}:{line}: {verb}: {was}"


# ------------------------------------------------------------ the changes

def masked(text):
    """TEXT with blanks for comments, literals and preprocessor lines."""
    token = re.compile(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\])*\""
                       r"|'(?:\\.|[^'\\])*'|^[ \t]*#(?:\\\n|[^\n])*",
                       re.S | re.M)
    return token.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), text)


def closing(text, at):
    """Where the bracket that opens at AT is closed; None: nowhere."""
    depth = 0
    for i in range(at, len(text)):
        depth += {"(": 1, ")": -1}.get(text[i], 0)
        if depth == 0:
            return i
    return None


def bodies(text):
    """The functions' bodies, as (begin, end): braces in column 0."""
    for m in re.finditer(r"^\{\n.*?^\}\n", text, re.S | re.M):
        yield m.start(), m.end()


def kind_of_call(name):
    if LOG.match(name):
        return "log"
    if LOCK.match(name):
        return "lock"
    return "free" if FREE.match(name) else "call"


def changes_of(file):
    text = masked(file.read_text())
    for begin, end in bodies(text):
        for m in re.compile(r" (==|!=|<=|>=|<|>) ").finditer(text, begin, end):
            yield Change(file, "compare", m.start(1), m.end(1), TURNED[m[1]])
        for m in re.compile(r"\b(if|while) \(").finditer(text, begin, end):
            last = closing(text, m.end() - 1)
            if last is not None:
                condition = file.read_text()[m.end():last]
                yield Change(file, "negate", m.end(), last, f"!({condition})")
        call = re.compile(r"(?<=[;{})\n])\s*(?:\(void\))?((\w+)\()")
        for m in call.finditer(text, begin, end):
            last = closing(text, m.end(1) - 1)
            if (m[2] in NO_CALL or last is None or text[last + 1] != ";"
                    or re.search(r"[=(,&|?:+]\s*$", text[begin:m.start()])):
                continue
            yield Change(file, kind_of_call(m[2]), m.start(1), last + 1, "")


# -------------------------------------------------------------- the build

@dataclasses.dataclass
class Test:
    program: pathlib.Path
    target: str
    link: str
    symbols: set
    quick: bool = None  # not yet measured


class Build:
    """One scratch build with a sanitizer, and its unit tests."""

    def __init__(self, sanitizer, options):
        self.dir = TOP / "build-mutate" / sanitizer
        self.options = options
        self.lock = threading.Lock()
        self.env = dict(os.environ, UBSAN_OPTIONS="halt_on_error=1",
                        TSAN_OPTIONS=f"halt_on_error=1:suppressions="
                                     f"{TOP}/test/tsan.supp")
        if not (self.dir / "build.ninja").exists():
            self.run(["meson", "setup", str(self.dir), str(TOP),
                      f"-Db_sanitize={sanitizer}", "-Db_lundef=false",
                      "-Doptimization=1", "-Ddebug=false"], cwd=TOP)
        self.run(["ninja", f"-j{options.jobs}"])
        self.commands = {
            str((self.dir / c["file"]).resolve()): c["command"]
            for c in json.loads((self.dir / "compile_commands.json")
                                .read_text())}
        self.tests = self.unit_tests()

    def run(self, command, cwd=None):
        done = subprocess.run(command, cwd=cwd or self.dir, text=True,
                              stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        if done.returncode != 0:
            sys.exit(f"{shlex.join(command)}:\n{done.stdout[-3000:]}")
        return done.stdout

    def unit_tests(self):
        """name: Test, of every unit test."""
        tests = {}
        for t in json.loads(self.run(["meson", "introspect", "--tests",
                                      str(self.dir)])):
            program = pathlib.Path(t["cmd"][0])
            if self.dir not in program.parents:
                continue
            target = str(program.relative_to(self.dir))
            link = self.run(["ninja", "-t", "commands", target])
            tests[t["name"]] = Test(program, target, link.splitlines()[-1],
                                    defined(program))
        return tests

    def is_quick(self, name):
        """Measured when it is first asked for, the better of two runs."""
        test = self.tests[name]
        if test.quick is None:
            test.quick = any(self.passes(test.program, self.options.second)
                             for _ in range(2))
            if not test.quick:
                print(f"{name} is left out: it takes more than "
                      f"{self.options.second} s, or fails unchanged",
                      flush=True)
        return test.quick

    def passes(self, program, limit_s, stop=None):
        """In a PID namespace, which ends with all that was started there."""
        scratch = tempfile.mkdtemp(prefix="mutate.", dir=self.options.scratch)
        p = subprocess.Popen(
            ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc",
             "timeout", "-s", "KILL", str(limit_s), str(program)],
            cwd=scratch, env=dict(self.env, TMPDIR=scratch),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        while True:
            try:
                code = p.wait(0.05 if stop else None)
                break
            except subprocess.TimeoutExpired:
                if stop.is_set():
                    p.kill()
                    p.wait()
                    code = 0
                    break
        shutil.rmtree(scratch, ignore_errors=True)
        return code == 0

    def compile(self, file, text, place):
        """The object's path, or None when it does not compile."""
        source, out = place / file.name, place / f"{file.stem}.o"
        source.write_text(text)
        words = shlex.split(self.commands[str(file)])
        i = words.index("-o")
        words[i + 1] = str(out)
        words = [w for w in words[:-1] if not w.startswith("-M")]
        for flag in ("-MF", "-MQ"):
            if flag in words:
                del words[words.index(flag):words.index(flag) + 2]
        drop = [k for k, w in enumerate(words) if w.endswith(".o.d")
                or (w.endswith(".o") and words[k - 1] != "-o")]
        words = [w for k, w in enumerate(words) if k not in drop]
        done = subprocess.run(
            [*words, "-w", f"-iquote{file.parent}", str(source)],
            cwd=self.dir, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        return out if done.returncode == 0 else None

    def archive(self, file, object_, place):
        """The folder's library with OBJECT in the place of FILE's."""
        words = shlex.split(self.commands[str(file)])
        was = words[words.index("-o") + 1]
        name = pathlib.Path(was).parent.name.removesuffix(".p")
        members = [str(o) for o in (self.dir / "src" / f"{name}.p")
                   .glob("*.o") if o != self.dir / was]
        out = place / name
        subprocess.run(["ar", "csrDT", str(out), str(object_), *members],
                       check=True, cwd=self.dir)
        return f"src/{name}", out

    def link_and_pass(self, test, library, place, stop):
        if stop.is_set():
            return True
        target, command = self.tests[test].target, self.tests[test].link
        out = place / f"test_{test}"
        words = [str(library[1]) if w == library[0] else
                 str(out) if w == target else w for w in shlex.split(command)]
        words.insert(1, "-fuse-ld=lld" if shutil.which("ld.lld")
                     else "-fuse-ld=bfd")
        subprocess.run(words, cwd=self.dir, check=True,
                       stdout=subprocess.DEVNULL)
        passed = self.passes(out, HANG_S, stop)
        out.unlink()
        return passed or stop.is_set()

    def containing(self, file, object_):
        """The tests that hold FILE's object, those named like it first."""
        names = defined(object_)
        held = [n for n, t in self.tests.items()
                if names & t.symbols and self.is_quick(n)]
        return sorted(held, key=lambda t: (file.stem not in t,
                                           file.parent.name not in t, t))

    def noticed_by(self, file, object_, place, first):
        """The test that fails with OBJECT, or None."""
        library = self.archive(file, object_, place)
        tests = self.containing(file, object_)
        tests.sort(key=lambda t: -first[t])
        stop, found = threading.Event(), []

        def one(test):
            if not self.link_and_pass(test, library, place, stop):
                stop.set()
                found.append(test)

        with concurrent.futures.ThreadPoolExecutor(self.options.jobs) as pool:
            list(pool.map(one, tests))
        return found[0] if found else None


def defined(binary):
    out = subprocess.run(["nm", "-P", "--defined-only", str(binary)],
                         text=True, check=True, capture_output=True).stdout
    # A file's own helpers may have namesakes; hidden symbols are local in a
    # linked program.
    wanted = "Tt" if os.access(binary, os.X_OK) else "T"
    lines = (line.split() for line in out.splitlines())
    return {w[0] for w in lines if w[1] in wanted}


# ---------------------------------------------------------------- the run

class Run:
    def __init__(self, options):
        self.options = options
        self.builds = {}
        self.seen = collections.defaultdict(collections.Counter)
        self.first = collections.defaultdict(collections.Counter)

    def build(self, kind):
        sanitizer = SANITIZERS.get(kind, "address,undefined")
        if sanitizer not in self.builds:
            self.builds[sanitizer] = Build(sanitizer, self.options)
        return self.builds[sanitizer]

    def one(self, change):
        """True: noticed.  None: no change of the program."""
        build = self.build(change.kind)
        with tempfile.TemporaryDirectory(prefix="mutate.",
                                         dir=self.options.scratch) as d:
            place = pathlib.Path(d)
            plain = build.compile(change.file, change.file.read_text(), place)
            before = plain.read_bytes()
            object_ = build.compile(change.file, change.source(), place)
            if object_ is None or object_.read_bytes() == before:
                return None
            test = build.noticed_by(change.file, object_, place,
                                    self.first[change.file])
        if test is not None:
            self.first[change.file][test] += 1
        if self.options.verbose and test is not None:
            print(f"noticed by {test}: {change}", flush=True)
        return test is not None

    def all(self, changes):
        counted = 0
        for change in changes:
            if counted == self.options.count:
                break
            noticed = self.one(change)
            if noticed is None:
                continue
            counted += 1
            folder = str(change.file.parent.relative_to(TOP))
            self.seen[folder, ""][noticed] += 1
            self.seen[folder, change.kind][noticed] += 1
            if not noticed:
                print(f"NOT NOTICED: {change}", flush=True)

    def report(self):
        for (folder, kind), n in sorted(self.seen.items()):
            print(f"{'    ' + kind if kind else folder:24} {n[True]:4} of "
                  f"{n.total():4} noticed, {100 * n[True] / n.total():.0f} %")


def sources(paths):
    for p in paths:
        p = pathlib.Path(p).resolve()
        yield from sorted(p.rglob("*.c")) if p.is_dir() else [p]


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("paths", nargs="+", metavar="FILE_OR_FOLDER")
    p.add_argument("--seed", type=int, default=1,
                   help="the same seed draws the same changes (1)")
    p.add_argument("--count", type=int, default=50,
                   help="changes to make; 0: all there are (50)")
    p.add_argument("--kinds", default="compare,negate,call,lock,free",
                   help=f"of {','.join(KINDS)}; log lines are left to the "
                        "system tests")
    p.add_argument("--second", type=float, default=2,
                   help="a test that takes longer is left out (2: about one, "
                        "with a sanitizer on a busy machine)")
    p.add_argument("--jobs", type=int, default=os.cpu_count())
    p.add_argument("--list", action="store_true", help="print the changes")
    p.add_argument("--verbose", action="store_true",
                   help="say which test noticed")
    options = p.parse_args()
    kinds = options.kinds.split(",")
    changes = [c for f in sources(options.paths) for c in changes_of(f)
               if c.kind in kinds]
    random.Random(options.seed).shuffle(changes)
    options.count = options.count or len(changes)
    if options.list:
        print("\n".join(map(str, changes[:options.count])))
        return
    with tempfile.TemporaryDirectory(prefix="mutate.") as options.scratch:
        run = Run(options)
        try:
            run.all(changes)
        except KeyboardInterrupt:
            print()
        run.report()


if __name__ == "__main__":
    main()
