"""Regression metrics against scikit-learn, SciPy and simulation."""

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from framework.metrics.bootstrap import resample_groups
from framework.metrics.regression import (
    REGRESSION,
    evaluate_regression,
    random_order,
    regression_metrics,
)
from framework.registry.metrics import higher_is_better


@pytest.fixture(scope="module")
def drawn():
    rng = np.random.default_rng(0)
    true = rng.normal(size=150).round(1)  # with ties
    predicted = (0.7 * true + rng.normal(size=150)).round(1)
    return predicted, true, np.repeat([f"set {i}" for i in range(30)], 5)


def reference(predicted, true):
    return {
        "mae": mean_absolute_error(true, predicted),
        "rmse": root_mean_squared_error(true, predicted),
        "r2": r2_score(true, predicted),
        "spearman": spearmanr(true, predicted).statistic,
    }


def test_values_are_those_of_scikit_learn_and_scipy(drawn):
    predicted, true, _ = drawn
    found = regression_metrics(predicted, true)
    assert list(found) == list(REGRESSION)
    assert found == pytest.approx(reference(predicted, true))


def test_every_replicate_is_the_metric_of_a_resample_of_whole_groups(drawn):
    predicted, true, groups = drawn
    found = evaluate_regression(predicted, true, groups, 20)
    draws = [times for part in resample_groups(groups, 20, 0) for times in part]
    for i, times in enumerate(draws):
        assert all(len(set(times[groups == name])) == 1 for name in set(groups))
        index = np.repeat(np.arange(150), times)
        expected = reference(predicted[index], true[index])
        assert dict(zip(REGRESSION, found.replicates[:, i], strict=True)) == pytest.approx(expected)
    for name in REGRESSION:
        assert found.low[name] < found.values[name] < found.high[name]


def test_the_order_of_the_materials_does_not_matter_to_an_interval(drawn):
    order = np.random.default_rng(5).permutation(150)
    first = evaluate_regression(*drawn, 50)
    other = evaluate_regression(*(of[order] for of in drawn), 50)
    np.testing.assert_allclose(first.replicates, other.replicates)


def test_fewer_than_ten_element_sets_give_no_interval(drawn):
    predicted, true, groups = (of[:45] for of in drawn)
    found = evaluate_regression(predicted, true, groups, 20)
    assert found.values == regression_metrics(predicted, true)
    assert np.isnan(found.replicates).all() and np.isnan(list(found.low.values())).all()


def test_random_order_is_the_mean_over_many_orders(drawn):
    _, true, _ = drawn
    rng = np.random.default_rng(1)
    shuffled = [regression_metrics(rng.permutation(true), true) for _ in range(2000)]
    for name, expected in random_order(true).items():
        assert np.mean([each[name] for each in shuffled]) == pytest.approx(expected, abs=0.02)


def test_a_constant_prediction_has_no_correlation(drawn):
    _, true, _ = drawn
    found = regression_metrics(np.full(len(true), true.mean()), true)
    assert found["spearman"] == 0
    assert found["r2"] == pytest.approx(0, abs=1e-12)


def test_less_error_is_better():
    better = {name: higher_is_better(f"band_gap/50/{name}") for name in REGRESSION}
    assert better == {"mae": False, "rmse": False, "r2": True, "spearman": True}
    assert higher_is_better("auroc")
