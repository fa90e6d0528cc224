"""What a served model reads, and what it says of what it cannot read."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from framework.base.errors import UserError
from framework.tracking.served_model import _texts

FORMULAS = ["LiCoO2", "Li Co O"]


@pytest.mark.parametrize(
    "given",
    [
        FORMULAS,
        tuple(FORMULAS),
        pd.Series(FORMULAS, index=[7, 3]),
        np.array(FORMULAS),
        pd.DataFrame({"formula": FORMULAS, "source": ["a", "b"]}),
        pd.DataFrame({"composition": FORMULAS, "source": ["a", "b"]}),
        pd.DataFrame({"gap": [1.0, 2.0], "whatever": FORMULAS}),
        pd.DataFrame({0: FORMULAS}),
    ],
    ids=lambda given: type(given).__name__,
)
def test_formulas_are_read_from_whatever_holds_them(given):
    assert _texts(given) == FORMULAS


@pytest.mark.parametrize(
    "given",
    [
        [],
        (),
        pd.Series([], dtype=object),
        np.array([]),
        pd.DataFrame(),
        pd.DataFrame({"formula": []}),
    ],
    ids=lambda given: type(given).__name__,
)
def test_nothing_is_nothing(given):
    assert _texts(given) == []


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ("LiCoO2", "'LiCoO2' is one text; give a list"),
        ([["LiCoO2"], 3], "not a text"),
        (["LiCoO2", None], "item 1 is None"),
        (["LiCoO2", 3.5], "item 1 is 3.5"),
        (pd.Series(["LiCoO2", np.nan]), "item 1 is nan"),
        (pd.DataFrame({"a": FORMULAS, "b": FORMULAS}), "which column of a, b"),
        (pd.DataFrame({"gap": [1, 2]}), "which column of gap"),
        ({"formula": FORMULAS}, "dict"),
        (5, "int"),
    ],
)
def test_what_cannot_be_read_is_named(given, named):
    with pytest.raises(UserError, match=named):
        _texts(given)
