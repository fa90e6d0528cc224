"""X-ray scattering of free atoms, from the parameters that pymatgen ships."""

from __future__ import annotations

import importlib.util
import json
from functools import lru_cache
from pathlib import Path

import numpy as np

from data.crystals import Crystals
from data.element_sets import ATOMIC_NUMBERS, SYMBOLS
from framework.base.errors import UserError

_MOTT_BETHE = 41.78214
"""Electron to X-ray scattering factor, angstrom^2 (De Graef and McHenry, Structure of Materials)."""


def scattering_factors(elements: np.ndarray, s_squared: np.ndarray) -> np.ndarray:
    """Of free atoms (elements, m), in electrons.

    Args:
        elements: atomic numbers (elements,).
        s_squared: (sin theta / lambda)^2 (m,) in 1/angstrom^2.
    """
    a, b = _parameters()[elements].transpose(1, 0, 2)
    sums = (a[:, None, :] @ np.exp(-b[:, :, None] * s_squared))[:, 0]
    return elements[:, None] - _MOTT_BETHE * s_squared * sums


def lorentz_polarisation(sine_squared: np.ndarray) -> np.ndarray:
    """(1 + cos^2 2 theta) / (sin^2 theta cos theta), from sin^2 theta (m,)."""
    cosine_squared = 1 - sine_squared
    twice = (cosine_squared - sine_squared) ** 2
    return (1 + twice) / (sine_squared * np.sqrt(cosine_squared))


def require_scattering(crystals: Crystals) -> None:
    """Refuse elements without scattering parameters.

    Raises:
        UserError: they are named, with how many crystals hold them.
    """
    known = np.isfinite(_parameters()[:, 0, 0])
    if (unknown := ~known[crystals.atomic_number]).any():
        symbols = [SYMBOLS[z - 1] for z in np.unique(crystals.atomic_number[unknown])]
        where = np.searchsorted(crystals.offsets, np.flatnonzero(unknown), side="right")
        raise UserError(
            f"no X-ray scattering parameters for {', '.join(symbols)}, which "
            f"{len(np.unique(where))} of {len(crystals)} crystals hold; leave these out "
            "(the table covers H to Cf)"
        )


def scattering_file() -> Path:
    """The table of atomic scattering parameters that pymatgen ships."""
    spec = importlib.util.find_spec("pymatgen.analysis.diffraction")
    assert spec is not None and spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / "atomic_scattering_params.json"


@lru_cache
def _parameters() -> np.ndarray:
    """(256, 2, 4): a and b of four Gaussians by atomic number, NaN where there are none."""
    table = np.full((256, 2, 4), np.nan)
    for symbol, parameters in json.loads(scattering_file().read_text()).items():
        if symbol in ATOMIC_NUMBERS:
            table[ATOMIC_NUMBERS[symbol]] = np.transpose(parameters)
    return table
