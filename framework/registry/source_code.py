"""Which source files decide a number: some files, and all that they import of the project."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from framework.base.digest import digest
from framework.registry import extensions
from framework.registry.registry import ROOT

DRAWING = "framework.figures"
"""What draws shows numbers and makes none: an import of it is not followed."""


def code_digest(*files: Path) -> str:
    """Digest of files and of all that they import: 16 hex digits that comments, docstrings and
    layout leave as they are."""
    return _digest_of(tuple(sorted({*files, *imported(files)})))


def imported(files: Iterable[Path]) -> list[Path]:
    """The files of the project that some files import, directly or not, anywhere in them, sorted;
    those given are not among them."""
    given = set(files)
    reached: set[Path] = set()
    waiting = list(given)
    while waiting:
        for path in _imports(waiting.pop()):
            if path not in reached | given:
                reached.add(path)
                waiting.append(path)
    return sorted(reached)


@lru_cache
def _digest_of(files: tuple[Path, ...]) -> str:
    return digest([_meaning(path) for path in files])[:16]


@lru_cache
def _meaning(path: Path) -> str:
    """The syntax tree of a file without docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [each for each in body if not _is_text(each)]  # type: ignore[attr-defined]
    return ast.dump(tree)


def _is_text(node: ast.AST) -> bool:
    """Whether a statement is a bare string: a docstring, of a module, a function or a constant."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


@lru_cache
def _imports(path: Path) -> tuple[Path, ...]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    modules = [name for node in ast.walk(tree) for name in _modules(node)]
    files = [_file(name) for name in modules if not f"{name}.".startswith(f"{DRAWING}.")]
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
    """The file of a module of the project, or of an extension of it."""
    path = ROOT.joinpath(*module.split(".")).with_suffix(".py")
    return path if path.is_file() else extensions.file_of(module)
