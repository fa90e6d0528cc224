"""The packed layout of crystal structures: what goes in comes out, whatever is taken of it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.crystals import Crystals
from data.datasets.mp_transport import mp_transport
from data.datasets.oqmd_icsd import oqmd_icsd, structure
from framework.base.errors import UserError
from framework.contracts.dataset import take


@pytest.fixture(scope="module")
def embedded():
    return oqmd_icsd()


@pytest.fixture(scope="module")
def crystals(embedded) -> Crystals:
    return Crystals.from_dataset(embedded)


def test_the_embedded_set_is_packed_as_it_stands(embedded, crystals):
    assert len(crystals) == embedded.sizes["material"]
    assert crystals.offsets[-1] == embedded.sizes["site"]
    variables = crystals.variables()
    for name in ("n_sites", "lattice", "atomic_number", "fractional_coordinates"):
        assert variables[name][1].dtype == embedded[name].dtype
        assert tuple(np.atleast_1d(variables[name][0])) == embedded[name].dims
        np.testing.assert_array_equal(variables[name][1], embedded[name])


def test_a_structure_of_pymatgen_has_lattice_elements_and_positions(embedded, crystals):
    for i in (0, 17, 32_158):
        lattice, numbers, positions = crystals.cell(i)
        ours = crystals.structure(i)
        assert ours.lattice.matrix == pytest.approx(lattice)
        assert list(ours.atomic_numbers) == numbers.tolist()
        assert ours.frac_coords == pytest.approx(positions)
        assert ours.composition.reduced_formula == embedded["formula"].values[i]
        assert structure(embedded, i) == ours


@given(st.lists(st.integers(0, 32_158), max_size=8))
def test_taking_crystals_gives_each_its_own_sites(crystals, index):
    taken = crystals.take(index)
    assert len(taken) == len(index)
    for i, j in enumerate(index):
        for ours, theirs in zip(taken.cell(i), crystals.cell(j), strict=True):
            np.testing.assert_array_equal(ours, theirs)
    again = Crystals.pack([crystals.cell(j) for j in index])
    assert again.digest() == taken.digest()


def test_the_digest_tells_crystals_apart(crystals):
    few = crystals.take([3, 4])
    assert few.digest() == crystals.take([3, 4]).digest() != crystals.take([4, 3]).digest()
    moved = few.fractional_coordinates.copy()
    moved[0, 0] += 1e-12
    assert Crystals(few.lattice, few.atomic_number, moved, few.offsets).digest() != few.digest()


def test_materials_taken_of_a_data_set_keep_their_sites(embedded, crystals):
    index = [7, 7, 30_000, 2]
    small = take(embedded, index)
    assert set(small.variables) == set(embedded.variables) and small.attrs == embedded.attrs
    assert small["formula"].values.tolist() == embedded["formula"].values[index].tolist()
    assert Crystals.from_dataset(small).digest() == crystals.take(index).digest()
    assert take(mp_transport(), [1, 2]).sizes["material"] == 2  # no crystals, nothing to keep


def test_materials_without_their_sites_are_an_error_not_another_crystal(embedded):
    with pytest.raises(
        ValueError, match=r"choose materials with framework\.contracts\.dataset\.take"
    ):
        Crystals.from_dataset(embedded.isel(material=[5, 6]))


def test_a_data_set_without_structures_is_explained():
    with pytest.raises(
        UserError, match=r"Electronic transport .*no crystal structures .*oqmd_icsd"
    ):
        Crystals.from_dataset(mp_transport())
