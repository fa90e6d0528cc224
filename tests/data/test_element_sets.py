"""Element sets and formulas: read in every common spelling, mistakes explained."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.datasets.mp_transport import mp_transport
from data.datasets.oqmd_icsd import oqmd_icsd
from data.element_sets import (
    SYMBOLS,
    formula_element_set,
    numbers,
    parse_element_set,
    parse_formula,
)


@given(
    st.sets(st.sampled_from(SYMBOLS), min_size=1, max_size=8),
    st.sampled_from([" ", ",", ", ", "-", ";", "\t", "', '", " - "]),
    st.sampled_from([("", ""), ('"', '"'), ("['", "']"), ("(", ")"), ("  ", "\n")]),
    st.randoms(),
)
def test_an_element_set_is_read_back_however_it_is_written(symbols, separator, quotes, random):
    order = sorted(symbols)
    random.shuffle(order)
    text = quotes[0] + separator.join(order) + quotes[1]
    assert parse_element_set(text) == tuple(sorted(symbols))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Lj Sn", "'Lj' is not an element; did you mean 'Li' or 'La'?"),
        ("sn S", "'sn' is not an element; did you mean 'Sn'?"),
        ("D O", "'D' is not an element; isotopes of hydrogen are written H"),
        ("As Cd As Cl", "As appears twice; an element set holds each element once"),
        ("O O O", "O appears 3 times; an element set holds each element once"),
        (" , ", "no element given"),
        ("3 4", "'3' is not an element; write symbols such as Li or Sn"),
    ],
)
def test_a_bad_element_set_is_explained(text, message):
    with pytest.raises(ValueError) as caught:
        parse_element_set(text)
    assert str(caught.value) == message


def test_symbols_are_those_of_pymatgen():
    from pymatgen.core import Element

    assert [Element.from_Z(z).symbol for z in range(1, 119)] == list(SYMBOLS)


def test_numbers_are_the_places_in_the_periodic_table():
    sets = [s for s in np.unique(oqmd_icsd()["element_set"]) if s.count(" ") == 3]
    found = numbers(sets)
    assert found.shape == (len(sets), 4) and found.dtype == np.uint8
    assert [" ".join(SYMBOLS[z - 1] for z in row) for row in found] == sets
    with pytest.raises(ValueError, match="of 1, 2 elements"):
        numbers(["Li", "Li O"])
    with pytest.raises(ValueError, match="'Xx' is not an element"):
        numbers(["Li Xx"])


def test_formulas_are_read_as_pymatgen_reads_them():
    from pymatgen.core import Composition

    formulas = list(np.unique(mp_transport()["formula"]))[::20]
    for formula in [*formulas, "Li3.3SnS3.3Cl0.7", "LiLa(TiO3)2", "O2", "HOH", "Cs.5Rb0.5Cl"]:
        expected = {e.symbol: n for e, n in Composition(formula).items()}
        assert parse_formula(formula) == pytest.approx(expected)
        assert formula_element_set(formula) == " ".join(sorted(expected))


@pytest.mark.parametrize(
    "formula", ["", "Li-Cl", "lithium", "Xx2O3", "D2O", "Li0O2", "12", "Li(", "nan"]
)
def test_what_is_no_formula_is_refused(formula):
    with pytest.raises(ValueError, match=r"is not a formula|is not an element"):
        parse_formula(formula)
