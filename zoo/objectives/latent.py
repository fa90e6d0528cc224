"""Points of a latent space, decoded to compositions whose properties a probe predicts.

What is judged is always a formula: a point is decoded, rounded to a formula, encoded again, and
the probe reads the latent vector of that. So a value never belongs to a point that no composition
has. It remains a prediction: every proposal is listed beside its nearest real materials and their true
values, and `materials` searches where all values are true.
Source: Korolev et al., Machine-learning-assisted search for functional materials over extended
chemical space (2020).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import FloatDistribution
from scipy.special import ndtri

from data.element_sets import ATOMIC_NUMBERS, parse_formula
from framework.contracts.objective import FloatArray, Measured, Objective
from framework.metrics.hypervolume import hypervolume
from framework.registry.parameters import Choice, Float, Int
from zoo.composition_constraints import CompositionConstraints
from zoo.formula_decoder import FormulaDecoder
from zoo.known_materials import KnownMaterials
from zoo.latent_space import LatentSpace
from zoo.property_probes import PropertyProbes, require_probe
from zoo.proposals import proposals, proposals_figure
from zoo.wanted import Wanted

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

QUANTILES = 0.001, 0.999
"""Of the density of the latent vectors, between which is searched."""


class Latent(Objective):
    """The latent space of an encoder that decodes compositions, searched for properties.

    Coordinates are those along the principal axes of the training part's latent vectors. Under the
    prior ``density`` they are quantiles of the Gaussian that is fitted to them, so that random
    search draws from it; under ``uniform`` they are bounded by the extremes of the training part.
    The probe learns from the training part; how wrong it is stands in the summary, measured on
    materials that neither it nor the encoder has seen.

    Searches for one property are compared by the best predicted value, those for several by the
    hypervolume of what is better than the average material of the training part, in standard
    deviations.

    Args:
        properties: for each property ``maximise``, ``minimise`` or the value that is wanted.
        dataset: a registered data set, or a file of yours.
        encoder: name and settings.
        run: a finished run, in place of data set, encoder, sample, fraction and seed.
        probe: the predictor: a registered name, or a mapping with ``name`` and its settings.
        sample: element sets that are drawn; all where None.
        fraction: share of the element sets that is held out.
        seed: of the hold-out, the encoder and the probe.
        axes: principal axes that are searched, at most; all that the encoder uses where None.
        prior: how the latent space is measured.
        most_elements: of a proposal; of more that are decoded the largest fractions stay, and the
            share left out is listed.
        include: elements that a proposal must hold.
        exclude: elements that it must not hold.
        charge_balanced: whether common oxidation states of its elements must cancel.
        novel: whether the data set must not have its formula.
        farthest: distance to the nearest training material, in units of the median distance
            between nearest neighbours there, that it must not exceed.
        at_most: predicted properties that must not exceed a value: a filter.
        at_least: predicted properties that must reach a value.

    Raises:
        UserError: unknown names, an encoder that decodes no compositions, a wanted value or a
            limit out of the data's range, constraints that contradict each other.
    """

    def __init__(
        self,
        runs: Path,
        properties: dict[str, str | float],
        dataset: str = "oqmd_icsd",
        encoder: dict[str, Any] | str | None = None,
        run: str = "",
        probe: str | dict[str, Any] = "gradient_boosting",
        sample: int | None = None,
        fraction: Annotated[float, Float(0.01, 0.9)] = 0.2,
        seed: Annotated[int, Int(0, 2**31 - 1)] = 0,
        axes: Annotated[int, Int(1, 1024)] | None = None,
        prior: Annotated[str, Choice("density", "uniform")] = "density",
        most_elements: Annotated[int, Int(1, 12)] = 5,
        include: tuple[str, ...] = (),
        exclude: tuple[str, ...] = (),
        charge_balanced: bool = False,
        novel: bool = False,
        farthest: Annotated[float, Float(0.0, 1e6)] | None = None,
        at_most: dict[str, float] | None = None,
        at_least: dict[str, float] | None = None,
    ) -> None:
        require_probe(probe)
        space = LatentSpace.of(
            run,
            runs,
            dataset=dataset,
            encoder=encoder or {"name": "composition_vae", "beta": 0.01},
            sample=sample,
            fraction=fraction,
            seed=seed,
        )
        self.latent_space = space
        self.decoder = FormulaDecoder(space, most_elements)
        self.wanted = Wanted.of(space, properties, at_most or {}, at_least or {})
        train = space.materials["element_set"].values[space.split.train].astype(str)
        self.kept_to = CompositionConstraints.of(
            include, exclude, charge_balanced, space.reported if novel else None, train
        )
        self.farthest = farthest
        self.known = KnownMaterials(space)
        self.probes = PropertyProbes(space, probe, self.wanted.read, seed)
        self._prior, self._n = prior, space.n_axes(axes)
        several = len(self.wanted.properties) > 1
        self.maximise = several or self.directions[0]
        self.quantity, self.units = (
            ("hypervolume", "standard deviations") if several else self.wanted.quantity
        )
        self.attrs = space.materials.attrs
        self.summary = self._summary()

    @property
    def directions(self) -> tuple[bool, ...]:
        return tuple(self.wanted.maximised(name) for name in self.wanted.properties)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.wanted.name(name) for name in self.wanted.properties)

    @property
    def constraints(self) -> tuple[str, ...]:  # type: ignore[override]
        distance = ("distance",) if self.farthest is not None else ()
        return (*self.kept_to.names, *self.wanted.limits, *distance)

    @property
    def space(self) -> dict[str, FloatDistribution]:
        if self._prior == "density":
            return {f"axis {i}": FloatDistribution(*QUANTILES) for i in range(1, self._n + 1)}
        train = self.latent_space.latents[self.latent_space.split.train]
        along = self.latent_space.along_axes(train, self._n)
        bounds = zip(along.min(axis=0).tolist(), along.max(axis=0).tolist(), strict=True)
        return {f"axis {i}": FloatDistribution(*pair) for i, pair in enumerate(bounds, 1)}

    def measure(self, point: Mapping[str, float]) -> Measured:
        at = np.array([point[name] for name in self.space])
        if self._prior == "density":
            at = ndtri(at) * self.latent_space.spread(self._n)
        formula, shares, latent = self.decoder.decoded(self.latent_space.at(at))
        kept = [ATOMIC_NUMBERS[symbol] - 1 for symbol in parse_formula(formula)]
        predicted = self.probes.predict(latent)
        away = self.known.distance(latent)
        violations = self.kept_to.violations(formula, shares) | self.wanted.violations(predicted)
        if self.farthest is not None:
            violations["distance"] = away - self.farthest
        row: dict[str, Any] = {"formula": formula, "left out": float(1 - shares[kept].sum())}
        row |= {f"predicted {name}": value for name, value in predicted.items()}
        row |= {"distance": away, **self.known.beside(formula, latent, self.wanted.read)}
        values = tuple(self.wanted.value(name, predicted[name]) for name in self.wanted.properties)
        return Measured(values, violations, row)

    def progress(self, values: FloatArray, kept: NDArray[np.bool_]) -> FloatArray:
        if len(self.wanted.properties) == 1:
            return super().progress(values, kept)
        gains = self.wanted.gains(values)
        finite = kept & np.isfinite(gains).all(axis=1)
        reached = [
            hypervolume(gains[:n][finite[:n]], np.zeros(gains.shape[1]))
            for n in range(1, len(gains) + 1)
        ]
        return np.array(reached)

    def content(self) -> dict[str, Any]:
        space = self.latent_space
        digest = hashlib.sha256(space.latents.tobytes())
        digest.update(space.split.codes.tobytes())
        for name in self.wanted.read:
            digest.update(space.values(name).tobytes())
        return {"data": digest.hexdigest()}

    def tables(self, evaluations: pd.DataFrame) -> dict[str, pd.DataFrame]:
        """``proposals``: every formula that keeps all constraints, the best ones first."""
        return {"proposals": proposals(self.wanted, self.names, evaluations)}

    def figures(self, evaluations: pd.DataFrame, target: float | None) -> dict[str, Figure]:
        table = proposals(self.wanted, self.names, evaluations)
        return (
            {"proposals": proposals_figure(self.latent_space, self.wanted, table)}
            if len(table)
            else {}
        )

    def _summary(self) -> str:
        space = self.latent_space
        errors = ", ".join(
            f"{name.replace('_', ' ')} to {self.probes.error(name):.2g} "
            f"{space.materials[name].attrs['units']}".rstrip()
            for name in self.wanted.read
        )
        where = f"mean error on {len(space.split.holdout):,} unseen materials"
        return (
            f"{self._n} axes of {type(space.encoder).__name__}'s latent space (run {space.run}); "
            f"predicted: {errors} ({where})"
        )
