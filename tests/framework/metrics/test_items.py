"""Metrics that know more of items than their order: popularity alone ranks at random, right
probabilities err by what counting varies."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import poisson, rankdata

from framework.metrics.calibration import BINS, bins_of, counted_by_chance
from framework.metrics.items import RankedItems, evaluate_items, item_metrics
from framework.metrics.ranking import ranking_metrics
from zoo.metrics.calibration_error_of_hits import calibration_error_of_hits
from zoo.metrics.matched_auroc import EACH_SIDE, matched_auroc, outranked

EVERY = (matched_auroc, calibration_error_of_hits)


def popular(n: int = 6000, hits: int = 300, seed: int = 0) -> RankedItems:
    """Hits are popular; scores say nothing yet."""
    rng = np.random.default_rng(seed)
    relevance = np.arange(n) < hits
    popularity = (rng.normal(size=n) + 1.5 * relevance).round(2)
    return RankedItems(rng.normal(size=n), relevance, {"popularity": popularity})


def scored(ranked: RankedItems, scores: np.ndarray) -> RankedItems:
    return RankedItems(scores, ranked.relevance, ranked.known)


def matched(ranked: RankedItems) -> float:
    return item_metrics(ranked, [matched_auroc])["matched_auroc"]


def test_a_ranking_by_popularity_has_half_and_a_perfect_one_has_all():
    ranked = popular()
    popularity = ranked.known["popularity"]
    auroc = ranking_metrics(popularity, ranked.relevance, prior=0.0)["auroc"]
    assert auroc > 0.8
    for scores in (popularity, -popularity, np.exp(popularity), np.zeros(len(popularity))):
        assert matched(scored(ranked, scores)) == pytest.approx(0.5, abs=1e-12)
    assert matched(scored(ranked, ranked.relevance.astype(float))) == 1
    assert matched(scored(ranked, -ranked.relevance.astype(float))) == 0
    assert matched(ranked) == pytest.approx(0.5, abs=0.05)


def test_what_is_known_beside_popularity_counts():
    ranked = popular()
    rng = np.random.default_rng(1)
    beside = rng.normal(size=len(ranked.scores)) + ranked.relevance
    both = scored(ranked, beside + 3 * ranked.known["popularity"])
    assert 0.5 < matched(both) < matched(scored(ranked, beside))
    # two normal distributions one standard deviation apart
    assert matched(scored(ranked, beside)) == pytest.approx(0.760, abs=0.03)


def test_each_hit_is_compared_with_its_neighbours_by_popularity():
    """Against a loop over pairs, where no two candidates are equally popular."""
    rng = np.random.default_rng(2)
    relevance = np.arange(900) < 20
    popularity = rng.permutation(900).astype(float)
    ranked = RankedItems(rng.normal(size=900), relevance, {"popularity": popularity})
    expected = []
    others = np.flatnonzero(~relevance)
    for hit in np.flatnonzero(relevance):
        below = sorted(others[popularity[others] < popularity[hit]], key=lambda i: -popularity[i])
        above = sorted(others[popularity[others] > popularity[hit]], key=lambda i: popularity[i])
        n = min(EACH_SIDE, len(below), len(above))
        like = [*below[:n], *above[:n]]
        wins = [ranked.scores[hit] > ranked.scores[other] for other in like]
        expected.append(np.mean(wins) if like else np.nan)
    np.testing.assert_allclose(outranked(ranked), expected)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4), st.booleans()), min_size=2).filter(
        lambda rows: 0 < sum(hit for *_, hit in rows) < len(rows)
    ),
    st.randoms(),
)
def test_the_order_of_items_and_the_scale_of_scores_never_show(rows, random):
    def shares(rows: list) -> list:
        scores, popularity, relevance = (np.array(column) for column in zip(*rows, strict=True))
        known = {"popularity": popularity.astype(float)}
        return sorted(outranked(RankedItems(np.exp(scores), relevance, known)).tolist(), key=str)

    turned = rows.copy()
    random.shuffle(turned)
    one, other = shares(rows), shares(turned)
    np.testing.assert_allclose(one, other)
    assert all(np.isnan(share) or 0 <= share <= 1 for share in one)


def test_a_hit_more_popular_than_all_candidates_is_compared_with_none():
    known = {"popularity": np.array([9.0, 1.0, 0.0, 1.0, 2.0])}
    relevance = np.array([True, True, False, False, False])
    shares = outranked(RankedItems(np.array([9.0, 5.0, 4.0, 6.0, 3.0]), relevance, known))
    assert np.isnan(shares[0]) and shares[1] == pytest.approx(2 / 3)


def test_what_is_not_known_has_no_value_and_few_hits_no_interval():
    ranked = popular(400, 8)
    found = evaluate_items(ranked, 100, metrics=EVERY)
    assert np.isnan(found.values["calibration_error_of_hits"])
    assert np.isfinite(found.values["matched_auroc"]) and np.isnan(found.low["matched_auroc"])


def test_two_encoders_see_the_same_draws():
    ranked = popular()
    one, other = (evaluate_items(scored(ranked, by), 200, metrics=[matched_auroc]).replicates
                  for by in (ranked.scores, 2 * ranked.scores))  # fmt: skip
    np.testing.assert_array_equal(one, other)


def test_the_interval_of_the_matched_auroc_covers_the_truth():
    """New hits and candidates each time: 95 % intervals of 60 hits hold the truth in about 95 %."""
    covered, truth = 0, 0.760
    for seed in range(200):
        ranked = popular(3000, 60, seed)
        beside = np.random.default_rng([seed, 1]).normal(size=3000) + ranked.relevance
        found = evaluate_items(scored(ranked, beside), 200, seed, [matched_auroc])
        covered += found.low["matched_auroc"] <= truth <= found.high["matched_auroc"]
    assert 0.90 <= covered / 200 <= 0.99


# calibration


def drawn(n: int = 20_000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of a rare class, and hits drawn by them."""
    rng = np.random.default_rng(seed)
    probability = rng.beta(0.05, 2.0, size=n)
    return probability, rng.random(n) < probability


def error_of(probability: np.ndarray, hits: np.ndarray) -> float:
    ranked = RankedItems(probability, hits, {"probability": probability})
    return item_metrics(ranked, [calibration_error_of_hits])["calibration_error_of_hits"]


def test_bins_hold_equally_many_expected_hits_the_most_probable_first():
    probability, _ = drawn()
    bins = bins_of(probability)
    expected = np.bincount(bins, probability, BINS)
    np.testing.assert_allclose(expected, probability.sum() / BINS, atol=1)
    assert (np.diff(bins[np.argsort(-probability)]) >= 0).all()
    assert len(set(bins_of(np.full(50, 0.1)))) == 1


def test_the_error_is_that_of_scikit_learn_over_the_prevalence():
    from sklearn.calibration import calibration_curve

    probability, hits = drawn()
    stated = probability**0.7
    bins = bins_of(stated)
    total = 0.0
    for number in range(BINS):
        inside = bins == number
        counted, expected = calibration_curve(hits[inside], stated[inside], n_bins=1)
        total += inside.mean() * abs(counted[0] - expected[0])
    assert error_of(stated, hits) == pytest.approx(total / hits.mean())


def test_right_probabilities_err_by_what_counting_varies_and_wrong_ones_by_more():
    errors, wrong, by_chance = [], [], []
    for seed in range(40):
        probability, hits = drawn(seed=seed)
        ranked = RankedItems(probability, hits, {"probability": probability})
        found = evaluate_items(ranked, 100, metrics=[calibration_error_of_hits])
        errors += found.values.values()
        by_chance += found.random.values()
        wrong.append(error_of(probability / 2, hits))
    assert np.mean(errors) == pytest.approx(np.mean(by_chance), rel=0.1)
    assert min(wrong) > max(errors) and np.mean(wrong) == pytest.approx(0.5, abs=0.03)


def test_the_mean_distance_of_a_poisson_count_is_that_of_scipy():
    for mean in (0.0, 0.3, 1.0, 7.5, 30.0):
        k = np.arange(200)
        expected = (abs(k - mean) * poisson.pmf(k, mean)).sum()
        assert counted_by_chance([mean])[0] == pytest.approx(expected, abs=1e-9)


def test_replicates_of_an_error_lie_around_its_value():
    probability, hits = drawn()
    ranked = RankedItems(probability, hits, {"probability": probability})
    found = evaluate_items(ranked, 400, metrics=[calibration_error_of_hits])
    (value,) = found.values.values()
    assert found.replicates[0].mean() == pytest.approx(value)
    assert found.low["calibration_error_of_hits"] < value < found.high["calibration_error_of_hits"]
    assert rankdata(found.replicates[0]).max() > 100  # they vary
