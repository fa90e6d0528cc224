"""What reported sets say of a field, checked by hand; no training field counts itself, and no field
is scored by trees that sampled it."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from data.element_sets import numbers, padded_numbers
from data.representations.phase_field import PhaseFieldSamples
from framework.base.errors import UserError
from zoo.encoders.reported_neighbourhood import ReportedNeighbourhood
from zoo.reported_sets import SetCounts, cations_first, describe

SETS = np.array(["Li O", "Li Na O", "Li O S", "Li Na O S", "K Na O S", "Li Na Cl O", "Na Cl"])
Z = {"Li": 3, "O": 8, "Na": 11, "S": 16, "Cl": 17, "K": 19}


def fields(*names: str) -> np.ndarray:
    return numbers(np.array(names)).astype(np.int64)


@pytest.fixture
def table():
    return np.random.default_rng(0).normal(size=(119, 3)).astype(np.float32)


def test_counts_are_those_of_a_count_by_hand():
    counts = SetCounts.of(padded_numbers(SETS))
    assert counts.n == 7
    assert counts.alone[[Z["Li"], Z["O"], Z["Cl"], 1]].tolist() == [5, 6, 2, 0]
    assert counts.pairs[Z["Li"], Z["O"]] == counts.pairs[Z["O"], Z["Li"]] == 5
    assert counts.triples[Z["Li"], Z["Na"], Z["O"]] == 3
    assert counts.triples[Z["S"], Z["O"], Z["Li"]] == 2
    everything = sum(len(list(itertools.combinations(s.split(), 2))) for s in SETS)
    assert counts.pairs.sum() == 2 * everything


def test_an_element_resembles_itself_most_and_those_beside_the_same_others_more():
    alike = SetCounts.of(padded_numbers(SETS)).resemblance
    present = list(Z.values())
    assert (np.diag(alike)[present] == 1).all()
    np.testing.assert_allclose(alike, alike.T, rtol=1e-5)
    assert alike[Z["Li"], Z["K"]] > alike[Z["Li"], Z["Cl"]]
    assert not alike[2].any() and not alike[:, 2].any()  # helium never occurs


def test_the_order_of_elements_and_of_sets_never_shows(table):
    one = describe(fields("Li Na O S", "K Na O S"), padded_numbers(SETS), table)
    turned = fields("Li Na O S", "K Na O S")[:, ::-1].copy()
    other = describe(turned, padded_numbers(SETS)[::-1].copy(), table)
    np.testing.assert_allclose(one, other, rtol=1e-5)


def test_cations_come_first():
    assert cations_first(fields("Cl Li Na O")).tolist() == [[3, 11, 8, 17]]


def test_a_reported_field_resembles_itself_fully_and_an_unknown_element_nothing(table):
    reported = padded_numbers(np.array([f"{a} {b} O S" for a, b in itertools.combinations(
        ("Li", "Na", "K", "Mg"), 2)]))  # fmt: skip
    known, strange = describe(fields("Li Na O S", "Al Sc O S"), reported, table)
    nearest = slice(-4 * table.shape[1] - 4, -4 * table.shape[1] - 1)
    assert known[nearest][0] == pytest.approx(1)
    assert (np.diff(known[nearest]) <= 0).all()
    assert not strange[nearest].any()


def test_fields_with_other_numbers_of_cations_have_the_same_columns(table):
    both = describe(fields("Li Na O S", "Li Na K O"), padded_numbers(SETS), table)
    alone = describe(fields("Li Na K O"), padded_numbers(SETS), table)
    assert np.isfinite(both).all()
    np.testing.assert_array_equal(both[1], alone[0])


def encoder_of(reported, unlabelled, table, **settings):
    encoder = ReportedNeighbourhood(sampled=20, folds=3, trees=5, **settings)
    samples = PhaseFieldSamples(torch.from_numpy(fields(*unlabelled)), torch.from_numpy(table))
    encoder.context = SimpleNamespace(
        reported=np.array(sorted(reported)), order=None, unlabelled=samples
    )
    return encoder


CATIONS, ANIONS = ("Li", "Na", "K", "Mg", "Ca", "Sr", "Ba", "Al"), ("O", "S", "Cl", "F")
SPACE = [
    " ".join(sorted((a, b, c, d)))
    for a, b in itertools.combinations(CATIONS, 2)
    for c, d in itertools.combinations(ANIONS, 2)
]


@pytest.fixture
def fitted(table):
    known = SPACE[::4]
    encoder = encoder_of(known, [name for name in SPACE if name not in known], table)
    samples = PhaseFieldSamples(torch.from_numpy(fields(*known)), torch.from_numpy(table))
    return encoder.fit(samples), known


def test_a_training_field_is_described_by_reported_sets_without_its_own_fold(fitted, table):
    encoder, known = fitted
    rows, fold = fields(*known), np.arange(len(known)) % 3
    found = encoder._left_out(rows, fold, rows, fold)
    for i in (0, 1, 5):
        others = np.array([name for name, f in zip(known, fold, strict=True) if f != fold[i]])
        expected = describe(rows[i : i + 1], padded_numbers(others), encoder.table_)
        np.testing.assert_allclose(found[i : i + 1], expected, rtol=1e-5)
        naive = describe(rows[i : i + 1], padded_numbers(np.array(known)), encoder.table_)
        assert not np.allclose(found[i], naive)  # the counts would tell that it is reported


def test_every_field_is_scored_by_trees_that_sampled_the_other_half(fitted, monkeypatch):
    encoder, _ = fitted
    asked = {}

    class Trees:
        def __init__(self, packed):
            self.number = int(packed is encoder.trees_of_half_1_)

        def decision_function(self, features):
            asked[self.number] = len(features)
            return np.full(len(features), float(self.number))

    monkeypatch.setattr("zoo.encoders.reported_neighbourhood._unpacked", Trees)
    samples = PhaseFieldSamples(torch.from_numpy(fields(*SPACE)), torch.from_numpy(encoder.table_))
    scores, half = encoder.score_samples(samples), encoder._half(fields(*SPACE))
    np.testing.assert_array_equal(scores, 1 - half)
    assert asked == {0: (half == 1).sum(), 1: (half == 0).sum()}
    turned = fields(*SPACE)[:, ::-1].copy()
    np.testing.assert_array_equal(encoder._half(turned), half)
    assert 0.3 < half.mean() < 0.7


def test_without_unexplored_fields_there_is_one_message(table):
    encoder = ReportedNeighbourhood()
    samples = PhaseFieldSamples(torch.from_numpy(fields("Li Na O S")), torch.from_numpy(table))
    with pytest.raises(UserError, match="run it with task 'plausibility'"):
        encoder.fit(samples)


MORE = [
    " ".join(sorted((a, b, c, d)))
    for a, b in itertools.combinations((*CATIONS, "Ga", "In", "Sc", "Y", "Zn", "Cd", "Ag", "Tl"), 2)
    for c, d in itertools.combinations((*ANIONS, "N", "P", "Br"), 2)
]


def told_by_one_feature(positive, negative) -> float:
    """The AUROC of the feature by which two lists of fields differ most."""
    aurocs = [
        roc_auc_score(np.arange(len(both)) < len(positive), both)
        for both in np.concatenate([positive, negative]).T
    ]
    return max(max(each, 1 - each) for each in aurocs)


def test_where_reported_fields_are_drawn_at_random_no_feature_gives_the_label_away(table):
    drawn = np.random.default_rng(2)
    names = drawn.permutation(MORE)
    train, unexplored = names[:600].tolist(), names[900:1500].tolist()
    encoder = encoder_of(train, unexplored, table)
    samples = [
        PhaseFieldSamples(torch.from_numpy(fields(*part)), torch.from_numpy(table))
        for part in (train, unexplored)
    ]
    encoder.fit(samples[0])
    rows, known = fields(*train, *unexplored), fields(*train)
    fold = np.arange(len(rows)) % 3
    left_out = encoder._left_out(rows, fold, known, fold[: len(known)])
    assert told_by_one_feature(left_out[:600], left_out[600:]) < 0.56
    # trap 1 planted: a field is counted among the reported sets that describe it
    assert told_by_one_feature(*map(encoder.transform, samples)) > 0.99
