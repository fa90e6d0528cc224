"""Models that choose the next point: by the right formula, under constraints, in batches."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import optuna
import pytest
import scipy.stats
from optuna.distributions import FloatDistribution

from framework.base.errors import UserError
from framework.search.study.plan import StudyPlan
from framework.search.study.sampling import DRAWN_FIRST, BySlot
from framework.search.study.surrogate import (
    Past,
    Surrogate,
    _acquired,
    able_predictors,
    chosen,
    drawn,
    require_uncertainty,
)
from tests.framework.search.killed import planned

GP = Surrogate("gaussian_process")
RIDGE = Surrogate("ridge")


def past(points, values, violations=None, pending=()) -> Past:
    points = np.asarray(points, float)
    values = np.asarray(values, float).reshape(len(points), -1)
    violations = np.zeros((len(points), 0)) if violations is None else np.c_[violations]
    return Past(points, values, violations, np.asarray(pending, float).reshape(-1, points.shape[1]))


def plane(n: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Points of a square, and values that rise along one diagonal."""
    points = np.random.default_rng(1).uniform(size=(n, 2))
    return points, points.sum(axis=1)


def acquired(acquisition: str, expected, spread, best: float, **settings) -> np.ndarray:
    surrogate = Surrogate("ridge", acquisition=acquisition, **settings)
    generator = np.random.default_rng(0)
    return _acquired(surrogate, np.asarray(expected), np.asarray(spread), best, generator)


def test_expected_improvement_is_the_mean_of_what_is_gained():
    """By integration, also where nearly nothing is to be gained."""
    expected, spread = np.array([0.0, 1.0, -2.0, 0.5]), np.array([1.0, 0.1, 0.5, 2.0])
    for best in (-1.0, 0.3, 2.0):
        gains = [
            scipy.stats.norm(m, s).expect(lambda y, b=best: y - b, lb=best)
            for m, s in zip(expected, spread, strict=True)
        ]
        ours = acquired("expected_improvement", expected, spread, best)
        assert np.exp(ours) == pytest.approx(gains, rel=1e-6, abs=1e-12)
    far = acquired("expected_improvement", [-10.0, -30.0, -50.0], [1.0, 1.0, 1.0], 0.0)
    assert (np.diff(far) < 0).all() and np.isfinite(far).all()


def test_the_probability_to_reach_a_target_is_that_of_the_normal_distribution():
    ours = acquired("reach_target", [0.0, 1.0], [1.0, 2.0], 9.0, target=1.5)
    assert np.exp(ours) == pytest.approx(scipy.stats.norm.sf([1.5, 0.25]))


@pytest.mark.parametrize("name", ["ridge", "gaussian_process", "extra_trees"])
def test_every_model_finds_what_is_best_of_a_pool(name):
    points, values = plane()
    seen = list(range(10))
    for seed in range(20):
        left = np.setdiff1d(np.arange(len(points)), seen)
        at = chosen(Surrogate(name), past(points[seen], values[seen]), points[left], seed)
        seen.append(int(left[at]))
    best = np.argsort(-values)[:5]
    assert len(np.intersect1d(seen, best)) >= 4


def test_the_same_past_gives_the_same_point_and_thompson_goes_by_the_seed():
    points, values = plane()
    known = past(points[:12], values[:12])
    assert chosen(GP, known, points, 3) == chosen(GP, known, points, 3)
    drawing = replace(GP, acquisition="thompson")
    assert len({chosen(drawing, known, points, seed) for seed in range(8)}) > 1


def test_what_breaks_a_constraint_or_failed_is_avoided():
    """The best corner is forbidden: by a violation, or because nothing can be measured there."""
    points, values = plane(400)
    n, beyond = 200, points[:, 0] > 0.5
    known = past(points[:n], values[:n], np.where(beyond, 1.0, -1.0)[:n])
    failed = past(points[:n], np.where(beyond[:n], np.nan, values[:n]))
    model = replace(GP, acquisition="upper_bound")
    for each in (known, failed):
        assert points[chosen(model, each, points, 0), 0] < 0.6
    assert points[chosen(model, past(points[:n], values[:n]), points, 0), 0] > 0.8


def test_where_nothing_keeps_the_constraints_a_way_to_them_is_looked_for():
    points, values = plane(300)
    violation = points[:40, 0] + 0.2  # less towards the left
    at = points[chosen(GP, past(points[:40], values[:40], violation), points, 0)]
    assert at[0] < np.quantile(points[:, 0], 0.1)


def test_what_waits_in_a_batch_counts_as_measured():
    """Between three equal values there are two gaps, and a batch of two looks into both."""
    among = np.linspace(0, 1, 101)[:, None]
    known = past([[0.0], [0.5], [1.0]], [0.0, 0.1, 0.0])
    model = replace(GP, acquisition="upper_bound")
    first = among[chosen(model, known, among, 0)]
    second = among[chosen(model, replace(known, pending=first[None]), among, 0)]
    assert (first < 0.5) != (second < 0.5)


def test_a_trust_region_stays_near_the_best_after_failures():
    """Twenty failures in a row halve it four times: a thirty-second of the pool."""
    rng = np.random.default_rng(0)
    points = rng.uniform(size=(2000, 2))
    values = np.r_[10.0, np.zeros(20)]
    region = replace(GP, trust_region=True)
    at = points[chosen(region, past(points[:21], values), points, 0)]
    assert np.linalg.norm(at - points[0]) < 0.15


def test_several_values_are_weighed_anew_for_every_point():
    """A front from one corner to the other is walked along, not one end of it."""
    points, _ = plane(500)
    values = np.c_[points[:, 0], 1 - points[:, 0] ** 2]
    known = past(points[:40], values[:40])
    ends = points[[chosen(RIDGE, known, points, seed) for seed in range(12)], 0]
    assert ends.min() < 0.2 and ends.max() > 0.8


def test_a_continuous_space_is_judged_evenly_and_around_the_best():
    low, high = np.array([-5.0, 0.0]), np.array([5.0, 1.0])
    known = past([[3.0, 0.5], [-3.0, 0.5]], [2.0, 1.0])
    points = drawn(low, high, known, 0)
    assert (points >= low).all() and (points <= high).all()
    near = np.abs(np.abs(points[:, 0]) - 3) < 0.5
    assert 0.3 < near.mean() < 0.6  # a fifth, if all were drawn evenly


def test_batches_do_not_see_each_others_values():
    """The points of a batch are the same whatever the first of them was worth."""

    def points(worth: float) -> list[float]:
        plan = planned_with(batch=3)
        study = optuna.create_study(direction="maximize", sampler=BySlot(plan))
        out = []
        for i in range(DRAWN_FIRST + 3):
            trial = study.ask(plan.space)
            out.append(trial.params["x"])
            study.tell(trial, worth if i == DRAWN_FIRST else -(trial.params["x"] ** 2))
        return out

    assert points(0.0) == points(100.0)
    assert len(set(points(0.0))) == DRAWN_FIRST + 3


def planned_with(**settings) -> StudyPlan:
    surrogate = Surrogate("gaussian_process", **settings)
    space = {"x": FloatDistribution(-5.0, 5.0)}
    return planned(Path(), space=space, surrogate=surrogate, sampler=surrogate.predictor)


def test_a_predictor_without_uncertainty_is_refused_with_those_that_have_one():
    assert {"ridge", "gaussian_process", "extra_trees"} <= set(able_predictors())
    with pytest.raises(UserError, match=r"'gradient_boosting' states no uncertainty.* ridge"):
        require_uncertainty("gradient_boosting", "samplers[0]")
