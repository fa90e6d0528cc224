"""Element sets of any size as vectors: which elements, and statistics computed by hand."""

import numpy as np
import pytest
import xarray as xr

from data.datasets.oqmd_icsd import oqmd_icsd
from data.element_sets import ATOMIC_NUMBERS
from data.elements import element_table
from data.representations.element_set import ElementSet
from framework.base.errors import UserError
from framework.contracts.dataset import take

SETS = ("O", "Li O", "Cl Li S Sn", "B Be C F H Li N O")


def materials(*sets: str) -> xr.Dataset:
    return xr.Dataset({"element_set": ("material", np.array(sets))})


def fitted(*sets, features=None, train=None):
    ds = materials(*sets)
    return ElementSet(features).fit(ds, np.arange(len(sets)) if train is None else train), ds


def test_each_element_is_one_number_whatever_the_size_of_the_set():
    representation, ds = fitted(*SETS)
    samples = representation.transform(ds)
    assert representation.width == samples.width == 118
    for row, text in zip(samples.descriptors(), SETS, strict=True):
        held = [ATOMIC_NUMBERS[symbol] - 1 for symbol in text.split()]
        assert np.flatnonzero(row).tolist() == sorted(held) and row.sum() == len(held)
    assert samples.holds.sum(1).tolist() == [1, 2, 4, 8]


def test_statistics_are_those_computed_by_hand():
    """Electronegativity of Li 0.98, O 3.44, Na 0.93; standardised over the training part."""
    representation, ds = fitted("Li O", "O", "Li Na O", features="magpie", train=np.arange(2))
    table = element_table("magpie")
    complete = np.isfinite(table.values[[3, 8, 11]]).all(axis=0)
    kept = [name for name, ok in zip(table.features, complete, strict=True) if ok]
    n, column = len(kept), kept.index("Electronegativity")
    raw = representation._statistics(representation.transform(ds).holds.numpy())
    assert raw[0, column + n * np.arange(4)] == pytest.approx([2.21, 1.23, 0.98, 3.44])
    assert raw[1, column + n * np.arange(4)] == pytest.approx([3.44, 0, 3.44, 3.44])
    three = np.array([0.98, 0.93, 3.44])
    expected = [three.mean(), three.std(), 0.93, 3.44]
    assert raw[2, column + n * np.arange(4)] == pytest.approx(expected)
    shown = representation.transform(ds).descriptors()[:, 118:]
    seen = raw[:2]
    spread = np.where(seen.std(axis=0) > 0, seen.std(axis=0), np.inf)
    np.testing.assert_allclose(shown, (raw - seen.mean(axis=0)) / spread, rtol=1e-4, atol=1e-5)
    assert shown.shape[1] == 4 * n == representation.width - 118


def test_a_set_looks_the_same_beside_others_and_after_a_restore(tmp_path):
    ds = take(oqmd_icsd(), np.arange(0, 30_000, 300))
    representation = ElementSet("magpie").fit(ds, np.arange(60))
    whole = representation.transform(ds).descriptors()
    order = np.random.default_rng(0).permutation(len(whole))[:17]
    part = representation.transform(take(ds, order)).descriptors()
    np.testing.assert_array_equal(part, whole[order])
    representation.save(tmp_path / "r.npz")
    again = ElementSet("magpie").restore(tmp_path / "r.npz")
    np.testing.assert_array_equal(again.transform(ds).descriptors(), whole)


def test_decoded_elements_are_those_of_a_half_or_more():
    samples = (lambda both: both[0].transform(both[1]))(fitted("Li O", "O"))
    decoded = np.zeros((2, 118))
    decoded[0, [2, 7]], decoded[1, [2, 7]] = [0.5, 0.9], [0.6, 0.7]
    assert samples.same(decoded).tolist() == [True, False]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (("Li Sn", "Li Xx"), "'Xx' is not an element"),
        (("H He Li Be B C N O F",), r"an element set of 9 elements \(B Be C F H He Li N O\)"),
    ],
)
def test_what_is_typed_is_read_or_refused(texts, message):
    representation, _ = fitted(*SETS)
    found = representation.parse(["Li6PS5Cl", "Li-Sn", "O"])["element_set"].values.tolist()
    assert found == ["Cl Li P S", "Li Sn", "O"]
    with pytest.raises(UserError, match=message):
        representation.parse(texts)


def test_elements_without_descriptors_are_refused():
    representation, _ = fitted("Li O", "Na O", features="megnet")
    with pytest.raises(UserError, match="'megnet' lacks values for an element of O Og"):
        representation.transform(materials("O Og"))
