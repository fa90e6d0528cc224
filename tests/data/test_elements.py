"""Element descriptor tables: complete, true to their sources, and plain about bad files."""

import csv
from pathlib import Path

import numpy as np
import pytest

from data.datasets.oqmd_icsd import oqmd_icsd
from data.element_sets import ATOMIC_NUMBERS
from data.elements import ELEMENT_TABLES, element_table
from framework.base.errors import UserError

PUBLISHED = (
    Path(__file__).resolve().parents[3] / "shared/datasets/vasylenko2021/elemental_features_37.csv"
)
ANIONS = {"N", "P", "As", "O", "S", "Se", "Te", "F", "Cl", "Br", "I"}


@pytest.fixture(scope="module")
def reported() -> list[int]:
    """Atomic numbers of the 82 elements of the embedded M-M'-A-A' phase fields."""
    sets = [set(s.split()) for s in np.unique(oqmd_icsd()["element_set"])]
    fields = [s for s in sets if len(s) == 4 and len(s & ANIONS) == 2]
    return sorted(ATOMIC_NUMBERS[symbol] for symbol in set().union(*fields))


@pytest.mark.parametrize("name", sorted(ELEMENT_TABLES))
def test_a_table_is_indexed_by_atomic_number_and_cannot_be_changed(name):
    table = element_table(name)
    assert table.values.shape == (119, len(table.features)) and table.values.dtype == float
    assert np.isnan(table.values[0]).all() and not np.isinf(table.values).any()
    assert len(set(table.features)) == len(table.features)
    assert table.source and element_table(name) is table
    with pytest.raises(ValueError, match="read-only"):
        table.values[3, 0] = 1.0


@pytest.mark.parametrize(
    ("name", "features", "complete"),
    [("magpie", 63, 45), ("megnet", 16, 16), ("matscholar", 200, 200), ("published_37", 37, 37)],
)
def test_how_many_features_know_every_reported_element(reported, name, features, complete):
    elements = [z for z in reported if name != "published_37" or z != 1]  # H was not published
    values = element_table(name).values[elements]
    assert len(reported) == 82
    assert values.shape[1] == features
    assert int(np.isfinite(values).all(axis=0).sum()) == complete


def test_magpie_agrees_with_matminer():
    from matminer.utils.data import MagpieData
    from pymatgen.core import Element

    theirs, ours = MagpieData(impute_nan=False), element_table("magpie")
    for feature in ("Number", "Electronegativity", "ShearModulus", "ZungerPP-r_d", "phi"):
        for symbol in ("H", "Li", "Sn", "S", "Cl", "U"):
            expected = theirs.get_elemental_property(Element(symbol), feature)
            found = ours.values[ATOMIC_NUMBERS[symbol], ours.features.index(feature)]
            np.testing.assert_equal(found, expected)


def test_embeddings_agree_with_matminer():
    from matminer.utils.data import MatscholarElementData, MEGNetElementData
    from pymatgen.core import Element

    for name, theirs in (("megnet", MEGNetElementData()), ("matscholar", MatscholarElementData())):
        for symbol in ("H", "Li", "U"):
            expected = [
                theirs.get_elemental_property(Element(symbol), f) for f in theirs.prop_names
            ]
            np.testing.assert_allclose(element_table(name).values[ATOMIC_NUMBERS[symbol]], expected)


@pytest.mark.skipif(not PUBLISHED.exists(), reason="../shared/datasets is absent")
def test_the_published_features_are_the_published_ones():
    with PUBLISHED.open() as file:
        header, *rows = csv.reader(file)
    table = element_table("published_37")
    assert [name.replace("NValance", "NValence") for name in header[1:]] == list(table.features)
    elements = [ATOMIC_NUMBERS[row[0]] for row in rows]
    published = np.array([row[1:] for row in rows], float)
    assert published.shape == (92, 37)
    np.testing.assert_allclose(table.values[elements], published, rtol=1e-6, atol=1e-12)
    others = sorted(set(range(119)) - set(elements))
    assert np.isnan(table.values[others]).all()


def test_a_users_table_is_read_with_blanks_as_missing(tmp_path):
    file = tmp_path / "mine.csv"
    file.write_text("element,hardness,cost\nSn,1.5,\nLi,0.6,nan\nO,,2e3\n")
    table = element_table(str(file))
    assert table.name == "mine" and table.features == ("hardness", "cost")
    np.testing.assert_equal(table.values[[50, 3, 8]], [[1.5, np.nan], [0.6, np.nan], [np.nan, 2e3]])
    assert np.isfinite(table.values).sum() == 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("element,x\nLi,1\nLj,2\n", "line 3: 'Lj' is not an element; did you mean 'Li' or 'La'?"),
        ("element,x\nLi,1\nD,2\n", "line 3: 'D' is not an element; isotopes"),
        ("element,x\nLi,1\nNa,2\nLi,3\n", "line 4: Li has a row already, line 2"),
        ("element,x\nLi,soft\n", "line 2: feature 'x' holds 'soft', not a number"),
        ("element,x\nLi,inf\n", "line 2: feature 'x' holds 'inf', not a finite number"),
        ("element,x,y\nLi,1,\nNa,2,nan\n", "lines 2 to 3: feature 'y' has no value"),
        ("element,x\nLi,1,2\n", "line 2: 3 cells where the header has 2"),
        ("element,x\nLi Na,1\n", "line 2: 'Li Na' is not one element"),
        ("symbol,x\nLi,1\n", "the header must be 'element,feature1,...', not 'symbol,x'"),
        ("element\nLi\n", "the header must be 'element,feature1,...', not 'element'"),
        ("element,x,x\nLi,1,2\n", "column 'x' appears twice"),
        ("element,x\n", "a header and no row"),
    ],
)
def test_a_bad_users_table_is_explained_with_its_line(tmp_path, content, message):
    file = tmp_path / "mine.csv"
    file.write_text(content)
    with pytest.raises(UserError) as caught:
        element_table(str(file))
    assert str(file) in str(caught.value) and message in str(caught.value)


def test_an_unknown_table_names_the_nearest():
    with pytest.raises(UserError, match="no element table 'magpy'; did you mean 'magpie'"):
        element_table("magpy")
    with pytest.raises(UserError, match=r"no such file"):
        element_table("nowhere/mine.csv")
