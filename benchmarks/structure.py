"""How the house is built, in numbers: files, lines, names, circles, and the way of one check.

    python -m benchmarks.structure            # a table
    python -m benchmarks.structure --names    # and what is behind each number

It reads the source as text and runs one command in a process of its own; nothing is timed. docs/design.md carries the
table.
"""

import argparse
import ast
import json
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import grimp

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "specc"
SPEC = "examples/lenet.cnn"
Functions = ast.FunctionDef | ast.AsyncFunctionDef

# Runs `specc check` of one spec without a cache and prints which functions of the package were called, each once.
TRACE = """
import inspect, json, sys
package, seen = sys.argv[1], set()
def called(frame, event, argument):
    code = frame.f_code
    function = code.co_flags & inspect.CO_OPTIMIZED and not code.co_name.startswith("<")  # no class body, no lambda
    if event == "call" and function and code.co_filename.startswith(package):
        seen.add((code.co_filename, code.co_qualname))
from specc.cli.main import main
sys.argv = ["specc", "check", "--no-cache", sys.argv[2]]
sys.setprofile(called)
try:
    main()
except SystemExit:
    pass
sys.setprofile(None)
print("\\n" + json.dumps([sorted(seen), sorted(name for name in sys.modules if name.split(".")[0] == "specc")]))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--names", action="store_true", help="print what is behind each number, too")
    chosen = parser.parse_args()
    files = {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in sorted(PACKAGE.rglob("*.py"))}
    trees = {name: ast.parse(text) for name, text in files.items()}
    functions = [(name, node) for name, tree in trees.items() for node in ast.walk(tree) if isinstance(node, Functions)]
    once = sorted(used_once(trees))
    way, modules = way_of_check()
    rows: list[tuple[str, int | str, list[str]]] = [
        ("files", len(files), []),
        ("lines", sum(text.count("\n") for text in files.values()), []),
        ("longest file, lines", max(text.count("\n") for text in files.values()), longest(files)),
        ("comment lines", f"{comments(files):.1%}", []),
        ("functions and methods", len(functions), []),
        ("private functions used once", len(once), once),
        *((title, len(found), found) for title, found in shared_names(trees)),
        ("modules in an import circle, type-only imports counted", len(circles()), circles()),
        ("functions called by specc check " + SPEC, len(way), [f"{file}: {name}" for file, name in way]),
        ("modules loaded by it", len(modules), modules),
    ]
    width = max(len(title) for title, _, _ in rows)
    for title, number, behind in rows:
        print(f"{title:{width}}  {number:>7,}" if isinstance(number, int) else f"{title:{width}}  {number:>7}")
        if chosen.names:
            print(*(f"    {line}" for line in behind), sep="\n", end="\n" if behind else "")


def longest(files: dict[str, str]) -> list[str]:
    """The ten longest files, with their lines."""
    ordered = sorted(files.items(), key=lambda item: -item[1].count("\n"))
    return [f"{text.count(chr(10))} {name}" for name, text in ordered[:10]]


def comments(files: dict[str, str]) -> float:
    """The share of lines that hold nothing but a comment."""
    lines = [line.strip() for text in files.values() for line in text.splitlines()]
    return sum(line.startswith("#") for line in lines) / len(lines)


def used_once(trees: dict[str, ast.Module]) -> Iterator[str]:
    """Private functions and methods whose name is said once in their module besides the definition."""
    for file, tree in trees.items():
        said = Counter(
            node.id if isinstance(node, ast.Name) else node.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Name | ast.Attribute)
        )
        for node in ast.walk(tree):
            private = isinstance(node, Functions) and node.name.startswith("_") and not node.name.startswith("__")
            if private and said[node.name] == 1:
                yield f"{file}: {node.name}"


def shared_names(trees: dict[str, ast.Module]) -> Iterator[tuple[str, list[str]]]:
    """Class names that stand for more than one class, and file names (`__init__` apart) of more than one file."""
    classes, stems = defaultdict(list), defaultdict(list)
    for file, tree in trees.items():
        stems[Path(file).stem].append(file)
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                classes[node.name].append(file)
    del stems["__init__"]
    for title, places in (("class names with several meanings", classes), ("file names used twice or more", stems)):
        yield title, [f"{name}: {', '.join(where)}" for name, where in sorted(places.items()) if len(where) > 1]


def circles() -> list[str]:
    """Modules that import themselves through others; imports inside functions and for types alone count."""
    graph = grimp.build_graph("specc", exclude_type_checking_imports=False, cache_dir=None)
    return sorted(
        module
        for module in graph.modules
        if any(
            module == direct or module in graph.find_upstream_modules(direct)
            for direct in graph.find_modules_directly_imported_by(module)
        )
    )


def way_of_check() -> tuple[list[tuple[str, str]], list[str]]:
    """What `specc check` of one spec calls, each function once, as (file, name), and the modules that it loads."""
    run = [sys.executable, "-c", TRACE, str(PACKAGE), SPEC]
    printed = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    seen, modules = json.loads(printed.splitlines()[-1])
    return [(Path(file).relative_to(ROOT).as_posix(), name) for file, name in seen], modules


if __name__ == "__main__":
    main()
