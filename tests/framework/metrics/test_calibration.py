"""From scores to probabilities: right where the truth is known, and never against the ranking."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from scipy.stats import norm

from framework.metrics.calibration import Calibration, hits_among_first


def simulated(n_hits: int, n_others: int, apart: float = 2.0, spread: float = 0.8, seed: int = 0):
    rng = np.random.default_rng(seed)
    return rng.normal(apart, spread, n_hits), rng.normal(size=n_others)


def true_probability(scores: np.ndarray, prior: float, apart: float = 2.0, spread: float = 0.8):
    odds = prior / (1 - prior) * norm.pdf(scores, apart, spread) / norm.pdf(scores)
    return odds / (1 + odds)


def test_a_known_probability_is_recovered():
    calibration = Calibration.fit(*simulated(4000, 40_000), prior=0.01)
    scores = np.linspace(-1.5, 3.2, 40)
    expected = true_probability(scores, 0.01)
    np.testing.assert_allclose(calibration.probability(scores), expected, rtol=0.15, atol=1e-5)


def test_a_known_probability_is_recovered_whatever_the_scale_of_the_scores():
    hits, others = simulated(500, 5000)
    scores = np.linspace(-2, 4, 50)
    plain = Calibration.fit(hits, others, 0.05).probability(scores)
    for scale in (np.exp, lambda x: 7 * x - 3, np.arctan):
        turned = Calibration.fit(scale(hits), scale(others), 0.05).probability(scale(scores))
        np.testing.assert_allclose(turned, plain, rtol=0.08, atol=1e-5)


def test_probabilities_are_those_of_an_isotonic_regression_of_many():
    """Of scikit-learn, which learns no shape but that it never falls; weighted to the prior."""
    from sklearn.isotonic import IsotonicRegression

    hits, others = simulated(20_000, 20_000)
    prior = 0.3
    scores, labels = np.concatenate([hits, others]), np.arange(40_000) < 20_000
    weights = np.where(labels, prior, 1 - prior)
    isotonic = IsotonicRegression(out_of_bounds="clip").fit(scores, labels, weights)
    at = np.linspace(-1, 3, 30)
    ours = Calibration.fit(hits, others, prior).probability(at)
    np.testing.assert_allclose(ours, isotonic.predict(at), atol=0.04)


def test_expected_hits_are_as_many_as_there_are():
    for seed, (apart, spread) in enumerate([(0.0, 1.0), (1.0, 1.4), (2.0, 0.8), (3.0, 0.5)]):
        hits, others = simulated(300, 30_000, apart, spread, seed)
        calibration = Calibration.fit(hits, others, 300 / 30_300)
        new, _ = simulated(300, 1, apart, spread, seed + 100)
        expected = calibration.probability(np.concatenate([new, others])).sum()
        assert expected == pytest.approx(300, rel=0.1)


def test_calibration_curves_lie_on_the_diagonal():
    from sklearn.calibration import calibration_curve

    hits, others = simulated(2000, 18_000)
    calibration = Calibration.fit(*simulated(400, 18_000, seed=1), prior=0.1)
    scores, labels = np.concatenate([hits, others]), np.arange(20_000) < 2000
    counted, predicted = calibration_curve(
        labels, calibration.probability(scores), n_bins=8, strategy="uniform"
    )
    np.testing.assert_allclose(counted, predicted, atol=0.08)


@settings(deadline=None, max_examples=80)
@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30),
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60),
    st.floats(1e-4, 0.9),
)
def test_probabilities_never_fall_as_scores_rise(hits, others, prior):
    calibration = Calibration.fit(hits, others, prior)
    probability = calibration.probability(np.sort([*hits, *others, -1e7, 1e7]))
    assert (np.diff(probability) >= -1e-12).all()
    assert ((probability >= 0) & (probability <= 1)).all()


def test_scores_that_say_nothing_give_the_prior():
    calibration = Calibration.fit(np.zeros(50), np.zeros(500), prior=0.03)
    np.testing.assert_allclose(calibration.probability([-1.0, 0.0, 1.0]), 0.03)
    # worse than random is not better below
    hits, others = simulated(500, 5000, apart=-1.0, spread=1.0)
    assert np.ptp(Calibration.fit(hits, others, 0.03).probability(others)) < 0.02


def test_another_prior_multiplies_the_odds():
    calibration = Calibration.fit(*simulated(300, 3000), prior=0.01)
    scores = np.linspace(-2, 4, 9)
    one, other = calibration.probability(scores), calibration.probability(scores, prior=0.2)
    ratio = (other / (1 - other)) / (one / (1 - one))
    np.testing.assert_allclose(ratio, (0.2 / 0.8) / (0.01 / 0.99))
    assert calibration.probability(scores) == pytest.approx(expit(np.log(one / (1 - one))))


def test_what_cannot_be_calibrated_is_refused():
    with pytest.raises(ValueError, match="needs scores of validation and of unexplored"):
        Calibration.fit([], [1.0], 0.1)
    with pytest.raises(ValueError, match="needs scores of validation and of unexplored"):
        Calibration.fit([1.0], [], 0.1)
    for prior in (0.0, 1.0, -1.0):
        with pytest.raises(ValueError, match=r"lies in \(0, 1\)"):
            Calibration.fit([1.0], [0.0], prior)


def test_hits_among_the_first_are_counted_and_those_of_a_tie_shared():
    scores = np.array([5.0, 4, 4, 4, 1, 0, 0, 0, 0, 0])
    hits = np.array([1, 1, 0, 0, 1, 0, 0, 0, 0, 0], bool)
    found = {name: value[1] for name, value in hits_among_first(scores, hits, scores / 9).items()}
    assert found["first"].tolist() == [1, 10]
    assert found["hits"].tolist() == [1, 3]
    np.testing.assert_allclose(found["expected_hits"], [5 / 9, 2])
    tied = hits_among_first(np.zeros(200), np.arange(200) < 20, np.full(200, 0.1))
    np.testing.assert_allclose(tied["hits"][1], [0.2, 1, 2, 10])
