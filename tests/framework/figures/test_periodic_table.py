"""The periodic table: every element in its place, none on another, unknown ones grey."""

import numpy as np

from data.element_sets import SYMBOLS
from framework.figures.periodic_table import periodic_table, place


def test_elements_stand_where_every_chemist_looks_for_them():
    wanted = {
        "H": (1, 1),
        "He": (18, 1),
        "Be": (2, 2),
        "B": (13, 2),
        "Fe": (8, 4),
        "La": (3, 8.5),
        "Yb": (16, 8.5),
        "Lu": (3, 6),
        "Hf": (4, 6),
        "U": (6, 9.5),
        "Og": (18, 7),
    }
    assert {symbol: place(SYMBOLS.index(symbol) + 1) for symbol in wanted} == wanted
    assert len({place(number) for number in range(1, 119)}) == 118


def test_a_table_a_component_with_grey_for_elements_without_values():
    values = np.random.default_rng(0).normal(size=(118, 2))
    values[-1] = 0
    figure = periodic_table(values, SYMBOLS, ["first", "second"])
    tables = [axes for axes in figure.axes if axes.patches]
    assert [axes.get_title(loc="left") for axes in tables] == ["first", "second"]
    for axes in tables:
        assert len(axes.patches) == 118 == len(axes.texts)
        assert axes.texts[-1].get_text() == "Og"
        assert np.ptp(axes.patches[-1].get_facecolor()[:3]) == 0
