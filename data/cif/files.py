"""CIF files by path, and many CIF texts at once, of which the result is kept in the cache."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from data import crystals
from data.cache import cached, digest
from data.cif.structures import Cif, read_cif, structures
from data.cif.text import decode
from data.crystals import Crystals
from framework.base.errors import UserError, read_bytes
from framework.base.progress import shown

_FEW = 300
"""CIFs that are read sooner than a cache is worth it (about 1 ms each)."""


def read_cif_file(path: Path) -> Cif:
    """The crystal structure of a CIF file.

    Raises:
        UserError: the file cannot be read, or is not one usable crystal structure.
    """
    raw = read_bytes(path, "a CIF file")
    try:
        return read_cif(decode(raw))
    except ValueError as error:
        raise UserError(f"{path}: {error}; fix the file or leave it out") from None


def read_cif_files(paths: Sequence[str]) -> xr.Dataset:
    """The crystals of CIF files, as a data set has them.

    Raises:
        UserError: a file is missing, or is not one usable crystal structure; the message says why.
    """
    read = [read_cif_file(Path(path)) for path in paths]
    return xr.Dataset(
        {
            "formula": ("material", np.array([cif.formula for cif in read])),
            "element_set": ("material", np.array([cif.element_set for cif in read])),
            **Crystals.pack([cif.cell for cif in read]).variables(),
        }
    )


def read_cifs(texts: Sequence[str]) -> list[dict[str, Cif | str]]:
    """What each of many CIF texts holds by block, as `structures`; under "" why one holds nothing.

    There is a progress bar on a terminal, and the result is kept in the cache (`data.cache`) by
    the digest of the texts: a file is read once.
    """
    if len(texts) <= _FEW:
        return [_structures(text) for text in texts]

    def compute() -> dict[str, np.ndarray]:
        return _packed([_structures(text) for text in shown(texts, "crystal structures")])

    sources = [*sorted(Path(__file__).parent.glob("*.py")), Path(crystals.__file__)]
    versions = [version(name) for name in ("pymatgen-core", "spglib", "numpy")]
    return _unpacked(cached("cif", digest(list(texts), versions, *sources), compute), len(texts))


def structure_variables(cifs: Sequence[Cif | str], source: str | Path) -> dict[str, Any]:
    """The variables of the structures of a data set, and `note` where there are notes, of which
    a line of the log tells."""
    read = [cif for cif in cifs if isinstance(cif, Cif)]
    variables = Crystals.pack([cif.cell for cif in read]).variables()
    if noted := [cif for cif in read if cif.note]:
        variables["note"] = ("material", np.array([cif.note for cif in read]))
        logging.getLogger("phasezoo").warning(
            f"{source}: {len(noted)} of {len(read)} structures are read with a note (variable "
            f"'note'); {noted[0].formula}: {noted[0].note}"
        )
    return variables


def _structures(text: str) -> dict[str, Cif | str]:
    try:
        return structures(text)
    except ValueError as error:
        return {"": str(error)}


def _packed(read: list[dict[str, Cif | str]]) -> dict[str, np.ndarray]:
    """As arrays for the cache: a row for each block, the cells of those that can be used."""
    rows = [(i, name, cif) for i, by_name in enumerate(read) for name, cif in by_name.items()]
    used = [cif if isinstance(cif, Cif) else None for _, _, cif in rows]
    return {
        **vars(Crystals.pack([cif.cell for cif in used if cif])),
        "text": np.array([i for i, _, _ in rows], np.int64),
        "block": np.array([name for _, name, _ in rows], str),
        "reason": np.array([cif if isinstance(cif, str) else "" for _, _, cif in rows], str),
        "formula": np.array([cif.formula if cif else "" for cif in used], str),
        "element_set": np.array([cif.element_set if cif else "" for cif in used], str),
        "note": np.array([cif.note if cif else "" for cif in used], str),
    }


def _unpacked(kept: dict[str, np.ndarray], n: int) -> list[dict[str, Cif | str]]:
    names = ("lattice", "atomic_number", "fractional_coordinates", "offsets")
    packed = Crystals(**{name: kept[name] for name in names})
    cells = (packed.cell(i) for i in range(len(packed)))
    read: list[dict[str, Cif | str]] = [{} for _ in range(n)]
    columns = (kept[name].tolist() for name in ("text", "block", "reason", "formula", "element_set", "note"))  # fmt: skip
    for i, block, reason, formula, element_set, note in zip(*columns, strict=True):
        read[i][block] = reason or Cif(next(cells), formula, element_set, note)
    return read
