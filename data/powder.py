"""Powder diffraction of many crystals: the peaks by Bragg's law, the patterns on a grid.

Kinematic X-ray scattering without thermal motion, as in De Graef and McHenry, Structure of
Materials, chapters 11 and 12: |F|^2 of every lattice plane times the Lorentz-polarisation factor.
Conventions and atomic scattering parameters are those of pymatgen's XRDCalculator, and so are the
peaks. The sums over sites are matrix products: exp(2 pi i (hx + ky)) of all (h, k) times
exp(2 pi i lz) of all l, one product an element.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from data.crystals import Cell, Crystals
from data.scattering import lorentz_polarisation, require_scattering, scattering_factors
from framework.base.errors import UserError

CU_KA = 1.54184
"""Mean wavelength of the copper K-alpha lines in angstrom."""

SAME_PEAK = 1e-5
"""Reflections whose two theta rounds to one multiple of this (degrees) are one peak."""

WEAKEST = 1e-3
"""Peaks up to this intensity are left out, where the strongest has 100."""

_EXTINCT = 1e-12
"""Of the strongest peak: what rounding leaves of extinct reflections; no pattern shows it."""

_MOST_REFLECTIONS = 5_000_000
_BLOCK = 1 << 21
"""Numbers in one table: bounds the memory that one large cell takes."""


@dataclass(frozen=True)
class Peaks:
    """The peaks of one crystal by ascending angle.

    Attributes:
        two_theta: (p,) in degrees; where reflections are merged, that of the widest spacing.
        d: (p,) lattice spacing in angstrom.
        intensity: (p,), 100 for the strongest.
        multiplicity: (p,) the number of reflections in the peak, both signs of hkl counted.
        hkl: (p, 3) Miller indices of one of them.
    """

    two_theta: np.ndarray
    d: np.ndarray
    intensity: np.ndarray
    multiplicity: np.ndarray
    hkl: np.ndarray


@dataclass(frozen=True)
class Scan:
    """How patterns are taken: wavelength in angstrom, angles two theta in degrees.

    Attributes:
        profile: the shape of a peak, a name of `PROFILES`.
        broadening: its width: the standard deviation of a Gaussian, the half width at half
            maximum of a Lorentzian.
    """

    wavelength: float = CU_KA
    first: float = 10.0
    last: float = 90.0
    step: float = 0.05
    profile: str = "gaussian"
    broadening: float = 0.15

    @property
    def reach(self) -> float:
        """How far from its centre a peak is drawn, in degrees."""
        return PROFILES[self.profile] * self.broadening

    @property
    def points(self) -> int:
        """The number of angles in a pattern."""
        return int((self.last - self.first) / self.step + 1e-9) + 1

    @property
    def two_theta(self) -> np.ndarray:
        """The angles of the pattern (points,)."""
        return self.first + self.step * np.arange(self.points)

    def shape(self, distance: np.ndarray) -> np.ndarray:
        """The height at a distance (degrees) from the centre of a peak of height 1."""
        squared = (distance / self.broadening) ** 2
        return np.exp(-0.5 * squared) if self.profile == "gaussian" else 1 / (1 + squared)


PROFILES = {"gaussian": 6.0, "lorentzian": 40.0}
"""Peak shapes, and how many widths from its centre a peak is drawn: what is left out is below
1.6e-8 of its height for a Gaussian (less than float32 resolves), 6.3e-4 for a Lorentzian."""


def peaks(
    crystals: Crystals, wavelength: float = CU_KA, first: float = 0.0, last: float = 90.0
) -> list[Peaks]:
    """The peaks of each crystal between two angles (two theta, degrees), the weakest left out.

    Raises:
        UserError: an element has no scattering parameters, or the reflections of a crystal are
            too many.
    """
    require_scattering(crystals)
    _require_few(crystals, wavelength, last)
    out = []
    with _one_thread():
        for i, frame in enumerate(_frames(crystals.lattice)):
            found = _reflections(crystals.cell(i), frame, wavelength, first, last)
            merged = _merge(found, wavelength)
            strongest = merged.intensity.max(initial=0.0)
            shown = merged.intensity * 100 > WEAKEST * strongest
            representative = merged.order[merged.starts[shown]]
            out.append(
                Peaks(
                    two_theta=merged.two_theta[shown],
                    d=1 / found.g[representative],
                    intensity=merged.intensity[shown] * (100 / strongest if strongest else 0),
                    multiplicity=2 * np.diff(merged.starts, append=len(found.g))[shown],
                    hkl=found.hkl(representative),
                )
            )
    return out


def patterns(crystals: Crystals, scan: Scan, turns: Iterable[int] | None = None) -> np.ndarray:
    """The patterns (n, points), float32, each scaled to a maximum of 1.

    Peaks outside of the grid count where their flank reaches in. A crystal without any peak in
    reach has a pattern of zeros. Row i depends on crystal i alone, to the bit.

    Args:
        turns: 0 to n - 1, for instance from a progress bar.

    Raises:
        UserError: an element has no scattering parameters, or the reflections of a crystal are
            too many.
    """
    first, last = max(scan.first - scan.reach, 0.0), min(scan.last + scan.reach, 179.0)
    require_scattering(crystals)
    _require_few(crystals, scan.wavelength, last)
    out = np.zeros((len(crystals), scan.points), np.float32)
    frames = _frames(crystals.lattice)
    with _one_thread():
        for i in range(len(crystals)) if turns is None else turns:
            found = _reflections(crystals.cell(i), frames[i], scan.wavelength, first, last)
            merged = _merge(found, scan.wavelength)
            strong = merged.intensity > _EXTINCT * merged.intensity.max(initial=0.0)
            drawn = _draw(merged.two_theta[strong], merged.intensity[strong], scan)
            if (highest := drawn.max()) > 0:
                out[i] = drawn / highest
    return out


@dataclass(frozen=True)
class _Reflections:
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


@dataclass(frozen=True)
class _Merged:
    """Peaks: two theta (p,), intensity (p,), where in the order by angle each begins (p,)."""

    two_theta: np.ndarray
    intensity: np.ndarray
    starts: np.ndarray
    order: np.ndarray


def _frames(lattice: np.ndarray) -> np.ndarray:
    """Reciprocal vectors (n, 3, 3) in a frame of their own, in 1/angstrom.

    Columns are c*, b*, a*, upper triangular: a squared length is a sum of three squares, of which
    one depends on l, and no digits cancel in skew cells.
    """
    return np.asarray(np.linalg.qr(np.linalg.inv(lattice)[:, :, ::-1], mode="r"))


def _reflections(
    cell: Cell, frame: np.ndarray, wavelength: float, first: float, last: float
) -> _Reflections:
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
    rows = max(1, _BLOCK // max(len(l_range), len(numbers)))
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
    return _Reflections(g, intensity, where, (h, k), l_range)


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


def _merge(found: _Reflections, wavelength: float) -> _Merged:
    """Reflections at one angle as one peak, by ascending angle."""
    order = np.argsort(found.g, kind="stable")
    two_theta = np.degrees(2 * np.arcsin(wavelength / 2 * found.g[order]))
    bins = np.round(two_theta / SAME_PEAK)
    starts = np.flatnonzero(np.concatenate([bins[:1] >= 0, bins[1:] != bins[:-1]]))
    intensity = found.intensity[order]
    sums = np.add.reduceat(intensity, starts) if len(starts) else intensity
    return _Merged(two_theta[starts], sums, starts, order)


def _draw(two_theta: np.ndarray, height: np.ndarray, scan: Scan) -> np.ndarray:
    """Peaks on the grid (points,), every one at its exact angle."""
    span = int(np.ceil(2 * scan.reach / scan.step)) + 1
    most = max(1, _BLOCK // span)
    drawn = np.zeros(scan.points + 2 * span)
    for start in range(0, len(two_theta), most):
        part = two_theta[start : start + most]
        leftmost = np.ceil((part - scan.reach - scan.first) / scan.step)
        nearest = scan.first + scan.step * leftmost - part
        # single precision from here: what it loses is below 1e-7 of the peak's height
        distance = (nearest[:, None] + scan.step * np.arange(span)).astype(np.float32)
        values = height[start : start + most, None] * scan.shape(distance)
        grid = leftmost.astype(int)[:, None] + np.arange(span, 2 * span)
        drawn += np.bincount(grid.ravel(), values.ravel(), minlength=len(drawn))
    return drawn[span : span + scan.points]


def _require_few(crystals: Crystals, wavelength: float, last: float) -> None:
    """Refuse what memory will not hold: a sphere has about as many points as unit volumes."""
    radius = 2 / wavelength * np.sin(np.radians(last) / 2)
    volume = np.abs(np.linalg.det(crystals.lattice)).max(initial=0)
    if (count := 2 / 3 * np.pi * radius**3 * volume) > _MOST_REFLECTIONS:
        raise UserError(
            f"a cell of {volume:,.0f} cubic angstrom has {count:,.0f} reflections up to "
            f"{last:g} degrees at {wavelength:g} angstrom, more than {_MOST_REFLECTIONS:,}; raise "
            "the wavelength, lower the last angle or leave the crystal out"
        )


@lru_cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController()


def _one_thread() -> AbstractContextManager[Any]:
    """Threads would part the sums elsewhere, and gain nothing on matrices this small."""
    return _blas().limit(limits=1, user_api="blas")
