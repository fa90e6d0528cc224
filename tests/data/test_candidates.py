"""Listed cations: the published space, and hits of its kind alone."""

import numpy as np
import pytest

from data.candidates.listed_cations import ListedCations
from data.datasets.oqmd_icsd import oqmd_icsd
from framework.base.errors import UserError
from framework.runs.items import divided
from zoo.tasks.plausibility import Plausibility

KNOWN = (
    "B Cl Li O", "B F Li O", "Br Li O P", "Cl Li O P", "F Li O Ta",
    "I K Li O", "K Li O S", "Li N O Si", "Li N O Ta",
)  # fmt: skip
"""Reported fields of the published space, found by hand in the embedded data."""


def test_the_space_is_the_published_one():
    """Li, one of 15 cations, two of 7 anions: 315 fields (Vasylenko et al., 2021)."""
    space = ListedCations()
    everything = space.unexplored([])
    assert len(everything) == len(set(everything)) == 15 * 21
    assert all(
        "Li" in text.split() and text == " ".join(sorted(text.split())) for text in everything
    )
    assert space.unexplored(KNOWN) == sorted(set(everything) - set(KNOWN))
    assert {"Cl Li S Sn", "Cl Li P S"} <= set(everything)  # phosphorus is a cation here


def test_only_fields_of_the_lists_are_held_out_and_all_others_learned_from():
    settings = {
        "dataset": {"name": "oqmd_icsd", "parameters": {}},
        "task": {"name": "plausibility", "parameters": {"candidates": "listed_cations"}},
        "split": {"name": "random", "parameters": {"fraction": 0.9}, "fold": "", "seed": 0},
        "validation_fraction": 0.1,
    }
    items = Plausibility("listed_cations").items(oqmd_icsd())
    settings["items"] = items.attrs["digest"]
    items, split = divided(settings)
    names = items["element_set"].values
    held = set(names[split.holdout])
    assert held < set(KNOWN) and len(held) == 8
    learned = items["reported"].values & ~np.isin(names, KNOWN)
    assert learned.sum() == 1519 - 9
    assert set(names[learned]) <= set(names[split.train]) | set(names[split.validation])
    assert len(split.unexplored) == 315 - 9


def test_other_patterns_and_lists():
    space = ListedCations("M-M'-A", fixed=("O", "Na"), cations=("Al", "Fe"), anions=("S",))
    assert space.unexplored([]) == ["Al Na O", "Fe Na O"]
    assert space.members(["Al Na O", "Ca Mg O", "Al O", "Na O S"]) == ["Al Na O", "Ca Mg O"]
    assert space.held_out(["Al Na O", "Ca Mg O"]) == ["Al Na O"]
    with pytest.raises(UserError, match="all 2 fields of the lists are reported already"):
        space.unexplored(["Al Na O", "Fe Na O"])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"fixed": ("Lu", "Xx")}, "fixed: 'Xx' is not an element"),
        ({"cations": ("Na", "Na")}, "cations: Na is listed twice"),
        ({"fixed": ("Li", "O")}, "O is in two of fixed, cations and anions; choose one"),
        ({"cations": ("Na", "S")}, "S is in two of fixed, cations and anions"),
        ({"fixed": ("Li", "Na", "Rb")}, "needs -1 of the cations, and 15 are listed"),
        ({"anions": ("O",)}, "with Li fixed needs 2 of the anions, and 1 are listed"),
        ({"cations": ()}, "needs 1 of the cations, and 0 are listed"),
    ],
)
def test_lists_that_make_no_field_are_refused(settings, message):
    with pytest.raises(UserError, match=message):
        ListedCations(**settings)


def test_a_space_of_which_nothing_is_reported_has_nothing_to_hold_out():
    task = Plausibility({"name": "listed_cations", "fixed": ["Xe"], "cations": ["He"]})
    with pytest.raises(UserError, match="none of 1517 reported fields is of the candidates' kind"):
        task.items(oqmd_icsd())
