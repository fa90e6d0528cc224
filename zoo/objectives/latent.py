"""Points of a latent space, decoded to compositions whose properties a probe predicts.

What is judged is always a formula: a point is decoded, rounded to a formula, encoded again, and
the probe reads the latent vector of that. So a value never belongs to a point that no composition
has. It remains a prediction: every proposal is told with its nearest real materials and their true
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
import torch
from numpy.typing import NDArray
from optuna.distributions import FloatDistribution
from scipy.special import ndtri
from threadpoolctl import threadpool_limits

from data.element_sets import ATOMIC_NUMBERS, parse_formula
from data.representations.composition import (
    N_ELEMENTS,
    PRESENT,
    CompositionSamples,
    atomic_fractions,
    reduced_formula,
)
from data.representations.composition_diffraction import CompositionDiffractionSamples
from framework.base.errors import UserError, placed
from framework.contracts.dataset import take
from framework.contracts.objective import FloatArray, Measured, Objective
from framework.contracts.predictor import Predictor
from framework.metrics.hypervolume import hypervolume
from framework.neural.threads import one_thread
from framework.registry.parameters import Choice, Float, Int
from zoo.composition_constraints import CompositionConstraints, composition_key
from zoo.latent_space import LatentSpace
from zoo.probing import probe_of
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
        most_elements: of a proposal; of more that are decoded the largest fractions stay, and what
            was left out is told.
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
        _, item, settings = probe_of(probe, Predictor, "probe")
        if run:
            self.latent_space = LatentSpace.of_run(run, runs)
        else:
            with placed("encoder"):
                self.latent_space = LatentSpace.fitted(
                    runs,
                    dataset=dataset,
                    encoder=encoder or {"name": "composition_vae", "beta": 0.01},
                    sample=sample,
                    fraction=fraction,
                    seed=seed,
                )
        space = self.latent_space
        if not space.encoder.decodes:
            raise UserError(
                f"encoder: {type(space.encoder).__name__} decodes nothing, and proposals are "
                "decoded; take composition_vae or concatenated_vae"
            )
        shown = space.representation.transform(take(space.materials, [0]))
        if not isinstance(shown, CompositionSamples | CompositionDiffractionSamples):
            raise UserError(
                f"encoder: what {type(space.encoder).__name__} decodes holds no composition; take "
                "composition_vae or concatenated_vae"
            )
        self._samples = type(shown)
        self.wanted = Wanted.of(space, properties, at_most or {}, at_least or {})
        held = space.materials["element_set"].values[space.split.train].astype(str)
        self.kept_to = CompositionConstraints.of(
            include, exclude, charge_balanced, space.reported if novel else None, held
        )
        self.farthest = farthest
        self._train = np.unique(space.latents[space.split.train], axis=0)
        self.unit = _neighbour_distance(self._train)
        self._rows: dict[bytes, list[int]] = {}
        for i, fractions in enumerate(atomic_fractions(space.materials["formula"].values)):
            self._rows.setdefault(composition_key(fractions), []).append(i)
        self._probes = {name: self._fitted(item, settings, name, seed) for name in self.wanted.read}
        self._prior, self._n, self._most = prior, space.n_axes(axes), most_elements
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
        formula, shares, latent = self.decoded(self.latent_space.at(at))
        held = [ATOMIC_NUMBERS[symbol] - 1 for symbol in parse_formula(formula)]
        predicted = {
            name: float(probe.predict(latent[None])[0]) for name, probe in self._probes.items()
        }
        away = float(np.linalg.norm(self._train - latent, axis=1).min() / self.unit)
        violations = self.kept_to.violations(formula, shares) | self.wanted.violations(predicted)
        if self.farthest is not None:
            violations["distance"] = away - self.farthest
        report: dict[str, Any] = {"formula": formula, "left out": float(1 - shares[held].sum())}
        report |= {f"predicted {name}": value for name, value in predicted.items()}
        report |= {"distance": away, **self._beside(formula, latent)}
        values = tuple(self.wanted.value(name, predicted[name]) for name in self.wanted.properties)
        return Measured(values, violations, report)

    def decoded(self, latent: FloatArray) -> tuple[str, FloatArray, FloatArray]:
        """The formula that a latent vector (d,) stands for, the atomic fractions (100,) as they
        were decoded, and the latent vector (d,) of that formula."""
        encoder: Any = self.latent_space.encoder
        with torch.inference_mode(), one_thread():
            point = torch.from_numpy(latent[None]).to(encoder.device, torch.float32)
            vector = encoder.decode(point)[0].double().cpu().numpy()
        shares = vector[:N_ELEMENTS].clip(0) / vector[:N_ELEMENTS].clip(0).sum()
        largest = np.argsort(-shares, kind="stable")[: self._most]
        kept = np.zeros(N_ELEMENTS)
        kept[largest] = np.where(shares[largest] >= PRESENT, shares[largest], 0.0)
        kept[largest[0]] = shares[largest[0]]
        formula = reduced_formula(kept)
        return formula, shares, self.encoded(formula, vector[N_ELEMENTS:])

    def encoded(self, formula: str, pattern: FloatArray) -> FloatArray:
        """The latent vector (d,) of a formula, and of a pattern where the encoder reads one."""
        if len(pattern):  # whose highest point is 1
            pattern = pattern / max(pattern.max(), 1e-12)
        vector = np.concatenate([atomic_fractions([formula])[0], pattern]).astype(np.float32)
        samples = self._samples(torch.from_numpy(vector[None]))
        latent: FloatArray = self.latent_space.encoder.transform(samples)[0].astype(float)
        return latent

    def _beside(self, formula: str, latent: FloatArray) -> dict[str, Any]:
        """What the data know: true values of this formula, and of the nearest other one."""
        space = self.latent_space
        same = self._rows.get(composition_key(atomic_fractions([formula])[0]), [])
        found: dict[str, Any] = {"reported": bool(same)}
        for name in self.wanted.read if same else ():
            known = space.values(name)[same]
            if np.isfinite(known).any():
                found[f"true {name}"] = float(np.nanmean(known))
        away = np.linalg.norm(space.latents - latent, axis=1)
        away[same] = np.inf
        i = int(away.argmin())
        found["nearest"] = str(space.materials["formula"].values[i])
        found["nearest at"] = float(away[i] / self.unit)
        found |= {f"true {n} of nearest": float(space.values(n)[i]) for n in self.wanted.read}
        return found

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

    def _fitted(self, item: Any, settings: dict[str, Any], name: str, seed: int) -> Predictor:
        space, values = self.latent_space, self.latent_space.values(name)
        known = space.split.train[np.isfinite(values[space.split.train])]
        probe: Predictor = item(**settings)
        probe.seed = seed
        groups = space.materials["element_set"].values[known].astype(str)
        with threadpool_limits(1):  # the same trees on every machine
            return probe.fit(space.latents[known], values[known], groups)

    def error(self, name: str) -> float:
        """Mean absolute error of a predicted property on the held-out materials."""
        space, values = self.latent_space, self.latent_space.values(name)
        known = space.split.holdout[np.isfinite(values[space.split.holdout])]
        with threadpool_limits(1):
            predicted = self._probes[name].predict(space.latents[known])
        return float(np.abs(predicted - values[known]).mean())

    def _summary(self) -> str:
        space = self.latent_space
        errors = ", ".join(
            f"{name.replace('_', ' ')} to {self.error(name):.2g} "
            f"{space.materials[name].attrs['units']}".rstrip()
            for name in self.wanted.read
        )
        held = f"mean error on {len(space.split.holdout):,} unseen materials"
        return (
            f"{self._n} axes of {type(space.encoder).__name__}'s latent space (run {space.run}); "
            f"predicted: {errors} ({held})"
        )


def _neighbour_distance(latents: FloatArray, most: int = 2000) -> float:
    """Median distance between nearest neighbours, of at most so many vectors to all."""
    from scipy.spatial import cKDTree

    some = latents[np.linspace(0, len(latents) - 1, min(most, len(latents))).astype(int)]
    distance, _ = cKDTree(latents).query(some, k=2)
    return float(np.median(distance[:, 1]))
