"""Items outside of the tree: folders that the environment variable ``PHASEZOO_EXTENSIONS`` names.

Such a folder has subfolders named as those of the tree (``encoders``, ``tasks``, ``datasets``, ...),
and each file in them is one item. It is imported under the name that it would have in the tree
(``zoo.encoders.mine``), so that other files import it, and worker processes, which inherit the
variable, unpickle what it defines.
"""

from __future__ import annotations

import difflib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from framework.base.errors import UserError

VARIABLE = "PHASEZOO_EXTENSIONS"

packages: dict[str, str] = {}
"""The import package behind the name of each subfolder; a registry enters its own."""


def folders() -> list[Path]:
    """The extension folders, in the order of the variable.

    Raises:
        UserError: one is not a folder, or holds a folder whose name is nearly that of a kind.
    """
    given = os.environ.get(VARIABLE, "")
    return [_checked(Path(text).expanduser()) for text in given.split(os.pathsep) if text.strip()]


def files(package: str) -> list[Path]:
    """The files of all extension folders that hold items of a package, sorted within each."""
    kind = package.rpartition(".")[2]
    return [path for folder in folders() for path in sorted((folder / kind).glob("[!_]*.py"))]


def file_of(module: str) -> Path | None:
    """The file behind the name of a module of an extension, ``zoo.encoders.mine``."""
    package, _, name = module.rpartition(".")
    kind = package.rpartition(".")[2]
    if packages.get(kind) != package:
        return None
    candidates = (folder / kind / f"{name}.py" for folder in folders())
    return next((path for path in candidates if path.is_file()), None)


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the files of extensions as modules of the tree's packages."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        file = file_of(fullname) if VARIABLE in os.environ else None
        return importlib.util.spec_from_file_location(fullname, file) if file else None


sys.meta_path.append(_Finder())


def _checked(folder: Path) -> Path:
    if not folder.is_dir():
        problem = "is not a folder" if folder.exists() else "no such folder"
        raise UserError(
            f"{VARIABLE}: {folder}: {problem}; name folders that hold {', '.join(sorted(packages))}"
            f", separated by '{os.pathsep}'"
        )
    for path in folder.iterdir():
        near = difflib.get_close_matches(path.name, packages, n=1)
        if path.is_dir() and path.name not in packages and near:
            raise UserError(
                f"{VARIABLE}: {path}: is not a kind of extension; did you mean '{near[0]}'?"
            )
    return folder
