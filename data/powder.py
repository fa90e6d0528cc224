"""Powder diffraction of many crystals: the peaks by Bragg's law, the patterns on a grid.

The reflections are those of `data.reflections`. Conventions and atomic scattering parameters are
those of pymatgen's XRDCalculator, and so are the peaks.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from data.crystals import Crystals
from data.reflections import BLOCK, Reflections, frames, reflections, require_few
from data.scattering import require_scattering

CU_KA = 1.54184
"""Mean wavelength of the copper K-alpha lines in angstrom."""

SAME_PEAK = 1e-5
"""Reflections whose two theta rounds to one multiple of this (degrees) are one peak."""

WEAKEST = 1e-3
"""Peaks up to this intensity are left out, where the strongest has 100."""

_EXTINCT = 1e-12
"""Of the strongest peak: what rounding leaves of extinct reflections; no pattern shows it."""


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
    require_few(crystals, wavelength, last)
    out = []
    with _one_thread():
        for i, frame in enumerate(frames(crystals.lattice)):
            planes = reflections(crystals.cell(i), frame, wavelength, first, last)
            merged = _merge(planes, wavelength)
            strongest = merged.intensity.max(initial=0.0)
            strong = merged.intensity * 100 > WEAKEST * strongest
            representative = merged.order[merged.starts[strong]]
            out.append(
                Peaks(
                    two_theta=merged.two_theta[strong],
                    d=1 / planes.g[representative],
                    intensity=merged.intensity[strong] * (100 / strongest if strongest else 0),
                    multiplicity=2 * np.diff(merged.starts, append=len(planes.g))[strong],
                    hkl=planes.hkl(representative),
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
    require_few(crystals, scan.wavelength, last)
    out = np.zeros((len(crystals), scan.points), np.float32)
    in_frames = frames(crystals.lattice)
    with _one_thread():
        for i in range(len(crystals)) if turns is None else turns:
            planes = reflections(crystals.cell(i), in_frames[i], scan.wavelength, first, last)
            merged = _merge(planes, scan.wavelength)
            strong = merged.intensity > _EXTINCT * merged.intensity.max(initial=0.0)
            drawn = _draw(merged.two_theta[strong], merged.intensity[strong], scan)
            if (highest := drawn.max()) > 0:
                out[i] = drawn / highest
    return out


@dataclass(frozen=True)
class _Merged:
    """Peaks: two theta (p,), intensity (p,), where in the order by angle each begins (p,)."""

    two_theta: np.ndarray
    intensity: np.ndarray
    starts: np.ndarray
    order: np.ndarray


def _merge(planes: Reflections, wavelength: float) -> _Merged:
    """Reflections at one angle as one peak, by ascending angle."""
    order = np.argsort(planes.g, kind="stable")
    two_theta = np.degrees(2 * np.arcsin(wavelength / 2 * planes.g[order]))
    bins = np.round(two_theta / SAME_PEAK)
    starts = np.flatnonzero(np.concatenate([bins[:1] >= 0, bins[1:] != bins[:-1]]))
    intensity = planes.intensity[order]
    sums = np.add.reduceat(intensity, starts) if len(starts) else intensity
    return _Merged(two_theta[starts], sums, starts, order)


def _draw(two_theta: np.ndarray, height: np.ndarray, scan: Scan) -> np.ndarray:
    """Peaks on the grid (points,), every one at its exact angle."""
    span = int(np.ceil(2 * scan.reach / scan.step)) + 1
    most = max(1, BLOCK // span)
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


@lru_cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController()


def _one_thread() -> AbstractContextManager[Any]:
    """Threads would part the sums elsewhere, and gain nothing on matrices this small."""
    return _blas().limit(limits=1, user_api="blas")
