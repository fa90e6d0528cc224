"""Vectors of elements from compositional environments: counts by hand, against a plain SVD, and no
word of what is held out."""

import numpy as np
import pytest
import xarray as xr

from data.element_sets import ATOMIC_NUMBERS, SYMBOLS
from data.elements import EMBEDDED_TIME, element_table, embedded_sets, table_for
from data.environments import environment_vectors, shared_environments
from data.representations.element_set import ElementSet

SETS = ["Li O", "Na O", "Cl Na", "Cl Li", "Cl Li S", "Na O S", "Fe"]


def at(*symbols: str) -> list[int]:
    return [ATOMIC_NUMBERS[symbol] - 1 for symbol in symbols]


def test_environments_are_counted_as_by_hand():
    """Li: O, Cl, Cl-S; Na: O, Cl, O-S; O: Li, Na, Na-S; Fe has none, being alone."""
    shared = shared_environments(SETS)
    li, na, o, cl, fe = at("Li", "Na", "O", "Cl", "Fe")
    assert shared[li, li] == shared[na, na] == shared[o, o] == 3
    assert shared[li, na] == shared[na, li] == 2 and shared[o, cl] == 2
    assert shared[li, o] == 0 and shared[fe].sum() == 0


def test_scalar_products_are_cosines_of_the_rows_of_the_matrix_itself():
    known = sorted({symbol for text in SETS for symbol in text.split()})
    environments: dict[tuple[str, ...], int] = {}
    rows = np.zeros((118, 40))
    for text in SETS[:-1]:
        for symbol in text.split():
            rest = tuple(other for other in text.split() if other != symbol)
            column = environments.setdefault(rest, len(environments))
            rows[ATOMIC_NUMBERS[symbol] - 1, column] = 1
    rows /= np.linalg.norm(rows, axis=1, keepdims=True).clip(min=1)
    vectors = environment_vectors(SETS, 118)
    np.testing.assert_allclose(vectors @ vectors.T, rows @ rows.T, atol=1e-9)
    assert not vectors[at("Fe", "Xe")].any() and len(known) == 6
    singular = np.linalg.svd(rows, compute_uv=False)
    np.testing.assert_allclose(
        np.linalg.norm(environment_vectors(SETS, 5), axis=0), singular[:5], atol=1e-9
    )


def test_the_order_of_sets_and_of_their_elements_does_not_matter():
    turned = [" ".join(reversed(text.split())) for text in reversed(SETS)] + SETS[:2]
    assert np.array_equal(shared_environments(turned), shared_environments(SETS))
    assert np.array_equal(environment_vectors(turned, 4), environment_vectors(SETS, 4))


def test_elements_that_chemists_exchange_are_near():
    vectors = environment_vectors(embedded_sets(), 118)
    likeness = vectors @ vectors.T
    for symbol, wanted in [("S", "Se"), ("Fe", "Co"), ("Ba", "Sr"), ("Li", "Na")]:
        nearest = np.argsort(-likeness[at(symbol)[0]])[1]
        assert SYMBOLS[nearest] == wanted


def items(sets, order=None) -> xr.Dataset:
    out = xr.Dataset({"element_set": ("material", np.array(sets))})
    if order is not None:
        out = out.assign(order=("material", np.array(order, float)))
        out.attrs["time"] = EMBEDDED_TIME
    return out


def test_the_table_of_a_representation_has_not_seen_what_is_held_out():
    """A planted leak: the table of all sets differs as soon as one of its sets is held out."""
    sets = ["Li O", "Na O", "Cl Na"]
    everything = element_table("environments")
    held = table_for("environments", items(sets), np.array([0, 1]))
    without = [text for text in embedded_sets() if text != "Cl Na"]
    assert "Cl Na" in embedded_sets()
    np.testing.assert_allclose(held.values[1:], environment_vectors(without, 24))
    assert not np.array_equal(held.values, everything.values)
    shown = table_for("environments", items(sets), np.arange(3))
    assert np.array_equal(shown.values, everything.values, equal_nan=True)


def test_by_time_nothing_that_entered_after_the_last_training_set_is_seen():
    sets = ["Li O", "Na O", "Cl Na"]
    early = table_for("environments", items(sets, [10, 2000, 9e9]), np.array([0, 1]))
    assert int(early.source.split("of ")[1].split(" ")[0].replace(",", "")) < 1000
    late = table_for("environments", items(sets, [10, 2000, 9e9]), np.array([0, 1, 2]))
    assert np.array_equal(late.values, element_table("environments").values, equal_nan=True)


@pytest.mark.parametrize("features", ["environments", "megnet"])
def test_a_representation_shows_the_vectors_and_gives_them_back_after_a_restart(features, tmp_path):
    ds = items(["Li O", "Na O", "Cl Na", "Cl Li S"])
    representation = ElementSet(features).fit(ds, np.array([0, 1, 2]))
    shown = representation.transform(ds).descriptors()
    representation.save(tmp_path / "fitted.npz")
    again = ElementSet(features).restore(tmp_path / "fitted.npz").transform(ds).descriptors()
    assert np.array_equal(shown, again) and shown.shape[1] > 118
