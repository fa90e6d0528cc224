"""Merit, accessibility and the front, on a tiny space with a planted property."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import roc_auc_score

from framework.base.errors import UserError
from framework.execution.here import Here
from framework.metrics.hypervolume import on_front
from framework.selection.fields import Fields
from framework.selection.listing import Wanted
from framework.selection.merit import FOLDS, Wish, _folds, known_sets, merit
from framework.selection.selection import front, request_of, select_fields
from tests.conftest import FIELDS, PATTERN, REPORTED

TASK = {"name": "plausibility", "candidates": {"name": "pattern", "pattern": PATTERN}}
FAST = {"trees": 50, "samples_a_leaf": 2}


def gap(field):
    """Wide with Cl or F, wider with lighter cations."""
    symbols = field.split()
    return 4.0 * bool({"Cl", "F"} & {*symbols}) + len({"Li", "Na", "Mg"} & {*symbols})


@pytest.fixture(autouse=True)
def gaps(desk):
    rows = [f"{field},{gap(field)}" for field in REPORTED]
    Path("gaps.csv").write_text("\n".join(["elements,gap", *rows]) + "\n")


def wish(**changes):
    data = {"name": "file", "path": "gaps.csv"}
    content = {"target": "gap", "above": 3.0, "at_most": None, "aggregate": "largest"}
    return Wish(**{**content, "dataset": data, **changes})


def tiny_fields(encoder="element_frequency"):
    data = {"name": "file", "path": "sets.txt"}
    return Fields.named(encoder, {}, dataset=data, task=TASK)


def selected(**changes):
    content = {
        "fields": tiny_fields("pair_cooccurrence"),
        "wanted": Wanted(),
        "wish": wish(),
        "classifier": "gradient_boosting_classifier",
        "parameters": FAST,
        "seed": 0,
    }
    request = request_of(**{**content, **changes})
    return select_fields(request, Here(), lambda *_: None)


# merit


def test_every_fold_has_its_share_of_either_class():
    wanted = np.arange(103) % 7 == 0
    fold = _folds(wanted, seed=0)
    for side in (True, False):
        counts = np.bincount(fold[wanted == side], minlength=FOLDS)
        assert counts.max() - counts.min() <= 1


def test_known_sets_are_judged_by_classifiers_that_have_not_seen_them():
    known = known_sets(wish())
    shuffled = np.random.default_rng(0).permutation(known.wanted)
    for labels, low, high in ((known.wanted, 0.9, 1.0), (shuffled, 0.2, 0.75)):
        planted = type(known)(known.target, known.items, known.names, known.values, labels, "", ())
        found = merit(planted, known.names[:1], "random_forest_classifier", {"trees": 50}, 0)
        assert low <= found.quality.values["auroc"] <= high
        assert found.quality.values["auroc"] == pytest.approx(roc_auc_score(labels, found.of_known))


def test_probability_and_uncertainty_are_those_of_the_five_classifiers():
    known, asked = known_sets(wish()), np.array(["Al Cl Li", "Al K S"])
    found = merit(known, asked, "gradient_boosting_classifier", FAST, 0)
    assert found.probability[0] > 0.5 > found.probability[1]
    assert (found.uncertainty >= 0).all() and (found.uncertainty <= 0.5).all()
    again = merit(known, asked[::-1], "gradient_boosting_classifier", FAST, 0)
    np.testing.assert_array_equal(again.probability[::-1], found.probability)


def test_an_encoder_of_element_sets_may_be_the_classifier(monkeypatch, tmp_path):
    folder = tmp_path / "extensions" / "encoders"
    folder.mkdir(parents=True)
    (folder / "membership.py").write_text(
        '"""Which elements a set holds."""\n'
        "from framework.contracts.encoder import Encoder\n\n\n"
        "class Membership(Encoder):\n"
        '    representation = "element_set"\n\n'
        "    def fit(self, samples, validation=None):\n"
        "        self.n_ = len(samples)\n"
        "        return self\n\n"
        "    def transform(self, samples):\n"
        "        return samples.descriptors()\n\n"
        "    def score_samples(self, samples):\n"
        "        return samples.descriptors().sum(axis=1)\n"
    )
    monkeypatch.setenv("PHASEZOO_EXTENSIONS", str(folder.parent))
    found = merit(known_sets(wish()), np.array(["Al Cl Li", "Al K S"]), "membership", {}, 0)
    assert found.quality.values["auroc"] > 0.8
    assert found.probability[0] > found.probability[1]


@pytest.mark.parametrize(
    ("aggregate", "expected"),
    [("largest", lambda field: 9), ("smallest", gap), ("mean", lambda field: (gap(field) + 9) / 2)],
)
def test_the_value_of_a_set_is_the_aggregate_of_its_materials(aggregate, expected):
    formulas = ["".join(field.split()) for field in REPORTED]
    rows = [
        f"{text},{gap(field)}\n{text}2,9" for text, field in zip(formulas, REPORTED, strict=True)
    ]
    Path("twice.csv").write_text("\n".join(["formula,gap", *rows, "CsI,0", "CsBr,10"]) + "\n")
    limit = {"largest": 9.5, "smallest": 3.0, "mean": 6.0}[aggregate]
    wanted = wish(aggregate=aggregate, dataset={"name": "file", "path": "twice.csv"}, above=limit)
    if aggregate == "largest":
        with pytest.raises(UserError, match=r"1 of 62 element sets have gap > 9\.5"):
            known_sets(wanted)
        return
    known = known_sets(wanted)
    of = dict(zip(known.names, known.values, strict=True))
    for field in REPORTED:
        assert of[" ".join(sorted(field.split()))] == pytest.approx(expected(field))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"above": 50.0},
            "--above 50: 0 of 60 element sets have gap > 50, and a classifier needs 10",
        ),
        ({"above": -1.0}, "--above -1: 60 of 60 element sets have gap > -1"),
        ({"above": None, "at_most": -1.0}, "--at-most -1: 0 of 60 element sets have gap ≤ -1"),
        ({"above": 5.5}, "lies between 0 and 6, half of it below"),
        ({"target": "gpa"}, "--property gpa: is not a property of .*; did you mean 'gap'?"),
        ({"at_most": 1.0}, "give one of --above and --at-most"),
        ({"above": None}, "give one of --above and --at-most"),
        ({"above": float("nan")}, "nan is not a finite number"),
    ],
)
def test_a_wish_without_two_classes_is_refused(changes, message):
    with pytest.raises(UserError, match=message):
        known_sets(wish(**changes))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("random_forest_clasifier", "did you mean 'random_forest_classifier'"),
        ("ridge", "is neither a classifier nor an encoder of element sets"),
        ("pca", "is neither a classifier nor an encoder of element sets"),
    ],
)
def test_a_classifier_is_refused_before_anything_is_fitted(name, message):
    with pytest.raises(UserError, match=message):
        selected(classifier=name, parameters={}, fields=None)


# both


def test_a_selection_is_sorted_by_the_stated_product():
    table = selected().table
    known = {" ".join(sorted(field.split())) for field in REPORTED}
    every = {" ".join(sorted(field.split())) for field in FIELDS}
    assert {*table["elements"]} == every - known
    joint = table["probability"] * table["accessibility"] / 100
    np.testing.assert_allclose(table["joint"], joint)
    assert table["joint"].is_monotonic_decreasing and table["rank"].tolist() == [*range(1, 53)]
    assert table["accessibility"].between(0, 100).all()
    np.testing.assert_allclose(table["accessibility"], 100 * table["score"].rank() / 52)


def test_the_property_beside_a_field_is_that_of_its_nearest_reported_one():
    table = selected().table
    for _, row in table.iterrows():
        assert row["nearest_gap"] == gap(row["nearest_reported"])


def test_what_is_listed_changes_no_value():
    everything = selected().table.set_index("elements")
    some = selected(wanted=Wanted(contains=("Li",), anions=("S", "Cl"))).table.set_index("elements")
    assert 0 < len(some) < len(everything)
    same = ["joint", "probability", "uncertainty", "accessibility", "score", "nearest_reported"]
    pd.testing.assert_frame_equal(
        some[same].sort_index(), everything.loc[some.index, same].sort_index()
    )


def test_a_selection_depends_on_its_seed_alone():
    one, again, other = selected(), selected(), selected(seed=1)
    pd.testing.assert_frame_equal(one.table, again.table)
    assert one.held_out.names.tolist() == again.held_out.names.tolist()
    assert {*one.held_out.names} != {*other.held_out.names}


def test_held_out_fields_are_seen_by_neither_model():
    chosen = selected()
    assert len(chosen.held_out.names) == 12 and chosen.held_out.against == 52
    assert {*chosen.known["elements"]} == {*chosen.held_out.names}
    scores = np.concatenate([chosen.held_out.percentile, np.zeros(0)])
    assert scores.min() >= 0 and scores.max() <= 100
    assert chosen.known["wanted"].tolist() == [gap(name) > 3 for name in chosen.known["elements"]]


def test_candidates_with_a_known_value_are_left_out_and_counted():
    unexplored = selected().table["elements"].tolist()
    with Path("gaps.csv").open("a") as file:
        file.writelines(f"{name},{gap(name)}\n" for name in unexplored[:4])
    chosen = selected()
    assert {*chosen.table["elements"]} == {*unexplored[4:]}
    assert "4 candidates are left out: their gap is known" in chosen.attrs["notes"]


@given(
    arrays(float, st.tuples(st.integers(1, 30), st.just(2)), elements=st.integers(0, 5).map(float))
)
def test_the_front_is_that_of_comparing_all_pairs(points):
    np.testing.assert_array_equal(front(points[:, 0], points[:, 1]), on_front(points))
