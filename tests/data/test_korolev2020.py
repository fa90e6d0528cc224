"""AFLOW's files, joined by composition."""

import numpy as np
import pytest

from data.datasets.korolev2020 import PARTS, PROPERTIES, korolev2020
from framework.base.errors import UserError
from framework.contracts.dataset import unusable_rows


@pytest.fixture
def folder(tmp_path):
    """Two compositions for each property in the files of training, one more in the others."""
    for stem, _, _ in PROPERTIES.values():
        rows = {"train": ["Na1Cl1,2.5", "K1Br1,1.5"], "val": ["Li1F1,4"]}
        if stem == "Egap":
            rows["val"] = ["Mg1O1,7.7", "Xx1,1"]
        for part in PARTS:
            text = "\n".join(["formula,target", *rows[part]])
            (tmp_path / f"{stem}_{part}.csv").write_text(text + "\n")
    return tmp_path


def test_files_are_joined_by_composition_and_logarithms_taken(folder):
    ds = korolev2020(folder)
    assert ds["formula"].values.tolist() == ["K1Br1", "Li1F1", "Mg1O1", "Na1Cl1"]
    assert ds["element_set"].values.tolist() == ["Br K", "F Li", "Mg O", "Cl Na"]
    np.testing.assert_array_equal(ds["bulk_modulus"].values, [1.5, 4, np.nan, 2.5])
    np.testing.assert_array_equal(ds["band_gap"].values, [1.5, np.nan, 7.7, 2.5])
    np.testing.assert_allclose(ds["ln_thermal_expansion"].values[1], np.log(4))
    assert ds["bulk_modulus"].attrs["units"] == "GPa"


def test_an_unusable_row_is_counted_and_a_missing_file_named(folder):
    (row,) = unusable_rows(korolev2020(folder))
    assert row.line == 3 and "Xx" in row.reason
    (folder / "Egap_val.csv").unlink()
    with pytest.raises(UserError, match=r"lacks Egap_val\.csv\.gz; expected a folder that holds"):
        korolev2020(folder)
