"""Splits cut by rule: never through one time, never by the order of names."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from data.datasets.oqmd_icsd import oqmd_icsd
from data.splits.leave_one_cluster_out import leave_one_cluster_out
from data.splits.lower_arity import lower_arity
from data.splits.time import time
from framework.base.errors import UserError
from framework.contracts.split import divide
from framework.runs.items import learns_from_smaller_sets


def fields(order) -> xr.Dataset:
    names = np.array([f"F{i}" for i in range(len(order))])
    return xr.Dataset(
        {"element_set": ("material", names), "order": ("material", np.array(order, float))}
    )


def test_a_year_is_held_out_whole():
    years = [2015] * 20 + [2016] * 5
    held = time(fields(years), seed=0, fraction=0.4)[""]
    assert np.array_equal(held, np.array(years) == 2016)


@pytest.mark.parametrize(
    ("years", "fraction", "newest"),
    [
        ([2001, 2002, 2003, 2004, 2005], 0.4, 2004),
        ([2001, 2001, 2002, 2002, 2003], 0.4, 2003),  # 1 and 3 are equally near to 2: the fewer
        ([2001, 2002, 2002, 2002, 2003], 0.6, 2002),  # 4 is nearer to 3 than 1
        ([2001, 2002, 2002, 2002, 2002], 0.1, 2002),  # one step at least
        ([2001, 2001, 2001, 2001, 2002], 0.9, 2002),  # the oldest step is never held out
        ([2001, np.nan, 2003, np.nan, 2002], 0.3, 2003),
    ],
)
def test_the_newest_times_nearest_to_the_fraction_are_held_out(years, fraction, newest):
    held = time(fields(years), seed=0, fraction=fraction)[""]
    assert np.array_equal(held, np.array(years) >= newest)


@pytest.mark.parametrize(
    ("years", "message"),
    [
        ([2015] * 9, "all 9 fields with a time have the same one, 2015"),
        ([2015, np.nan, 2015], "all 2 fields with a time have the same one, 2015"),
        ([np.nan] * 4, "no order of entry"),
    ],
)
def test_one_time_alone_is_refused(years, message):
    with pytest.raises(UserError, match=message):
        time(fields(years), seed=0)


@settings(deadline=None)
@given(
    st.lists(st.sampled_from([1999.0, 2003.0, 2010.5, np.nan]), min_size=2, max_size=40),
    st.floats(0.01, 0.9),
    st.randoms(use_true_random=False),
)
def test_no_time_is_on_both_sides_and_the_order_of_names_does_not_matter(years, fraction, random):
    order = np.array(years)
    if len(set(order[np.isfinite(order)])) < 2:
        return
    held = time(fields(order), seed=0, fraction=fraction)[""]
    assert held.any() and not held[np.isnan(order)].any()
    assert order[held].min() > np.nanmax(order[~held])
    shuffled = list(range(len(order)))
    random.shuffle(shuffled)
    again = time(fields(order[shuffled]), seed=0, fraction=fraction)[""]
    assert np.array_equal(again, held[shuffled])


def test_distinct_times_are_cut_at_the_fraction_itself():
    order = np.random.default_rng(0).permutation(1_517)
    for fraction in (0.1, 0.2, 0.333):
        held = time(fields(order), seed=0, fraction=fraction)[""]
        assert held.sum() == round(fraction * 1_517)
        assert order[held].min() == 1_517 - held.sum()


def test_clusters_are_numbered_by_size():
    sets = np.unique(oqmd_icsd()["element_set"].values.astype(str))
    sets = [text for text in sets if text.count(" ") == 3][:200]
    some = xr.Dataset({"element_set": ("material", np.array(sets))})
    folds = leave_one_cluster_out(some, seed=0, clusters=4)
    sizes = [int(held.sum()) for held in folds.values()]
    assert sizes == sorted(sizes, reverse=True) and sum(sizes) == 200


def test_lower_arity_holds_out_a_share_and_watches_the_others():
    held = lower_arity(fields(range(300)), seed=3)[""]
    assert held.sum() == 201
    assert not np.array_equal(held, lower_arity(fields(range(300)), seed=4)[""])
    items = xr.Dataset(
        {
            "element_set": ("material", np.array([f"F{i}" for i in range(310)])),
            "reported": ("material", np.arange(310) < 300),
            "order": ("material", np.arange(310.0)),
        }
    )
    options = {"label": "lower_arity", "validation_fraction": 0.1, "seed": 0}
    split = divide(items, held, **options, smaller=True)
    assert len(split.train) == 0 and split.smaller and split.cut is None
    assert np.array_equal(split.holdout, np.flatnonzero(held))
    assert np.array_equal(split.validation, np.flatnonzero(~held))


def test_a_split_says_whether_it_learns_from_smaller_sets():
    assert learns_from_smaller_sets("lower_arity")
    assert not any(map(learns_from_smaller_sets, ("random", "time", "leave_one_element_out")))


@pytest.mark.parametrize("features", ["magpie", "random_projection"])
def test_sets_of_several_sizes_are_clustered_by_chemistry(features):
    """Oxides of alkali metals apart from alloys of transition metals, whatever their sizes."""
    ionic = ["Li O", "Na O", "K O", "Li Na O", "K Na O", "K Li O", "K Li Na O"]
    alloys = ["Fe Ni", "Co Ni", "Co Fe", "Co Fe Ni", "Cr Fe Ni", "Co Cr Ni", "Co Cr Fe Ni"]
    sets = [" ".join(sorted(text.split())) for text in ionic + alloys]
    some = xr.Dataset({"element_set": ("material", np.array(sets))})
    first, second = leave_one_cluster_out(some, 0, clusters=2, features=features).values()
    assert sorted([first.tolist(), second.tolist()]) == [
        [False] * 7 + [True] * 7,
        [True] * 7 + [False] * 7,
    ]
