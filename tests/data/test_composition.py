"""Compositions: atomic fractions from formulas, and formulas from fractions."""

import numpy as np
import pytest
import torch
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from data.datasets.oqmd_icsd import oqmd_icsd
from data.element_sets import SYMBOLS
from data.representations.composition import (
    Composition,
    CompositionSamples,
    atomic_fractions,
    reduced_formula,
)
from framework.base.errors import UserError

amounts = st.dictionaries(st.sampled_from(SYMBOLS[:100]), st.integers(1, 8), min_size=1, max_size=5)


def formula(of: dict[str, int], times: int = 1) -> str:
    return "".join(f"{symbol}{n * times}" for symbol, n in of.items())


def materials(*formulas: str) -> xr.Dataset:
    return xr.Dataset({"formula": ("material", np.array(formulas))})


def test_fractions_are_shares_of_the_atoms():
    fractions = atomic_fractions(["Li6PS5Cl", "Fm", "Ca(OH)2"])
    assert fractions.shape == (3, 100) and fractions.sum(axis=1) == pytest.approx(1)
    assert fractions[0, [2, 14, 15, 16]] == pytest.approx(np.array([6, 1, 5, 1]) / 13)
    assert fractions[1, 99] == 1
    assert fractions[2, [0, 7, 19]] == pytest.approx([0.4, 0.4, 0.2])


@given(amounts, st.integers(2, 1000))
def test_multiples_and_the_order_of_a_formula_change_nothing(of, times):
    once, more = atomic_fractions([formula(of), formula(dict(reversed(of.items())), times)])
    assert more == pytest.approx(once)


@given(amounts)
def test_a_formula_comes_back_from_its_fractions(of):
    from pymatgen.core import Composition as Formula

    (fractions,) = atomic_fractions([formula(of)])
    expected = Formula(of).reduced_formula
    assert reduced_formula(fractions, threshold=0, tolerance=1e-9) == expected
    assert reduced_formula(3 * fractions.astype("f4"), threshold=0, tolerance=1e-6) == expected


@given(st.lists(st.floats(-1, 1), min_size=100, max_size=100), st.integers(1, 60))
def test_any_fractions_give_a_formula_or_say_that_there_is_none(values, most_atoms):
    if max(values) <= 0:
        with pytest.raises(UserError, match="without any fraction above zero"):
            reduced_formula(np.array(values))
        return
    atomic_fractions([reduced_formula(np.array(values), most_atoms=most_atoms)])


def test_a_noisy_composition_is_given_the_simplest_formula_within_tolerance():
    (fractions,) = atomic_fractions(["Li2O"])
    noisy = fractions + np.random.default_rng(0).normal(0, 0.002, 100)
    assert reduced_formula(noisy) == "Li2O"
    (fractions,) = atomic_fractions(["Li6PS5Cl"])
    assert reduced_formula(fractions) == "Li6PS5Cl"
    assert reduced_formula(fractions, tolerance=0.2) == "Li2PSCl"
    assert reduced_formula(fractions, threshold=0.1) == "Li6S5"
    assert reduced_formula(fractions, tolerance=0, most_atoms=8) in ("Li3PS3Cl", "Li4PS2Cl")
    with pytest.raises(UserError, match="100 finite numbers"):
        reduced_formula(np.full(100, np.nan))
    with pytest.raises(UserError, match="100 finite numbers"):
        reduced_formula(np.ones(99))


def test_the_embedded_set_is_shown_as_it_is_written(tmp_path):
    ds = oqmd_icsd().isel(material=slice(0, 300))
    representation = Composition().fit(ds, np.arange(50))
    samples = representation.transform(ds)
    assert isinstance(samples, CompositionSamples) and len(samples) == 300
    assert (representation.width, samples.width, samples.n_views) == (100, 100, 1)
    for text, row in zip(ds["element_set"].values, samples.descriptors(), strict=True):
        assert {SYMBOLS[z] for z in np.flatnonzero(row)} == set(text.split())
    index = torch.tensor([5, 3])
    batch = samples.batch(index, torch.zeros_like(index))
    assert torch.equal(batch, samples.values[[5, 3]])
    assert torch.equal(samples.take(np.array([5, 3])).values, batch)
    seen = set(" ".join(ds["element_set"].values[:50]).split())
    assert {SYMBOLS[z] for z in np.flatnonzero(representation.seen_)} == seen
    representation.save(tmp_path / "x.npz")
    again = Composition().restore(tmp_path / "x.npz")
    assert np.array_equal(again.seen_, representation.seen_)


def test_what_a_person_types_is_read_or_explained():
    typed = Composition().parse(["Li3.3SnS3.3Cl0.7", "Ca(OH)2"])
    assert typed["element_set"].values.tolist() == ["Cl Li S Sn", "Ca H O"]
    assert len(Composition().fit(typed, np.arange(2)).transform(typed)) == 2
    for text, message in {
        "Lj2O": "'Lj' in 'Lj2O' is not an element; did you mean 'Li'",
        "": "not a formula",
        "Li0": "must be above zero",
        "MdO": r"'MdO' holds Md \(Z = 101\); compositions go up to Fm",
        "what?": "'what\\?' is not a formula",
    }.items():
        with pytest.raises(UserError, match=message):
            Composition().parse(["LiCl", text])


def test_materials_without_formulas_are_explained():
    with pytest.raises(UserError, match="not fitted"):
        Composition().transform(materials("LiCl"))
    with pytest.raises(UserError, match=r"1 of 2 materials have no formula \(first: material 1\)"):
        Composition().fit(materials("LiCl", ""), np.array([0]))
    with pytest.raises(UserError, match="these items are element sets; take the representation"):
        Composition().fit(xr.Dataset({"element_set": ("material", ["Cl Li"])}), np.array([0]))


def test_huge_and_tiny_amounts_still_add_up_to_one():
    values = atomic_fractions([f"Li{'9' * 308}O{'9' * 308}", "Li0.0000001O"])
    assert values.sum(axis=1) == pytest.approx(1) and values[0, 2] == pytest.approx(0.5)


def test_what_was_decoded_has_the_right_elements_or_not():
    """A share below 0.03 of what was decoded counts for nothing, whatever it adds up to."""
    samples = CompositionSamples(torch.tensor(atomic_fractions(["NaCl", "Li2O", "Li2O"])).float())
    decoded = atomic_fractions(["NaCl", "Li2O", "Li2O"])
    decoded[0] *= 5
    decoded[1, 25] = 0.02
    decoded[2, 25] = 0.04
    assert list(samples.same(decoded)) == [True, True, False]
