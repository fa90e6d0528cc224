"""A registry is a folder of one-item files: a listing reads the files, a look-up imports only one.

The item of a file is the class, function or object whose name is the file's name (case and
underscores aside). Listing parses the source instead of importing it, so that the command line
answers without torch. Further items come from folders outside of the tree (`extensions`) and, of
other packages, through entry points of the same group.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from framework.base.errors import UserError, nearest, readable_file
from framework.registry import extensions
from framework.registry.conformity import require_conforming

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
        name = package.rpartition(".")[2]
        self.group = f"phasezoo.{name}"
        self.folder = ROOT.joinpath(*package.split("."))
        extensions.packages[name] = package

    @cached_property
    def _external(self) -> dict[str, EntryPoint]:
        return {point.name: point for point in entry_points(group=self.group)}

    def _files(self) -> dict[str, Path]:
        """The file of every item that is one, those of extensions after those of the tree."""
        found: dict[str, Path] = {}
        for path in [*self.folder.glob("[!_]*.py"), *extensions.files(self.package)]:
            if path.stem in found:
                raise self._twice(path.stem, str(found[path.stem]), str(path))
            found[path.stem] = path
        for name, point in self._external.items():
            if name in found:
                raise self._twice(name, str(found[name]), f"the entry point {point.value}")
        return found

    def _twice(self, name: str, first: str, second: str) -> UserError:
        return UserError(
            f"{self.kind} '{name}' is registered twice, by {first} and by {second}; rename the second"
        )

    def names(self) -> list[str]:
        """All registered names, sorted.

        Raises:
            UserError: an extension or another package registers a name that is taken.
        """
        return sorted([*self._files(), *self._external])

    @property
    def default(self) -> str | dict[str, Any]:
        """The item that is taken where none is named, as the folder's ``__init__`` states it: its
        name, or a mapping with ``name`` and its settings."""
        return self._stated("DEFAULT")

    @property
    def quick(self) -> str | dict[str, Any]:
        """The one that is taken where it is fitted several times in one command."""
        return self._stated("QUICK")

    def _stated(self, name: str) -> str | dict[str, Any]:
        stated: str | dict[str, Any] = getattr(importlib.import_module(self.package), name)
        return stated

    def where(self, name: str) -> str:
        """Where an item comes from, in words."""
        if name in self._external:
            return f"the entry point {self._external[name].value}"
        return str(self._files()[name])

    def entry(self, name: str) -> Entry:
        """The listing of one item; an item of another package is imported for it."""
        self.require(name)
        if name in self._external:
            item = self.load(name)
            return Entry(name, _first_sentence(item.__doc__ or ""), dict(vars(item)))
        return _read_entry(self._files()[name])

    def require(self, name: str, where: str = "") -> None:
        """Refuse a name that is not registered.

        Raises:
            UserError: with the nearest valid names.
        """
        names = self.names()
        if name not in names:
            place = f"{where}: " if where else ""
            raise UserError(
                f"{place}'{name}' is not a registered {self.kind}; {nearest(name, names)}"
            )

    def load(self, name: str, where: str = "") -> Any:
        """The class, function or object that is registered under a name; only its file is imported.

        Raises:
            UserError: the name is not registered; or its file fails on import, holds no item, or
                holds one that does not fulfil the contract of its kind.
        """
        self.require(name, where)
        if name in self._external:
            point = self._external[name]
            with _import_faults(point.value, None):
                item = point.load()
            require_conforming(self.kind, item, f"the entry point {point.value}")
            return item
        path, full = self._files()[name], f"{self.package}.{name}"
        module = sys.modules.get(full)
        if path.parent != self.folder and module is not None and module.__file__ != str(path):
            del sys.modules[full]  # of another folder of extensions
        with _import_faults(str(path), str(path)):
            module = importlib.import_module(full)
        item = _item_of(module, name)
        require_conforming(self.kind, item, str(path))
        return item

    def source(self, name: str) -> Path:
        """The file that defines an item: part of what a run's digest covers."""
        self.require(name)
        if name in self._external:
            spec = importlib.util.find_spec(self._external[name].module)
            assert spec is not None and spec.origin is not None
            return Path(spec.origin)
        return self._files()[name]


@contextmanager
def _import_faults(place: str, file: str | None) -> Iterator[None]:
    """What goes wrong while a user's file is imported is a mistake in that file.

    Args:
        file: the file, for the number of the line.
    """
    try:
        yield
    except UserError:
        raise
    except (Exception, SystemExit) as error:
        reason = f"{type(error).__name__}: {error}"
        line = _line_of(error, file)
        raise UserError(f"{place}{line}: fails on import: {reason}") from error


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
        with _import_faults(str(path), spec.origin):
            spec.loader.exec_module(module)
    except UserError:
        del sys.modules[spec.name]
        raise
    return _item_of(module, path.stem)


def _line_of(error: BaseException, file: str | None) -> str:
    """Where in the file an error was raised, innermost, as ", line 3"."""
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == file]
    return f", line {lines[-1]}" if lines else ""


def _folded(name: str) -> str:
    return name.replace("_", "").lower()


def _item_of(module: ModuleType, name: str) -> Any:
    for attribute, value in vars(module).items():
        if _folded(attribute) == _folded(name) and _is_defined_in(module, value):
            return value
    if _is_object(value := vars(module).get(name)):
        return value
    wanted = "".join(part.capitalize() for part in name.split("_"))
    raise UserError(
        f"{module.__file__}: holds no item; name its class '{wanted}', or its function or object "
        f"'{name}', as the file"
    )


def _is_defined_in(module: ModuleType, value: Any) -> bool:
    """Whether a class or function was not merely imported."""
    kind = inspect.isclass(value) or inspect.isroutine(value)
    return kind and getattr(value, "__module__", None) == module.__name__


def _is_object(value: Any) -> bool:
    """Whether it may be an item that is neither a class nor a function: a metric."""
    strange = inspect.isclass(value) or inspect.isroutine(value) or inspect.ismodule(value)
    return not strange and not isinstance(value, str | int | float | type(None))


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
METRICS = Registry("metric", "zoo.metrics")
