"""The reflections of a crystal: every lattice plane between two angles, and its intensity.

Kinematic X-ray scattering without thermal motion, as in De Graef and McHenry, Structure of
Materials, chapters 11 and 12: |F|^2 of every lattice plane times the Lorentz-polarisation factor.
The sums over sites are matrix products: exp(2 pi i (hx + ky)) of all (h, k) times
exp(2 pi i lz) of all l, one product an element.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.crystals import Cell, Crystals
from data.scattering import lorentz_polarisation, scattering_factors
from framework.base.errors import UserError

_MOST_REFLECTIONS = 5_000_000
BLOCK = 1 << 21
"""Numbers in one table: bounds the memory that one large cell takes."""


@dataclass(frozen=True)
class Reflections:
    """One of each pair hkl, -h-k-l: 1/d in 1/angstrom (m,), intensity of the two (m,).

    Attributes:
        where: positions (m,) in the table of columns (h, k) and l.
    """

    g: np.ndarray
    intensity: np.ndarray
    where: np.ndarray
    columns: tuple[np.ndarray, np.ndarray]
    l_range: np.ndarray

    def hkl(self, index: np.ndarray) -> np.ndarray:
        """Miller indices (p, 3) of the reflections at index (p,)."""
        column, l_index = np.divmod(self.where[index], len(self.l_range))
        h, k = self.columns
        return np.stack([h[column], k[column], self.l_range[l_index]], axis=1)


def frames(lattice: np.ndarray) -> np.ndarray:
    """Reciprocal vectors (n, 3, 3) in a frame of their own, in 1/angstrom.

    Columns are c*, b*, a*, upper triangular: a squared length is a sum of three squares, of which
    one depends on l, and no digits cancel in skew cells.
    """
    return np.asarray(np.linalg.qr(np.linalg.inv(lattice)[:, :, ::-1], mode="r"))


def reflections(
    cell: Cell, frame: np.ndarray, wavelength: float, first: float, last: float
) -> Reflections:
    """All reflections of a half space between two angles, two theta in degrees."""
    lattice, numbers, positions = cell
    low, high = (2 / wavelength * np.sin(np.radians([first, last]) / 2)).tolist()
    most = (high * np.sqrt((lattice * lattice).sum(axis=1)) + 1e-9).astype(int).tolist()
    h, k, across, along = _columns(frame, most, high)
    l_range = np.arange(-most[2], most[2] + 1)
    along_l = frame[0, 0] * l_range
    sites = np.argsort(numbers, kind="stable")
    numbers = numbers[sites]
    ends = [*(np.flatnonzero(numbers[1:] != numbers[:-1]) + 1).tolist(), len(numbers)]
    begins = [0, *ends[:-1]]
    phases, zero = _phases(positions[sites], max(most)), max(most)
    phases_l = phases[zero - most[2] : zero + most[2] + 1, 2].T

    parts = []  # one, but for cells that are large
    rows = max(1, BLOCK // max(len(l_range), len(numbers)))
    for start in range(0, len(h), rows):
        block = slice(start, start + rows)
        squared = across[block, None] + (along[block, None] + along_l) ** 2
        inside = (squared >= low * low) & (squared <= high * high)
        if start == 0:  # the column h = k = 0 comes first: without hkl = 000, one of each pair
            inside[0, : most[2] + 1] = False
        where = np.flatnonzero(inside)
        squared = squared.ravel()[where]
        phases_hk = phases[zero + h[block], 0] * phases[zero + k[block], 1]
        factor = np.zeros(len(where), complex)
        scattering = scattering_factors(numbers[begins], squared / 4)
        for of_element, begin, end in zip(scattering, begins, ends, strict=True):
            sums = phases_hk[:, begin:end] @ phases_l[begin:end]
            factor += of_element * sums.ravel()[where]
        intensity = 2 * (factor.real**2 + factor.imag**2)
        intensity *= lorentz_polarisation(squared * (wavelength**2 / 4))
        parts.append((np.sqrt(squared), intensity, where + start * len(l_range)))
    g, intensity, where = (
        parts[0] if len(parts) == 1 else map(np.concatenate, zip(*parts, strict=True))
    )
    return Reflections(g, intensity, where, (h, k), l_range)


def require_few(crystals: Crystals, wavelength: float, last: float) -> None:
    """Refuse what memory will not hold: a sphere has about as many points as unit volumes."""
    radius = 2 / wavelength * np.sin(np.radians(last) / 2)
    volume = np.abs(np.linalg.det(crystals.lattice)).max(initial=0)
    if (count := 2 / 3 * np.pi * radius**3 * volume) > _MOST_REFLECTIONS:
        raise UserError(
            f"a cell of {volume:,.0f} cubic angstrom has {count:,.0f} reflections up to "
            f"{last:g} degrees at {wavelength:g} angstrom, more than {_MOST_REFLECTIONS:,}; raise "
            "the wavelength, lower the last angle or leave the crystal out"
        )


def _columns(
    frame: np.ndarray, most: list[int], high: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The (h, k) of a half space whose column of all l meets the sphere, h = k = 0 first.

    Returns:
        h (columns,), k (columns,), the squared distance of each column from the origin, and
        where along the column l = 0 lies.
    """
    h, k = np.arange(most[0] + 1)[:, None], np.arange(-most[1], most[1] + 1)
    across = (h * frame[1, 2] + k * frame[1, 1]) ** 2 + (h * frame[2, 2]) ** 2
    along = h * frame[0, 2] + k * frame[0, 1]
    meets = across <= high * high
    meets[0, : most[1]] = False
    row, column = meets.nonzero()
    return row, column - most[1], across[meets], along[meets]


def _phases(positions: np.ndarray, most: int) -> np.ndarray:
    """exp(2 pi i h x) for h from -most to most, (2 most + 1, axis, sites)."""
    out = np.empty((2 * most + 1, 3, len(positions)), complex)
    np.exp(2j * np.pi * np.arange(most + 1)[:, None, None] * positions.T, out=out[most:])
    np.conjugate(out[:most:-1], out=out[:most])
    return out
