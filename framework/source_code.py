"""Which source files of the project an item is made of: its imports, followed."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from framework.registry import ROOT

ENGINE = "framework"


def imported(files: Iterable[Path]) -> list[Path]:
    """The files that some files import, directly or not, sorted; those given are not among them.

    Followed are imports of the project, anywhere in a file, but not into the engine: which of its
    parts decide numbers is listed in `framework.plan`.
    """
    given = set(files)
    found: set[Path] = set()
    waiting = list(given)
    while waiting:
        for path in _imports(waiting.pop()):
            if path not in found | given:
                found.add(path)
                waiting.append(path)
    return sorted(found)


@lru_cache
def _imports(path: Path) -> tuple[Path, ...]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    modules = [name for node in ast.walk(tree) for name in _modules(node)]
    files = [_file(name) for name in modules if name.partition(".")[0] != ENGINE]
    return tuple(file for file in files if file is not None)


def _modules(node: ast.AST) -> Iterator[str]:
    """The modules that a statement may import."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        yield node.module
        # `from data import powder` imports a module too
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _file(module: str) -> Path | None:
    """The file of a module of the project."""
    path = ROOT.joinpath(*module.split(".")).with_suffix(".py")
    return path if path.is_file() else None
