"""What is expensive and never changes, kept between programs: arrays in files, by digest."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

VARIABLE = "PHASEZOO_CACHE"
"""Names the folder of the cache; unset or empty, it is the platform's own."""

Arrays = dict[str, np.ndarray]


def cache_folder() -> Path:
    """Where the files are: `$PHASEZOO_CACHE`, else the user's cache folder of the platform."""
    if folder := os.environ.get(VARIABLE):
        return Path(folder).expanduser()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData/Local")) / "phasezoo"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "phasezoo"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "phasezoo"


def digest(*parts: Any) -> str:
    """SHA-256 of settings, texts and the content of files (given as `Path`)."""
    plain = [
        hashlib.sha256(p.read_bytes()).hexdigest() if isinstance(p, Path) else p for p in parts
    ]
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def cached(kind: str, key: str, compute: Callable[[], Arrays]) -> Arrays:
    """The arrays kept under a digest, computed where there are none.

    A file that is damaged, or not of this digest, is made anew. Files appear whole: they are
    written under another name first. Where the folder cannot be written, a warning says so and
    the arrays are computed each time.

    Args:
        kind: the folder within the cache, and what the arrays are called in the warning.
        key: the digest of everything that decides the arrays.
    """
    path = cache_folder() / kind / f"{key}.npz"
    if (kept := _read(path, key)) is not None:
        return kept
    arrays = compute()
    try:
        _write(path, key, arrays)
    except OSError as error:
        warnings.warn(
            f"{path.parent}: cannot be written ({error.strerror}), so {kind} will be computed "
            f"again next time; set {VARIABLE} to a folder that can",
            stacklevel=2,
        )
    return arrays


def _read(path: Path, key: str) -> Arrays | None:
    try:
        with np.load(path, allow_pickle=False) as file:  # verifies checksums while it reads
            arrays = {name: file[name] for name in file.files}
    except Exception:  # a missing or damaged archive raises a dozen kinds
        return None
    return arrays if str(arrays.pop("digest", "")) == key else None


def _write(path: Path, key: str, arrays: Arrays) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
        try:
            np.savez(file, allow_pickle=False, digest=np.array(key), **arrays)
        except BaseException:
            file.close()
            Path(file.name).unlink()
            raise
    Path(file.name).replace(path)
