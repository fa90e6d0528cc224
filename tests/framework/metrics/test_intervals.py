"""Intervals against closed forms and other libraries; Holm's correction; scales."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, ttest_1samp

from framework.metrics.bootstrap import interval, resample_groups
from framework.metrics.intervals import (
    FEW,
    MANY,
    auroc_score,
    exact,
    holm,
    p_value,
    resampled,
    share_score,
    wilson,
)
from framework.metrics.orders import RandomOrder
from framework.metrics.ranking import RANKING, evaluate
from framework.metrics.scales import FISHER, IDENTITY, LOG, LOG_OF_REST, LOGIT


@given(st.integers(1, 60), st.data())
def test_the_interval_of_a_share_is_that_of_scipy(n, data):
    k = data.draw(st.integers(0, n))
    expected = binomtest(k, n).proportion_ci(method="wilson")
    assert wilson(k / n, n) == pytest.approx((expected.low, expected.high), abs=1e-9)


@given(st.integers(1, 60), st.data())
def test_the_exact_interval_of_a_share_is_that_of_scipy(n, data):
    k = data.draw(st.integers(0, n))
    expected = binomtest(k, n).proportion_ci(method="exact")
    assert exact(k / n, n) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_no_hit_of_two_leaves_most_open():
    assert wilson(0.0, 2) == pytest.approx((0, 0.658), abs=1e-3)
    assert share_score(0.0, 2) == exact(0.0, 2) == pytest.approx((0, 0.842), abs=1e-3)
    assert share_score(0.5, 20) == wilson(0.5, 20)


@given(st.floats(0, 1), st.integers(1, 40), st.integers(1, 400))
def test_the_interval_of_an_auroc_holds_it_and_is_mirrored_with_the_classes(auroc, p, n):
    low, high = auroc_score(auroc, p, n)
    assert 0 <= low <= auroc <= high <= 1 and high - low > 0
    mirrored = auroc_score(1 - auroc, n, p)
    assert mirrored == pytest.approx((1 - high, 1 - low), abs=1e-6)


def test_a_perfect_auroc_of_few_hits_is_no_certainty():
    ends = [auroc_score(1.0, hits, 100).low for hits in (1, 2, 5, 9)]
    assert ends == sorted(ends) and ends[0] < 0.5 and ends[-1] < 0.95


@pytest.mark.parametrize("scale", [IDENTITY, LOGIT, LOG, FISHER, LOG_OF_REST])
def test_a_scale_goes_there_and_back_and_its_slope_is_its_derivative(scale):
    for x in (0.03, 0.4, 0.9):
        assert scale.holds(x)
        assert scale.inverse(scale.forward(x)) == pytest.approx(x)
        derivative = (scale.forward(x + 1e-6) - scale.forward(x - 1e-6)) / 2e-6
        assert scale.slope(x) == pytest.approx(derivative, rel=1e-4)


def test_many_items_give_percentiles_and_fewer_a_wider_interval_inside_the_range():
    replicates = np.random.default_rng(0).beta(95, 5, size=4000)
    value = float(replicates.mean())
    assert resampled(value, replicates, MANY, LOGIT) == pytest.approx(interval(replicates))
    few = resampled(value, replicates, FEW, LOGIT)
    low, high = interval(replicates)
    assert 0 < few.low < low and few.high < 1 and few.high - few.low > 1.1 * (high - low)


def test_what_does_not_vary_or_is_not_there_has_no_interval():
    assert resampled(0.5, np.full(50, 0.5), 200) is None
    assert resampled(0.5, np.full(50, np.nan), 200) is None


def test_a_p_value_of_few_items_is_that_of_a_t_test():
    values = np.random.default_rng(3).normal(0.5, 1, size=20)
    rng = np.random.default_rng(0)
    replicates = values[rng.integers(20, size=(20_000, 20))].mean(axis=1)
    expected = ttest_1samp(values, 0).pvalue
    assert p_value(values.mean(), replicates, 20) == pytest.approx(expected, rel=0.25)


def test_holm_multiplies_the_least_by_their_number_and_never_falls():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])
    assert holm([]) == []


def test_whole_groups_are_drawn_whatever_the_order_of_the_items():
    groups = np.array(["b", "a", "c", "a", "b", "d"])
    (times,) = resample_groups(groups, 200, seed=4)
    assert (times.sum(axis=1) != 6).any()
    assert (times[:, 1] == times[:, 3]).all() and (times[:, 0] == times[:, 4]).all()
    assert (times[:, [0, 1, 2, 5]].sum(axis=1) == 4).all()
    order = np.array([3, 5, 0, 1, 4, 2])
    (again,) = resample_groups(groups[order], 200, seed=4)
    assert np.array_equal(again, times[:, order])


def test_groups_drawn_apart_are_in_every_resample():
    groups = np.arange(40) // 2
    hits = np.isin(np.arange(40), [0, 7])
    (times,) = resample_groups(groups, 300, seed=0, apart=hits)
    assert (times[:, [0, 1, 6, 7]].sum(axis=1) == 4).all()


def test_each_item_its_own_group_is_the_bootstrap_of_items():
    """The same draws, counted in another way."""
    rng = np.random.default_rng(0)
    hits = np.arange(400) < 120
    scores = rng.normal(size=400) + hits
    items = evaluate(scores, hits, prior=0.05, n_resamples=200)
    grouped = evaluate(scores, hits, prior=0.05, n_resamples=200, groups=np.arange(400))
    np.testing.assert_allclose(items.replicates, grouped.replicates, equal_nan=True)


def test_few_hits_are_not_resampled_and_shares_and_auroc_have_score_intervals():
    rng = np.random.default_rng(0)
    hits = np.arange(200) < 9
    found = evaluate(rng.normal(size=200) + hits, hits, prior=0.1, n_resamples=50)
    assert np.isnan(found.replicates).all()
    expected = auroc_score(found.values["auroc"], 9, 191)
    assert (found.low["auroc"], found.high["auroc"]) == pytest.approx(expected)
    assert found.low["recall_at_5pct"] < found.high["recall_at_5pct"] <= 1
    ratio = 200 / 10
    assert found.high["enrichment_factor_at_5pct"] == pytest.approx(
        found.high["recall_at_5pct"] * ratio
    )
    assert np.isnan([found.low["average_precision"], found.high["ndcg"]]).all()


def test_hits_of_few_element_sets_are_few_however_many_they_are():
    hits = np.arange(300) < 45
    groups = np.concatenate([np.arange(45) // 5, 9 + np.arange(255)])
    scores = np.random.default_rng(0).normal(size=300)
    found = evaluate(scores, hits, prior=0, n_resamples=20, groups=groups)
    assert found.independent["auroc"] == 9 and np.isnan(found.replicates).all()


def test_random_order_refuses_a_ranking_without_both_classes():
    with pytest.raises(ValueError, match="a ranking needs both"):
        RandomOrder(0.0, 0, 5)
    assert all(metric.description.endswith((".", ")", ").")) for metric in RANKING.values())
