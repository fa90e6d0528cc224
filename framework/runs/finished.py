"""Finished runs by name: folder, digest or its beginning, or the id of a run in MLflow."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from framework.base.errors import UserError, nearest

RUNS = Path("runs")
"""The folder of all results, where none is named."""


def is_mlflow_id(text: str) -> bool:
    """Whether a text looks like the id of a run in MLflow."""
    return len(text) == 32 and all(c in "0123456789abcdef" for c in text)


def last_run(runs: Path) -> Path:
    """The folder of the run that was computed, or named by a command, last.

    Raises:
        UserError: there is none yet.
    """
    cells = list((runs / "cells").glob("[!.]*/cell.nc"))
    if not cells:
        raise UserError(f"last: no run has finished in {runs / 'cells'} yet; phasezoo run pca")
    return max(cells, key=lambda path: path.stat().st_mtime_ns).parent


def mark_last(folder: Path) -> None:
    """Make a finished run the one that `last_run` gives."""
    (folder / "cell.nc").touch()


def is_run(name: str, runs: Path) -> bool:
    """Whether a name stands for a run's folder, or begins the digest of one or more."""
    with suppress(OSError):  # a name too long for a file
        if (Path(name) / "run.json").exists():
            return True
    return bool(_digests(name, runs))


def find_run(name: str, runs: Path) -> Path:
    """The folder of a run given by its folder, or by its digest or the beginning of it.

    Raises:
        UserError: there is none, or more than one.
    """
    cells, digests = runs / "cells", _digests(name, runs)
    if not digests and is_run(name, runs):
        return Path(name)
    if len(digests) != 1:
        what = f"is the beginning of {len(digests)} runs" if digests else "is not a finished run"
        hint = nearest(name, (digests or _known(runs))[:8])
        raise UserError(f"'{name}' {what} in {cells}; {hint}")
    return cells / digests[0]


def _known(runs: Path) -> list[str]:
    return sorted(path.name for path in (runs / "cells").glob("[!.]*"))


def _digests(beginning: str, runs: Path) -> list[str]:
    """Digests of the runs that begin so; less than four digits are too few."""
    if len(beginning) < 4:
        return []
    return [digest for digest in _known(runs) if digest.startswith(beginning)]
