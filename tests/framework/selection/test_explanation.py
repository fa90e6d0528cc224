"""Explanations of scores that are known: sums over elements, over pairs, and any function."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from framework.base.errors import UserError
from framework.base.progress import Stages
from framework.contracts.encoder import Encoder
from framework.selection.explanation import (
    background_of,
    completions,
    contributions,
    explain_field,
    related,
    subset_values,
)
from framework.selection.fields import Fields
from tests.conftest import FIELDS, PATTERN, REPORTED

pytestmark = pytest.mark.usefixtures("desk")

TASK = {"name": "plausibility", "candidates": {"name": "pattern", "pattern": PATTERN}}


def tiny_fields(encoder="element_frequency", task=TASK) -> Fields:
    return Fields.named(encoder, {}, dataset={"name": "file", "path": "sets.txt"}, task=task)


class Planted(Encoder):
    """A known function of the elements of a field."""

    representation = "phase_field"

    def __init__(self, of) -> None:
        self.of = of

    def fit(self, samples, validation=None):
        return self

    def transform(self, samples):
        return self.score_samples(samples)[:, None]

    def score_samples(self, samples):
        return np.array([self.of(sorted(row)) for row in samples.elements.numpy().tolist()])


def planted(of) -> Fields:
    fields = tiny_fields()
    return Fields(fields.settings, fields.items, fields.representation, fields.samples, Planted(of))


def weight(z):
    return np.sin(3.7 * z)


def bond(z, other):
    return np.cos(1.3 * z * other)


def test_of_a_sum_over_elements_each_adds_its_own_less_the_mean_of_its_kind():
    fields = planted(lambda numbers: sum(map(weight, numbers)))
    field = fields.parse("Li-Na-O")
    background = background_of(field, fields.names[fields.where(reported=False)])
    found = contributions(field, subset_values(fields, field))
    cations, anions = [], []
    for other in background:
        numbers = {
            "K": 19,
            "Mg": 12,
            "Ca": 20,
            "Sr": 38,
            "Zn": 30,
            "Al": 13,
            "S": 16,
            "Cl": 17,
            "F": 9,
        }
        values = {symbol: weight(numbers[symbol]) for symbol in other.split()}
        anions += [v for s, v in values.items() if s in ("S", "Cl", "F")]
        cations += [v for s, v in values.items() if s not in ("S", "Cl", "F")]
    expected = {
        "Li": weight(3) - np.mean(cations),
        "Na": weight(11) - np.mean(cations),
        "O": weight(8) - np.mean(anions),
    }
    for _, row in found["elements"].iterrows():
        assert row["shapley"] == pytest.approx(expected[row["element"]], abs=1e-9)
    beyond = found["combinations"].query("size > 1")
    np.testing.assert_allclose(beyond["adds"], 0, atol=1e-9)


def test_of_a_sum_over_pairs_no_triple_adds_anything():
    fields = planted(
        lambda numbers: sum(bond(*pair) for pair in itertools.combinations(numbers, 2))
    )
    found = contributions("Li Na O", subset_values(fields, "Li Na O"))["combinations"]
    assert found.query("size == 3")["adds"].item() == pytest.approx(0, abs=1e-9)
    assert found.query("size == 2")["adds"].abs().max() > 0.05


@pytest.mark.parametrize(
    "encoder", ["element_frequency", "random_score", "pair_cooccurrence", "pca"]
)
def test_contributions_add_up_to_the_score_less_the_mean_of_the_background(encoder):
    fields = tiny_fields(encoder)
    explained = explain_field(fields, "Li-Na-O", Stages(False))
    difference = explained.score - explained.background
    assert explained.elements["shapley"].sum() == pytest.approx(difference, abs=1e-6)
    assert explained.combinations["adds"].sum() == pytest.approx(difference, abs=1e-6)
    assert sorted(explained.combinations["size"]) == [1, 1, 1, 2, 2, 2, 3]


def test_elements_that_a_score_treats_alike_add_the_same():
    fields = planted(lambda numbers: float(len({3, 11} & {*numbers})) ** 2 + numbers[-1] % 3)
    found = contributions("Li Na O", subset_values(fields, "Li Na O"))["elements"]
    of = dict(zip(found["element"], found["shapley"], strict=True))
    assert of["Li"] == pytest.approx(of["Na"], abs=1e-9)


def test_an_element_that_a_score_does_not_look_at_adds_nothing():
    fields = planted(lambda numbers: float(3 in numbers))
    found = contributions("Li Na O", subset_values(fields, "Li Na O"))["elements"]
    of = dict(zip(found["element"], found["shapley"], strict=True))
    assert of["O"] == pytest.approx(0, abs=1e-9) and of["Na"] == pytest.approx(0, abs=1e-9)
    assert of["Li"] == pytest.approx(1, abs=1e-9)


def test_values_agree_with_replacing_by_hand():
    fields = tiny_fields("pair_cooccurrence").fit()
    background = np.array(["Al Ca F", "K S Zn", "Mg Na S"])
    values = subset_values(fields, "Cl Li Na", background)

    def mean(*names):
        sets = [" ".join(sorted(name.split())) for name in names]
        return fields.score_names(np.array(sets)).mean()

    assert values[0] == pytest.approx(mean(*background))
    assert values[7] == pytest.approx(mean("Cl Li Na"))
    with_li = [mean("Li Al F", "Li Ca F"), mean("Li K S", "Li Zn S"), mean("Li Mg S", "Li Na S")]
    assert values[2] == pytest.approx(np.mean(with_li))
    with_cl_na = [mean("Al Cl Na", "Ca Cl Na"), mean("K Cl Na", "Zn Cl Na"), mean("Mg Cl Na")]
    assert values[5] == pytest.approx(np.mean(with_cl_na))


def test_a_kept_set_is_completed_by_as_many_elements_as_it_lacks():
    assert completions({"Li"}, {"Na", "K", "O"}) == ["K Li Na", "K Li O", "Li Na O"]
    assert completions({"Li", "O"}, {"Li", "K", "O"}) == ["K Li O"]
    assert completions(set(), {"Na", "K", "O"}) == ["K Na O"]


def test_the_background_shares_no_element_where_it_can():
    names = np.array([" ".join(sorted(field.split())) for field in FIELDS])
    assert all(
        {*name.split()}.isdisjoint({"Li", "Na", "O"}) for name in background_of("Li Na O", names)
    )
    with_lithium = np.array([name for name in names if "Li" in name.split()])
    assert len(background_of("Li Na O", with_lithium)) == len(with_lithium)


def test_the_place_of_a_field_is_that_of_the_ranking():
    fields = tiny_fields("pair_cooccurrence").fit()
    index = fields.where(reported=False)
    scores = fields.score(index)
    for place in (0, 10, 51):
        at = np.argsort(-scores, kind="stable")[place]
        explained = explain_field(fields, fields.names[index][at], Stages(False))
        assert explained.rank == 1 + (scores > scores[at]).sum()
        assert explained.candidates == 52 and explained.reported == "not reported"
        assert not explained.learned_from


def test_a_reported_field_is_said_to_be_no_prediction():
    explained = explain_field(tiny_fields(), REPORTED[0], Stages(False))
    assert explained.learned_from
    assert explained.reported == "reported; the data do not say since when"
    assert explained.field not in explained.nearest["elements"].tolist()


def test_the_entry_of_a_reported_field_is_its_earliest_material():
    formulas = ["".join(field.split()) for field in REPORTED]
    rows = [f"{text},{1950 + i}" for i, text in enumerate(formulas)]
    Path("dated.csv").write_text("\n".join(["formula,year", *rows, f"{formulas[30]}2,1900"]) + "\n")
    data = {"name": "file", "path": "dated.csv", "time": "year"}
    fields = Fields.named("element_frequency", {}, dataset=data, task=TASK)
    explained = explain_field(fields, REPORTED[30], Stages(False))
    assert explained.reported.startswith("reported; first entered at year 1900, earlier than 98 %")


def test_neighbours_are_fields_with_one_neighbouring_element():
    explained = explain_field(tiny_fields(), "Na-Mg-S", Stages(False))
    rows = explained.neighbours
    assert {("Na", "Li"), ("Na", "K"), ("Mg", "Al"), ("Mg", "Ca"), ("S", "O"), ("S", "Cl")} == {
        *zip(rows["replaced"], rows["by"], strict=True)
    }
    assert rows["score"].is_monotonic_decreasing
    known = {" ".join(sorted(field.split())) for field in REPORTED}
    assert [name in known for name in rows["elements"]] == rows["reported"].tolist()
    unexplored = rows[~rows["reported"]]
    for _, row in unexplored.iterrows():
        assert row["rank"] == 1 + (explained.scores > row["score"]).sum()


def test_related_sets_are_subsets_and_supersets():
    table = related("Li O S", np.array(["Li", "Li O", "Li Na", "Li O S", "Li Na O S", "Fe"]))
    assert table.values.tolist() == [
        ["Li O", 2, "subset"],
        ["Li", 1, "subset"],
        ["Li Na O S", 4, "superset"],
    ]


def test_the_nearest_reported_fields_share_the_most_elements():
    explained = explain_field(tiny_fields(), "Na-Mg-S", Stages(False))
    for _, row in explained.nearest.iterrows():
        other = {*row["elements"].split()}
        assert {*row["shared"].split()} == {"Na", "Mg", "S"} & other
        assert {*row["instead_of"].split()} == {"Na", "Mg", "S"} - other
        assert {*row["has"].split()} == other - {"Na", "Mg", "S"}
    assert explained.nearest["shared"].str.count(" ").is_monotonic_decreasing


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Li-Na-O-S", "has 4 elements; this fit is for 3"),
        ("Li-Na-K", "'Li-Na-K' is not a field of the space"),
        ("Li-Lj-O", "'Lj' is not an element; did you mean 'Li'"),
        ("Li-Li-O", "Li appears twice"),
        ("Li-Na-K-Mg-Ca-Sr-Zn-Al-O", "has 9 elements; this fit is for 3"),
        ("", "no element given"),
    ],
)
def test_a_text_that_is_not_a_field_is_refused_with_an_example(text, message):
    with pytest.raises(UserError, match=message) as error:
        tiny_fields().parse(text)
    assert "a field of the space is for instance" in str(error.value)
