"""A registry is a folder of one-item files: a listing reads the files, a look-up imports only one.

The item of a file is the class or function whose name is the file's name (case and underscores
aside). Listing parses the source instead of importing it, so that the command line answers
without torch. Other packages register through entry points of the same group.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from framework.base.errors import UserError, nearest, readable_file

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Entry:
    """What a listing shows of one item, read from its source."""

    name: str
    summary: str
    constants: dict[str, Any] = field(default_factory=dict)


class Registry:
    """The items of one folder, by name.

    Args:
        kind: what an item is called in messages, for instance ``encoder``.
        package: the import package whose files are the items, for instance ``zoo.encoders``.
    """

    def __init__(self, kind: str, package: str) -> None:
        self.kind = kind
        self.package = package
        self.group = f"phasezoo.{package.rpartition('.')[2]}"
        self.folder = ROOT.joinpath(*package.split("."))

    @cached_property
    def _external(self) -> dict[str, EntryPoint]:
        return {point.name: point for point in entry_points(group=self.group)}

    def names(self) -> list[str]:
        """All registered names, sorted.

        Raises:
            UserError: another package registers a name that is taken.
        """
        own = [path.stem for path in self.folder.glob("[!_]*.py")]
        if taken := set(own) & set(self._external):
            where = ", ".join(self._external[name].value for name in sorted(taken))
            raise UserError(
                f"{self.kind} {', '.join(sorted(taken))} is registered twice (also by {where}); "
                "rename the one in the other package"
            )
        return sorted([*own, *self._external])

    def entry(self, name: str) -> Entry:
        """The listing of one item; an item of another package is imported for it."""
        self.require(name)
        if name in self._external:
            item = self.load(name)
            return Entry(name, _first_sentence(item.__doc__ or ""), dict(vars(item)))
        return _read_entry(self.folder / f"{name}.py")

    def require(self, name: str, where: str = "") -> None:
        """Refuse a name that is not registered.

        Raises:
            UserError: with the nearest valid names.
        """
        if name not in self.names():
            place = f"{where}: " if where else ""
            hint = nearest(name, self.names())
            raise UserError(f"{place}'{name}' is not a registered {self.kind}; {hint}")

    def load(self, name: str, where: str = "") -> Any:
        """The class or function that is registered under a name; only its file is imported."""
        self.require(name, where)
        if name in self._external:
            return self._external[name].load()
        return _item_of(importlib.import_module(f"{self.package}.{name}"), name)

    def source(self, name: str) -> Path:
        """The file that defines an item: part of what a run's digest covers."""
        self.require(name)
        if name in self._external:
            spec = importlib.util.find_spec(self._external[name].module)
            assert spec is not None and spec.origin is not None
            return Path(spec.origin)
        return self.folder / f"{name}.py"


def load_file(path: str | Path) -> Any:
    """The item of a file outside the tree, for `phasezoo check FILE.py`.

    Raises:
        UserError: the file is missing, is not Python, fails on import, or holds no item.
    """
    path = readable_file(path, "a model file")
    if path.suffix != ".py":
        raise UserError(f"{path}: a model file is a Python file (*.py)")
    if not path.stem.isidentifier():
        raise UserError(f"{path}: rename the file to letters, digits and underscores, as its class")
    spec = importlib.util.spec_from_file_location(f"model_file_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and docstrings are looked up there
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[spec.name]
        reason = f"{type(error).__name__}: {error}"
        raise UserError(
            f"{path}{_line_of(error, spec.origin)}: fails on import: {reason}"
        ) from error
    return _item_of(module, path.stem)


def _line_of(error: BaseException, file: str | None) -> str:
    """Where in the file an error was raised, innermost, as ", line 3"."""
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == file]
    return f", line {lines[-1]}" if lines else ""


def _folded(name: str) -> str:
    return name.replace("_", "").lower()


def _item_of(module: ModuleType, name: str) -> Callable[..., Any]:
    for attribute, value in vars(module).items():
        if (
            _folded(attribute) == _folded(name)
            and getattr(value, "__module__", None) == module.__name__
        ):
            return value
    wanted = "".join(part.capitalize() for part in name.split("_"))
    raise UserError(
        f"{module.__file__}: holds no item; name its class '{wanted}' or its function '{name}', "
        "as the file"
    )


def _first_sentence(docstring: str) -> str:
    first = " ".join(docstring.strip().split("\n\n")[0].split())
    return first.split(". ")[0].rstrip(".")


def _read_entry(path: Path) -> Entry:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    constants: dict[str, Any] = {}
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and _folded(node.name) == _folded(path.stem):
            for statement in node.body:
                if (
                    isinstance(statement, ast.Assign)
                    and isinstance(statement.targets[0], ast.Name)
                    and isinstance(statement.value, ast.Constant)
                ):
                    constants[statement.targets[0].id] = statement.value.value
    return Entry(path.stem, _first_sentence(ast.get_docstring(tree) or ""), constants)


ENCODERS = Registry("encoder", "zoo.encoders")
PREDICTORS = Registry("predictor", "zoo.predictors")
TASKS = Registry("task", "zoo.tasks")
DATASETS = Registry("data set", "data.datasets")
REPRESENTATIONS = Registry("representation", "data.representations")
SPLITS = Registry("split", "data.splits")
CANDIDATES = Registry("candidate source", "data.candidates")
PUBLISHED = Registry("published system", "zoo.published")
OBJECTIVES = Registry("objective", "zoo.objectives")
