"""Candidates, splits and leakage, on the embedded data."""

import itertools

import numpy as np
import pytest
import xarray as xr

from data.candidates.pattern import ANIONS, Pattern
from data.datasets.oqmd_icsd import oqmd_icsd
from framework.base.errors import UserError
from framework.contracts.split import PARTS, Split, divide
from framework.registry.registry import REPRESENTATIONS, SPLITS
from zoo.tasks.plausibility import Plausibility


@pytest.fixture(scope="module")
def dataset():
    return oqmd_icsd()


@pytest.fixture(scope="module")
def items(dataset):
    return Plausibility().items(dataset)


@pytest.fixture(scope="module")
def fields(items):
    return items.isel(material=items["reported"].values)


def test_the_embedded_space_has_the_known_size(dataset, items):
    """Counts found independently of this code, from the same database."""
    assert len(set(dataset["element_set"].values.astype(str))) == 16_499
    reported = items["reported"].values
    assert reported.sum() == 1_517
    assert (~reported).sum() == 135_158
    occurring = {s for text in items["element_set"].values[reported] for s in text.split()}
    assert len(occurring - set(ANIONS)) == 71
    assert len(occurring & set(ANIONS)) == 11


def test_no_unexplored_field_is_the_element_set_of_any_row(dataset, items):
    unexplored = items["element_set"].values[~items["reported"].values]
    assert not set(unexplored) & set(dataset["element_set"].values.astype(str))
    assert len(set(unexplored)) == len(unexplored)


@pytest.mark.parametrize(
    ("pattern", "cations", "anions"),
    [("M-M'-A", 2, 1), ("M-A-A'", 1, 2), ("M-M'-M''-A", 3, 1), ("M-M'-A-A'", 2, 2)],
)
def test_a_pattern_enumerates_what_brute_force_does(pattern, cations, anions):
    reported = ["Li Na O", "Cl Li O", "Li O S", "Cl Li Na O", "Li Mg Na O", "Cl Na", "Cl Mg O"]
    space = Pattern(pattern, cations=("Li", "Na", "Mg"), anions=("O", "Cl", "S"), exclude=("S",))
    everything = {
        " ".join(sorted(positive + negative))
        for positive in itertools.combinations(("Li", "Na", "Mg"), cations)
        for negative in itertools.combinations(("O", "Cl"), anions)
    }
    assert set(space.members(reported)) == everything & set(reported)
    expected = everything - set(reported)
    if not space.members(reported):
        return
    occurring = {s for text in space.members(reported) for s in text.split()}
    expected = {f for f in expected if not (set(f.split()) & set(ANIONS)) - occurring}
    if expected:
        assert set(space.unexplored(reported)) == expected
    else:
        with pytest.raises(UserError, match="no unexplored field"):
            space.unexplored(reported)


def test_contains_and_exclude_restrict_both_sides(dataset):
    items = Plausibility({"name": "pattern", "contains": ["Li"], "exclude": ["H"]}).items(dataset)
    sets = [set(text.split()) for text in items["element_set"].values]
    assert all("Li" in each and "H" not in each for each in sets)
    assert items["reported"].any()


def test_a_field_dates_from_its_earliest_material(dataset, items):
    rows = dataset["element_set"].values.astype(str)
    codes = dataset["icsd_code"].values
    for i in range(0, int(items["reported"].sum()), 97):
        own = codes[rows == items["element_set"].values[i]]
        assert items["order"].values[i] == own.min()
    assert np.isnan(items["order"].values[~items["reported"].values]).all()


@pytest.mark.parametrize("name", SPLITS.names())
def test_every_split_holds_out_without_leaking(name, items, fields):
    arguments = {"elements": ("Li", "Na")} if name == "leave_one_element_out" else {}
    folds = SPLITS.load(name)(fields, 0, **arguments)
    for fold, held in folds.items():
        split = divide(items, held, label=f"{name}/{fold}", validation_fraction=0.1, seed=0)
        names = items["element_set"].values
        parts = {part: set(names[getattr(split, part)]) for part in PARTS}
        for one, other in itertools.combinations(PARTS, 2):
            assert not parts[one] & parts[other]
        assert set().union(*parts.values()) == set(names)
        assert len(split.validation) == round(0.1 * (~held).sum())
        assert (split.codes == 2).sum() == held.sum()


def test_the_time_split_holds_out_the_newest(fields):
    held = SPLITS.load("time")(fields, 0)[""]
    order = fields["order"].values
    assert order[held].min() >= order[~held].max()
    assert held.sum() == round(0.2 * len(held))


def test_leave_one_element_out_leaves_no_trace_of_the_element(fields):
    for symbol, held in SPLITS.load("leave_one_element_out")(fields, 0).items():
        sets = [set(str(text).split()) for text in fields["element_set"].values]
        assert all((symbol in each) == out for each, out in zip(sets, held, strict=True))


def test_clusters_part_the_fields_and_the_largest_comes_first(fields):
    folds = SPLITS.load("leave_one_cluster_out")(fields, 0, clusters=4)
    masks = np.array(list(folds.values()))
    assert (masks.sum(axis=0) == 1).all()
    assert list(masks.sum(axis=1)) == sorted(masks.sum(axis=1), reverse=True)


@pytest.mark.parametrize("features", ["magpie", "random_projection"])
@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_every_form_of_cluster_hold_out_parts_the_fields(fields, features, kernel):
    split = SPLITS.load("leave_one_cluster_out")
    masks = np.array(list(split(fields, 0, features=features, kernel=kernel).values()))
    assert masks.shape == (5, fields.sizes["material"])
    assert (masks.sum(axis=0) == 1).all()
    again = np.array(list(split(fields, 0, features=features, kernel=kernel).values()))
    np.testing.assert_array_equal(masks, again)


def test_chemistry_makes_clusters_that_a_random_projection_does_not(fields):
    """The elements of a magpie cluster stand closer together in the periodic table."""
    split = SPLITS.load("leave_one_cluster_out")
    representation = REPRESENTATIONS.load("phase_field")()
    everything = np.arange(fields.sizes["material"])
    points = representation.fit(fields, everything).transform(fields).descriptors()

    def within(folds):
        return sum(points[mask].var(axis=0).sum() * mask.sum() for mask in folds.values())

    assert within(split(fields, 0)) < within(split(fields, 0, features="random_projection"))


def test_random_hold_outs_differ_by_seed_and_repeat_by_seed(fields):
    one, again, other = (SPLITS.load("random")(fields, seed)[""] for seed in (0, 0, 1))
    assert (one == again).all()
    assert (one != other).any()


def test_an_item_in_two_parts_is_a_leak_and_stops_everything():
    with pytest.raises(AssertionError, match="stands in 2 parts"):
        Split("x", np.array([0, 1]), np.array([1]), np.array([2]), np.array([3]))


def test_permuting_the_rows_of_the_data_changes_nothing(dataset, items):
    order = np.random.default_rng(0).permutation(dataset.sizes["material"])
    turned = dataset[["element_set", "icsd_code"]].isel(material=order)
    turned.attrs = dataset.attrs
    xr.testing.assert_identical(Plausibility().items(turned), items)


def test_hits_are_the_hold_out_and_nothing_else_is_looked_at(items, fields):
    held = SPLITS.load("random")(fields, 0)[""]
    split = divide(items, held, label="random", validation_fraction=0.1, seed=0)
    scores = np.zeros(items.sizes["material"])
    scores[split.holdout] = 1
    scores[split.train] = np.inf  # would spoil the metrics if they were read
    scores[split.validation] = np.nan
    assert Plausibility().evaluate(scores, split, 100).values["auroc"] == 1
