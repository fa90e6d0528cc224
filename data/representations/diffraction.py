"""Diffraction: the powder X-ray pattern of a crystal on a grid of angles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self

import numpy as np
import torch
import xarray as xr

from data import powder, reflections, scattering
from data.cache import cached, digest
from data.cif.files import read_cif_files
from data.crystals import Crystals
from data.vectors import PAIR, VectorSamples
from framework.base.errors import UserError
from framework.base.progress import shown
from framework.contracts.representation import Representation
from framework.registry.parameters import Choice, Float

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_FEW = 200
"""Crystals whose patterns are computed sooner than a file of them is kept."""


class DiffractionSamples(VectorSamples):
    """Patterns (n, points), each with the maximum 1."""

    def draw(self, axes: Axes, decoded: np.ndarray) -> None:
        """The original upwards, what was decoded downwards."""
        points = np.arange(self.width)
        for values, colour in zip((self.descriptors()[0], -decoded), PAIR, strict=True):
            axes.plot(points, values, color=colour, lw=0.7)
        axes.set_xlabel("point of the pattern")
        axes.set_ylabel("intensity")


class Diffraction(Representation):
    """The pattern at the angles `two_theta_`, scaled to a maximum of 1; nothing is learned.

    The default is copper K-alpha from 10 to 90 degrees in steps of 0.05: 1,601 points. Computed
    once for a set of crystals and settings, and kept in the cache (`data.cache`).

    Args:
        wavelength: in angstrom.
        two_theta_min: the first angle, degrees.
        two_theta_max: the last angle, degrees.
        step: between angles, degrees.
        profile: the shape of a peak: gaussian, drawn up to 6 widths from its centre, or
            lorentzian, up to 40.
        broadening: its width in degrees: the standard deviation of a Gaussian, the half width at
            half maximum of a Lorentzian.
    """

    def __init__(
        self,
        wavelength: Annotated[float, Float(0.3, 3.0)] = powder.CU_KA,
        two_theta_min: Annotated[float, Float(1.0, 120.0)] = 10.0,
        two_theta_max: Annotated[float, Float(2.0, 160.0)] = 90.0,
        step: Annotated[float, Float(0.01, 1.0)] = 0.05,
        profile: Annotated[str, Choice(*powder.PROFILES)] = "gaussian",
        broadening: Annotated[float, Float(0.02, 2.0)] = 0.15,
    ) -> None:
        self.wavelength = wavelength
        self.two_theta_min, self.two_theta_max, self.step = two_theta_min, two_theta_max, step
        self.profile, self.broadening = profile, broadening

    @property
    def scan(self) -> powder.Scan:
        """How patterns are taken.

        Raises:
            UserError: the settings contradict one another.
        """
        if self.two_theta_max < self.two_theta_min + self.step:
            raise UserError(
                f"two_theta_max ({self.two_theta_max:g}) leaves no step of {self.step:g} degrees "
                f"above two_theta_min ({self.two_theta_min:g}); raise it or lower the other"
            )
        if self.step > 2 * self.broadening:
            raise UserError(
                f"a step of {self.step:g} degrees misses peaks of the width {self.broadening:g}; "
                f"take a step of at most {2 * self.broadening:g}, or a larger broadening"
            )
        return powder.Scan(
            self.wavelength,
            self.two_theta_min,
            self.two_theta_max,
            self.step,
            self.profile,
            self.broadening,
        )

    @classmethod
    def require(cls, materials: xr.Dataset) -> None:
        """Crystal structures of all.

        Raises:
            UserError: there are none.
        """
        Crystals.from_dataset(materials)

    def fit(self, materials: xr.Dataset, train: np.ndarray) -> Self:
        scattering.require_scattering(Crystals.from_dataset(materials))
        self.two_theta_ = self.scan.two_theta
        return self

    @property
    def width(self) -> int:
        self.require_fitted()
        return len(self.two_theta_)

    def parse(self, texts: Sequence[str]) -> xr.Dataset:
        """Crystals from the paths of CIF files.

        Raises:
            UserError: a file is missing, or is no usable crystal structure; the reason is told.
        """
        return read_cif_files(texts)

    def transform(self, materials: xr.Dataset) -> DiffractionSamples:
        self.require_fitted()
        cells, scan = Crystals.from_dataset(materials), self.scan

        def compute() -> dict[str, np.ndarray]:
            turns = shown(range(len(cells)), "diffraction patterns")
            return {"patterns": powder.patterns(cells, scan, turns)}

        if len(cells) <= _FEW:
            values = powder.patterns(cells, scan)
        else:
            modules = (powder.__file__, reflections.__file__, scattering.__file__)
            sources = [Path(file) for file in modules]
            table = scattering.scattering_file()
            key = digest(cells.digest(), asdict(scan), *sources, table)
            values = cached("diffraction", key, compute)["patterns"]
        return DiffractionSamples(torch.from_numpy(values))
