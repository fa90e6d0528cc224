"""Classification metrics against scikit-learn and simulation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    f1_score,
    top_k_accuracy_score,
)

from framework.metrics.bootstrap import resample_groups
from framework.metrics.classification import (
    CLASSIFICATION,
    Answers,
    Counts,
    class_metrics,
    evaluate_classes,
    random_order,
)
from framework.metrics.intervals import share_score

EVERY = tuple(CLASSIFICATION.values())
OF_MANY = tuple(metric for metric in EVERY if metric.of_many)
OF_TWO = tuple(metric for metric in EVERY if metric.of_two)


def drawn(seed=0, n=80, k=9):
    """Answers that are often right; every class is true of one material at least."""
    rng = np.random.default_rng(seed)
    true = np.concatenate([np.arange(k), rng.integers(k, size=n - k)])
    probabilities = rng.dirichlet(np.ones(k), size=n)
    probabilities[np.arange(n), true] += rng.random(n) * 0.4
    return Answers(probabilities, true, rng.random(n) < 0.9)


def reference(answers):
    true, predicted = answers.true, answers.probabilities.argmax(axis=1)
    k = answers.probabilities.shape[1]
    return {
        "accuracy": accuracy_score(true, predicted),
        "top_5_accuracy": top_k_accuracy_score(
            true, answers.probabilities, k=5, labels=np.arange(k)
        ),
        "balanced_accuracy": balanced_accuracy_score(true, predicted),
        "f1": f1_score(true == 1, predicted == 1, zero_division=0),
        "macro_f1": f1_score(true, predicted, average="macro", zero_division=0),
        "seen": answers.seen.mean(),
    }


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
@given(seed=st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_values_and_replicates_are_those_of_scikit_learn(seed):
    answers = drawn(seed)
    assert class_metrics(answers, EVERY) == pytest.approx(reference(answers))
    groups = np.arange(80) // 4
    counts = [times for part in resample_groups(groups, 3, seed) for times in part]
    for times in counts:
        resample = answers.take(np.repeat(np.arange(80), times))
        drawn_once = {
            metric.name: metric.compute(Counts(answers, times[None]))[0] for metric in EVERY
        }
        assert drawn_once == pytest.approx(reference(resample))
    found = evaluate_classes(answers, EVERY[:1], groups, 3, seed)
    expected = [EVERY[0].compute(Counts(answers, times[None]))[0] for times in counts]
    assert found.replicates[0] == pytest.approx(expected)


def test_a_resample_is_the_same_for_every_encoder_and_however_many_are_drawn_at_once(monkeypatch):
    answers, groups = drawn(1, n=400, k=3), np.arange(400) // 4
    whole = evaluate_classes(answers, OF_MANY, groups, 20)
    monkeypatch.setattr("framework.metrics.bootstrap._DRAWN_AT_ONCE", 900)
    parts = evaluate_classes(answers, OF_MANY, groups, 20)
    np.testing.assert_array_equal(parts.replicates, whole.replicates)
    for metric in OF_MANY:
        if metric.name != "top_5_accuracy":  # of three classes it is 1
            assert whole.low[metric.name] < whole.values[metric.name] < whole.high[metric.name]


def test_few_sets_or_few_of_a_class_give_no_interval_but_a_share_has_its_score_interval():
    answers = drawn(2, n=45, k=2)
    few = evaluate_classes(answers, OF_TWO, np.arange(45) // 5, 50)
    expected = share_score(few.values["accuracy"], 9)
    assert (few.low["accuracy"], few.high["accuracy"]) == pytest.approx(expected)
    assert np.isnan([few.low["f1"], few.high["balanced_accuracy"]]).all()
    assert np.isnan(few.replicates).all()
    rare = Answers(answers.probabilities, (np.arange(45) < 8).astype(int), answers.seen)
    found = evaluate_classes(rare, OF_TWO, np.arange(45), 50)
    assert found.independent == {"accuracy": 45, "balanced_accuracy": 8, "f1": 8}
    assert np.isfinite(found.low["accuracy"]) and np.isnan(found.low["f1"])


def test_random_order_is_the_mean_over_many_orders():
    true, rng = np.random.default_rng(0).integers(4, size=60), np.random.default_rng(1)
    one = np.eye(4)
    found = [
        class_metrics(Answers(one[rng.permutation(true)], true, true < 3), EVERY)
        for _ in range(1500)
    ]
    answers = Answers(one[true], true, true < 3)
    for name, expected in random_order(answers).items():
        if name != "top_5_accuracy":
            assert np.mean([each[name] for each in found]) == pytest.approx(expected, abs=0.01)
    five = [np.any([rng.permutation(true) == true for _ in range(5)], axis=0) for _ in range(1500)]
    assert np.mean(five) == pytest.approx(random_order(answers)["top_5_accuracy"], abs=0.01)


def test_ties_count_by_chance_and_a_class_of_no_probability_never():
    even = Answers(np.full((3, 10), 0.1), np.array([0, 4, 9]), np.ones(3, bool))
    assert even.among_top == pytest.approx([0.5, 0.5, 0.5])
    certain = Answers(np.eye(10)[[0, 0]], np.array([0, 7]), np.array([True, False]))
    assert certain.among_top.tolist() == [1, 0]
    found = class_metrics(certain, OF_MANY)
    assert (found["accuracy"], found["seen"]) == (0.5, 0.5)


def test_counts_stand_by_true_and_predicted_class():
    answers = Answers(np.eye(2)[[1, 1, 0]], np.array([0, 1, 1]), np.ones(3, bool))
    assert answers.counts.tolist() == [[0, 1], [1, 1]]
    assert class_metrics(answers, OF_TWO)["f1"] == pytest.approx(0.5)
