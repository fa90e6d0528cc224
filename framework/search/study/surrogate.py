"""Proposals by a model of what was measured: a predictor with an uncertainty chooses the next point.

Every point that may be chosen is judged: of a pool each candidate that is left, of a continuous
space many points drawn evenly and around the best. Moving a proposal to the nearest candidate
instead would lose most of what the model knows.
Source: Jones et al., J. Global Optim. 13, 455 (1998), for expected improvement; Knowles, IEEE
Trans. Evol. Comput. 10, 50 (2006), for several values; after Eriksson et al., NeurIPS 2019 (TuRBO),
for the trust region.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr, ndtr

from framework.base.errors import UserError
from framework.contracts.predictor import Predictor
from framework.registry.parameters import Choice, Int
from framework.registry.registry import PREDICTORS

FloatArray = NDArray[np.float64]

REACH_TARGET = "reach_target"
ACQUISITIONS = ("expected_improvement", "upper_bound", "thompson", REACH_TARGET)

SUPPLIED = ("predictor", "settings", "target")
"""Of a `Surrogate`, what the framework supplies."""

DRAWN, AROUND = 2000, 500
"""Points of a continuous space that are judged: drawn evenly, and around the best."""

NEAR = (0.02, 0.1)
"""How far around, in widths of the space."""

BOLDNESS = 2.0
"""Standard deviations of the upper bound."""

CHEBYSHEV = 0.05
"""Share of the plain sum in what several values are weighed to."""

SUCCESSES, FAILURES = 3, 5
"""In a row, after which a trust region is doubled and halved."""

FEWEST = 20
"""Points that a trust region holds."""


@dataclass(frozen=True)
class Surrogate:
    """Which model chooses, and how.

    Attributes:
        predictor: name and settings of a registered predictor that states an uncertainty.
        acquisition: what is greatest at the point that is chosen.
        batch: points that are chosen before the first of them is measured.
        trust_region: choose among the points nearest to the best so far, of which there are more
            after successes and fewer after failures.
        target: the value that `reach_target` is after.
    """

    predictor: str
    settings: dict[str, Any] = field(default_factory=dict)
    acquisition: Annotated[str, Choice(*ACQUISITIONS)] = ACQUISITIONS[0]
    batch: Annotated[int, Int(1, 1000)] = 1
    trust_region: bool = False
    target: float | None = None


@dataclass(frozen=True)
class Past:
    """What was measured so far, in order, and what was chosen and is not measured yet.

    Attributes:
        points: (n, d).
        values: (n, k), the higher the better, NaN where the evaluation failed.
        violations: by constraint (n, c), kept where 0 or less.
        pending: points (m, d).
    """

    points: FloatArray
    values: FloatArray
    violations: FloatArray
    pending: FloatArray


def require_uncertainty(name: str, where: str) -> None:
    """Refuse a predictor that cannot tell what it does not know.

    Raises:
        UserError: it is not registered, is not a predictor of values, or states no uncertainty.
    """
    PREDICTORS.require(name, where)
    item = PREDICTORS.load(name, where)
    if not _is_able(item):
        raise UserError(
            f"{where}: '{name}' states no uncertainty, by which a search explores; take one of "
            f"{', '.join(able_predictors())}"
        )


def able_predictors() -> list[str]:
    """The registered predictors that state an uncertainty."""
    return [name for name in PREDICTORS.names() if _is_able(PREDICTORS.load(name))]


def _is_able(item: type) -> bool:
    return issubclass(item, Predictor) and item.uncertainty is not Predictor.uncertainty


def chosen(surrogate: Surrogate, past: Past, among: FloatArray, seed: int) -> int:
    """Which of some points (m, d) to measure next."""
    generator = np.random.default_rng(seed)
    centre, scale = among.mean(axis=0), among.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    among, points = (among - centre) / scale, (past.points - centre) / scale
    measured = np.isfinite(past.values).all(axis=1)
    kept = np.logical_and(measured, (past.violations <= 0).all(axis=1))
    likely = _log_likely(surrogate, points, past.violations, measured, among, seed)
    if not measured.any():
        return int(likely.argmax())
    worth = _worth(past.values[measured], generator)
    allowed = np.arange(len(among))
    if surrogate.trust_region and kept.any():
        allowed = _region(among, points[measured], np.where(kept[measured], worth, -np.inf))
        among, likely = among[allowed], likely[allowed]
    known, worths = points[measured], worth
    for waiting in (past.pending - centre) / scale:  # measured as the model expects
        model = _fitted(surrogate, known, worths, seed)
        known = np.vstack([known, waiting])
        worths = np.append(worths, model.predict(waiting[None]))
    model = _fitted(surrogate, known, worths, seed)
    if not kept.any():
        return int(allowed[likely.argmax()])
    best = worth[kept[measured]].max()
    expected, spread = model.predict(among), model.uncertainty(among)
    assert spread is not None  # `require_uncertainty`
    return int(allowed[(_acquired(surrogate, expected, spread, best, generator) + likely).argmax()])


def drawn(low: FloatArray, high: FloatArray, past: Past, seed: int) -> FloatArray:
    """Points of a continuous space that may be chosen: evenly drawn, and around the best five."""
    generator, width = np.random.default_rng(seed), high - low
    points = [low + width * generator.random((DRAWN, len(low)))]
    measured = np.isfinite(past.values).all(axis=1)
    if measured.any():
        worth = _worth(past.values[measured], generator)
        worth = worth - 1e6 * past.violations[measured].clip(0).sum(axis=1)
        best = past.points[measured][np.argsort(-worth, kind="stable")[:5]]
        for near in NEAR:
            steps = generator.normal(scale=near, size=(AROUND, len(low))) * width
            points.append(best[generator.integers(len(best), size=AROUND)] + steps)
    return np.vstack(points).clip(low, high)


def _worth(values: FloatArray, generator: np.random.Generator) -> FloatArray:
    """What is maximised (n,): the value itself, of several a randomly weighed one."""
    if values.shape[1] == 1:
        return values[:, 0]
    low = values.min(axis=0)
    scaled = (values - low) / np.where(np.ptp(values, axis=0) > 0, np.ptp(values, axis=0), 1.0)
    weighed = scaled * generator.dirichlet(np.ones(values.shape[1]))
    return weighed.min(axis=1) + CHEBYSHEV * weighed.sum(axis=1)


def _fitted(surrogate: Surrogate, points: FloatArray, values: FloatArray, seed: int) -> Predictor:
    predictor: Predictor = PREDICTORS.load(surrogate.predictor)(**surrogate.settings)
    predictor.seed = seed
    return predictor.fit(points, values, np.arange(len(points)))


def _log_likely(
    surrogate: Surrogate,
    points: FloatArray,
    violations: FloatArray,
    measured: Any,
    among: FloatArray,
    seed: int,
) -> FloatArray:
    """Logarithm of the probability (m,) that a point can be measured and keeps all constraints."""
    failed = np.where(measured, -1.0, 1.0)
    broken = [failed, *(column[measured] for column in violations.T)]
    out = np.zeros(len(among))
    for column in broken:
        if (column <= 0).all():
            continue
        known = points if len(column) == len(points) else points[measured]
        # by order: the scale of a violation says nothing
        signed = np.sign(column) * np.log1p(np.abs(column))
        model = _fitted(surrogate, known, signed, seed)
        spread = model.uncertainty(among)
        assert spread is not None
        out += log_ndtr(-model.predict(among) / np.maximum(spread, 1e-9))
    return out


def _acquired(
    surrogate: Surrogate,
    expected: FloatArray,
    spread: FloatArray,
    best: float,
    generator: np.random.Generator,
) -> FloatArray:
    """What is greatest at the point that is chosen (m,); a logarithm where it is a probability or
    an expectation, so that constraints add to it."""
    spread = np.maximum(spread, 1e-9)
    if surrogate.acquisition == REACH_TARGET:
        assert surrogate.target is not None
        return log_ndtr((expected - surrogate.target) / spread)
    if surrogate.acquisition == "expected_improvement":
        return np.log(spread) + _log_improvement((expected - best) / spread)
    size = np.ptp(expected) or 1.0
    if surrogate.acquisition == "upper_bound":
        return (expected + BOLDNESS * spread) / size
    return (expected + generator.standard_normal(len(expected)) * spread) / size


def _log_improvement(z: FloatArray) -> FloatArray:
    """log(pdf(z) + z cdf(z)), where it is far below 0 by its asymptote."""
    far = z < -20
    near = np.where(far, 0.0, z)
    density = np.exp(-(near**2) / 2) / np.sqrt(2 * np.pi)
    improvement = np.maximum(density + near * ndtr(near), 1e-300)
    asymptote = -(z**2) / 2 - 2 * np.log(np.maximum(np.abs(z), 1.0)) - np.log(2 * np.pi) / 2
    return np.where(far, asymptote, np.log(improvement))


def _region(among: FloatArray, points: FloatArray, worth: FloatArray) -> NDArray[np.int64]:
    """The points (indices) of a trust region around the best that was measured."""
    share, successes, failures, best = 0.5, 0, 0, -np.inf
    for value in worth:
        better = value > best
        best = max(best, value)
        successes, failures = (successes + 1, 0) if better else (0, failures + 1)
        if successes == SUCCESSES:
            share, successes = min(1.0, 2 * share), 0
        elif failures == FAILURES:
            share, failures = share / 2, 0
        if share * len(among) < FEWEST:
            share = 0.5  # shrunk to nothing: begins anew
    away = ((among - points[worth.argmax()]) ** 2).sum(axis=1)
    return np.sort(np.argsort(away, kind="stable")[: max(FEWEST, round(share * len(among)))])
