"""The latent space of an encoder of materials, fitted for a search or taken from a finished run."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from framework.base.errors import UserError, nearest, placed
from framework.base.files import require_writable
from framework.base.progress import new_bars
from framework.config.experiment import experiment_from
from framework.contracts.encoder import Encoder
from framework.contracts.representation import Representation
from framework.contracts.split import Split
from framework.registry.registry import DATASETS
from framework.runs.context import restore_context
from framework.runs.data import data_component
from framework.runs.execution import execute
from framework.runs.finished import find_run
from framework.runs.items import divided
from framework.runs.plan import plan
from framework.runs.saved import SavedRun
from zoo.labelled_items import LEAST_LABELS

FloatArray = NDArray[np.float64]

FLAT = 0.01
"""Variance of a dimension or principal axis, relative to the greatest, below which it is not
searched: the encoder does not use it."""


@dataclass(frozen=True)
class LatentSpace:
    """Materials in the latent space of an encoder, and which of them it was fitted on.

    Attributes:
        run: digest of the run behind it, for `phasezoo reproduce` and `phasezoo audit`.
        dataset: name and settings of the data set that the materials are from.
        latents: of all materials (n, latent_dim).
    """

    run: str
    dataset: dict[str, Any]
    encoder: Encoder
    representation: Representation
    materials: xr.Dataset
    split: Split
    latents: FloatArray

    @classmethod
    def of(cls, run: str, runs: Path, **fitting: Any) -> Self:
        """That of a finished run, or where none is named, of an encoder fitted for it.

        Args:
            fitting: see `fitted`.

        Raises:
            UserError: see `of_run` and `fitted`.
        """
        if run:
            return cls.of_run(run, runs)
        with placed("encoder"):
            return cls.fitted(runs, **fitting)

    @classmethod
    def fitted(
        cls,
        runs: Path,
        *,
        dataset: str,
        encoder: dict[str, Any] | str,
        sample: int | None,
        fraction: float,
        seed: int,
    ) -> Self:
        """That of an encoder fitted on a data set, of which whole element sets are held out.

        It is a run of the task `property` like any other: computed once, and audited.

        Raises:
            UserError: the data set or the encoder is unknown, or too few materials are left,
                or ``runs`` cannot be written.
        """
        data = data_component(dataset)
        content = {
            "name": "latent_space",
            "dataset": data,
            "task": {
                "name": "property",
                "properties": _rankable(data),
                "labels": ["all"],
                "sample": sample,
            },
            "splits": [{"name": "random", "fraction": fraction}],
            "seeds": [seed],
            "encoders": [encoder],
        }
        (run,) = plan(experiment_from(content, "the latent space"), runs=runs)
        if not run.finished(runs):
            require_writable(runs)
            with new_bars(sys.stderr.isatty()) as bars:
                bar = bars.add_task(f"fitting {run.encoder}", total=None)
                execute(run, runs, lambda done, n: bars.update(bar, completed=done, total=n))
        return cls.of_run(run.digest, runs)

    @classmethod
    def of_run(cls, run: str, runs: Path) -> Self:
        """That of a finished run.

        Args:
            run: its folder, or its digest or the beginning of it.

        Raises:
            UserError: there is no such run, or it has element sets as items, not materials.
        """
        folder = find_run(run, runs)
        saved = SavedRun.open(folder)
        materials, split = divided(saved.settings)
        if "formula" not in materials:
            raise UserError(
                f"run: the items of {run} (task '{saved.settings['task']['name']}') are element "
                "sets; take a run whose items are materials, such as one of the task 'property'"
            )
        samples = saved.representation.transform(materials)
        restore_context(saved)
        latents = saved.encoder.transform(samples).astype(float)
        dataset = saved.settings["dataset"]
        parts = saved.encoder, saved.representation, materials, split, latents
        return cls(folder.name, dataset, *parts)

    @cached_property
    def _principal(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Mean (d,), directions (d, d) in columns and standard deviations (d,) of the training
        part, the widest first."""
        train = self.latents[self.split.train]
        mean = train.mean(axis=0)
        variances, directions = np.linalg.eigh(np.atleast_2d(np.cov(train, rowvar=False)))
        # the sign of an eigenvector is arbitrary: its largest entry is positive here
        signs = np.sign(directions[np.abs(directions).argmax(axis=0), range(len(directions))])
        return mean, (directions * signs)[:, ::-1], np.sqrt(variances.clip(0)[::-1])

    @property
    def used_dimensions(self) -> NDArray[np.int64]:
        """The latent dimensions that the encoder uses, by their variance in the training part."""
        variances = self.latents[self.split.train].var(axis=0)
        return np.flatnonzero(variances > FLAT * variances.max())

    def n_axes(self, most: int | None) -> int:
        """How many principal axes the encoder uses; not more than ``most``."""
        spread = self._principal[2]
        used = int((spread**2 > FLAT * spread[0] ** 2).sum())
        return used if most is None else min(used, most)

    def along_axes(self, latents: FloatArray, n: int) -> FloatArray:
        """Coordinates (m, n) of latent vectors along the first principal axes."""
        mean, directions, _ = self._principal
        coordinates: FloatArray = (latents - mean) @ directions[:, :n]
        return coordinates

    def at(self, coordinates: FloatArray) -> FloatArray:
        """The latent vector (d,) at coordinates (n,) along the first principal axes, in the middle
        of the others."""
        mean, directions, _ = self._principal
        vector: FloatArray = mean + directions[:, : len(coordinates)] @ coordinates
        return vector

    def spread(self, n: int) -> FloatArray:
        """Standard deviations (n,) of the training part along the first principal axes."""
        return self._principal[2][:n]

    def values(self, name: str) -> FloatArray:
        """A property of all materials (n,), NaN where it is not known.

        Raises:
            UserError: the data set has no such property.
        """
        known = self.materials.attrs["properties"].split()
        if name not in known:
            raise UserError(
                f"'{name}' is not a property of {self.materials.attrs['title']}; {nearest(name, known)}"
            )
        return self.materials[name].values.astype(float)

    @property
    def reported(self) -> list[str]:
        """The formulas of the whole data set, whether drawn for this space or not."""
        data = DATASETS.load(self.dataset["name"])(**self.dataset["parameters"])
        return [text for text in data["formula"].values.astype(str).tolist() if text]

    def axis(self, name: str) -> str:
        """A property with its units, for an axis."""
        attrs = self.materials[name].attrs
        return f"{attrs['long_name']} ({attrs['units']})" if attrs["units"] else attrs["long_name"]


def _rankable(data: dict[str, Any]) -> list[str]:
    """The properties of a data set that the task `property` can be asked for.

    Raises:
        UserError: there is none.
    """
    wanted = dict(data)
    dataset = DATASETS.load(wanted.pop("name"))(**wanted)
    rankable = []
    for name in dataset.attrs["properties"].split():
        values = dataset[name].values
        values = values[np.isfinite(values)]
        if len(values) >= 2 * LEAST_LABELS and np.ptp(values) > 0:
            rankable.append(name)
    if not rankable:
        raise UserError(
            f"dataset: {dataset.attrs['title']} has no property with {2 * LEAST_LABELS} different "
            "values; bring data with one"
        )
    return rankable
