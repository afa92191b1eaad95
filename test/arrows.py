"""Holds the sources to their folders: what may call what.

    arrows.py OBJECT_FOLDER...

Reads the objects of the libraries with nm, so that a call counts wherever its
declaration comes from.  Fails on a call into a folder that ALLOWED does not
name, and on files that use each other in a circle.  Run by `meson test`.
"""
import collections
import pathlib
import re
import subprocess
import sys

# From the ground up; every folder may use itself.
ALLOWED = {
    "base": "",
    "verdict": "",
    "log": "base",
    "os": "base log",
    "net": "base log os",
    # net: whether a key fits its certificate is a fault of the config.
    "config": "base log net verdict",
    "probe": "base log os net verdict config",
    "publish": "base log os verdict",
    "zk": "base log os net config publish",
    # Who shares what with whom: judgement alone, of which the engine makes
    # deeds, and which pages and commands must come to the same answer by.
    "fleet": "base log verdict config publish",
    "engine": "base log os net verdict config probe publish zk fleet",
    "web": "base log os verdict config publish fleet engine",
    "cmd": "base log net verdict config publish zk fleet engine",
}
ROOT = "composition"  # src/*.c, which may use all


def objects(folders):
    """Path and file of each object, the file as "zk/store.c"."""
    for library in folders:
        folder = re.fullmatch(r"lib(\w+)\.a\.p", library.name)[1]
        for o in sorted(library.glob("*.o")):
            source = re.sub(r"^(meson-generated_\.\._)", "", o.stem)
            yield o, f"{folder}/{source.removeprefix(folder + '_')}"


def symbols(paths):
    """path: the symbols that it defines for others, those that it lacks."""
    found = {str(p): (set(), set()) for p in paths}
    out = subprocess.run(["nm", "-A", "-P", *found], check=True, text=True,
                         capture_output=True).stdout
    for line in out.splitlines():
        path, name, kind = re.match(r"(.*): (\S+) (\S)", line).groups()
        if kind == "U":
            found[path][1].add(name)
        elif kind.isupper() and kind not in "NW":
            found[path][0].add(name)
    return found


def graph(folders):
    """Which file uses which other, and what of it."""
    owner, wants = {}, {}
    files = {str(o): file for o, file in objects(folders)}
    for o, (defined, undefined) in symbols(files).items():
        wants[files[o]] = undefined
        for name in defined:
            owner[name] = files[o]
    uses = collections.defaultdict(lambda: collections.defaultdict(set))
    for file, names in wants.items():
        for name in names:
            if owner.get(name, file) != file:
                uses[file][owner[name]].add(name)
    return wants.keys(), uses


def wrong_arrows(uses):
    for file, others in sorted(uses.items()):
        folder = file.split("/")[0]
        if folder == ROOT:
            continue
        for other, names in sorted(others.items()):
            to = other.split("/")[0]
            if to != folder and to not in ALLOWED[folder].split():
                yield (f"{file} uses {', '.join(sorted(names))} of {other}: "
                       f"{folder} may use {ALLOWED[folder] or 'nothing'}")


def circles(files, uses):
    """Strongly connected components of more than one file (Tarjan, 1972)."""
    index, low, stack, on, found = {}, {}, [], set(), []

    def visit(v):
        index[v] = low[v] = len(index)
        stack.append(v)
        on.add(v)
        for w in sorted(uses.get(v, ())):
            if w not in index:
                visit(w)
                low[v] = min(low[v], low[w])
            elif w in on:
                low[v] = min(low[v], index[w])
        if low[v] == index[v]:
            part = []
            while not part or part[-1] != v:
                part.append(stack.pop())
                on.discard(part[-1])
            if len(part) > 1:
                found.append(sorted(part))

    sys.setrecursionlimit(10000)
    for v in sorted(files):
        if v not in index:
            visit(v)
    return found


def main():
    folders = [pathlib.Path(a) for a in sys.argv[1:]]
    files, uses = graph(folders)
    missing = set(ALLOWED) - {f.split("/")[0] for f in files}
    if missing:
        sys.exit(f"arrows.py: no objects of {', '.join(sorted(missing))}")
    faults = list(wrong_arrows(uses))
    for part in circles(files, uses):
        faults.append("a circle of files: " + ", ".join(part))
        for v in part:
            for w in sorted(set(uses[v]) & set(part)):
                faults.append(f"    {v} uses {', '.join(sorted(uses[v][w]))}"
                              f" of {w}")
    print("\n".join(faults) or f"{len(files)} files, no arrow runs up")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
