"""Places and neighbours in the periodic table, against pymatgen."""

import pytest
from pymatgen.core import Element

from data.periodic_neighbours import neighbours, place, replaced_by_neighbours
from data.periodic_table import ATOMIC_NUMBERS, SYMBOLS

F_BLOCK = {*SYMBOLS[56:70], *SYMBOLS[88:102]}


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_an_element_stands_where_pymatgen_has_it(symbol):
    row, group = place(symbol)
    element, z = Element(symbol), ATOMIC_NUMBERS[symbol]
    assert row == {8: 6, 9: 7}.get(element.row, element.row)
    if symbol in F_BLOCK:
        assert group == f"f{z - (56 if row == 6 else 88)}"
    else:
        assert int(group) == element.group


def test_neighbours_are_neighbours_of_each_other():
    for symbol in SYMBOLS:
        assert all(symbol in neighbours(other) for other in neighbours(symbol))
        assert 1 <= len(neighbours(symbol)) <= 4


def test_known_neighbours():
    assert neighbours("Sn") == ("Ge", "In", "Sb", "Pb")
    assert neighbours("Cl") == ("F", "S", "Ar", "Br")
    assert neighbours("Mg") == ("Be", "Na", "Al", "Ca")
    assert neighbours("Ce") == ("La", "Pr", "Th")


def test_one_element_is_replaced_at_a_time_and_none_appears_twice():
    sets = set(replaced_by_neighbours("Cl Li S Sn"))
    assert "Br Li S Sn" in sets and "Cl Li Sb S" not in sets and "Cl Li S Sb" in sets
    for text in sets:
        symbols = text.split()
        assert len({*symbols} - {"Cl", "Li", "S", "Sn"}) == 1
        assert symbols == sorted({*symbols}) and len(symbols) == 4
