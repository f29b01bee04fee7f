"""Which files and functions have grown too long to be read in one sitting. Reports; forbids nothing.

    python bench/sizes.py                    # pipeline, models, flows and desk
    python bench/sizes.py pipeline/call      # a part of them

A file is measured in lines, a function from its first line (decorators left out) to its last.
"""

from __future__ import annotations

import argparse
import ast
import sys
from collections.abc import Iterator
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
PACKAGES = ("pipeline", "models", "flows", "desk")
FILE_LINES = 500
FUNCTION_LINES = 60


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="*", type=Path, default=[CHECKOUT / package for package in PACKAGES])
    options = parser.parse_args()
    files = sorted(file for path in options.paths for file in ([path] if path.is_file() else path.rglob("*.py")))
    if not files:
        print("there is no Python file in", ", ".join(map(str, options.paths)), file=sys.stderr)
        return 2
    long_files = [(lines, place) for file in files for lines, place in file_sizes(file) if lines > FILE_LINES]
    long_functions = [
        (lines, place) for file in files for lines, place in function_sizes(file) if lines > FUNCTION_LINES
    ]
    report(f"files over {FILE_LINES} lines", long_files)
    report(f"functions over {FUNCTION_LINES} lines", long_functions)
    return 0


def file_sizes(file: Path) -> Iterator[tuple[int, str]]:
    yield len(file.read_text(encoding="utf-8").splitlines()), shown(file)


def function_sizes(file: Path) -> Iterator[tuple[int, str]]:
    """Every function and method, those inside others too."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
            yield node.end_lineno - node.lineno + 1, f"{shown(file)}:{node.lineno} {node.name}"


def shown(file: Path) -> str:
    whole = file.resolve()
    return str(whole.relative_to(CHECKOUT) if whole.is_relative_to(CHECKOUT) else whole)


def report(title: str, found: list[tuple[int, str]]) -> None:
    print(f"{title}: {len(found)}")
    for lines, place in sorted(found, reverse=True):
        print(f"  {lines:5} {place}")


if __name__ == "__main__":
    raise SystemExit(main())
