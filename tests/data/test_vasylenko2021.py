"""The published training fields: every line kept, repeats told apart, a bad folder explained."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from data.datasets.vasylenko2021 import read_fields, vasylenko2021
from framework.base.errors import UserError
from framework.contracts.dataset import content_digest
from zoo.tasks.plausibility import Plausibility

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "datasets" / "vasylenko2021"

needs_shared = pytest.mark.skipif(not FOLDER.is_dir(), reason="../shared/datasets is absent")


def folder_with(tmp_path: Path, text: str) -> Path:
    (tmp_path / "training_fields.dat").write_text(text)
    return tmp_path


# a folder of our own


def test_a_repeated_element_is_kept_as_published_and_its_set_holds_it_once(tmp_path):
    ds = vasylenko2021(folder_with(tmp_path, "Cl Li S Sn\nAs As Cd I\n\nBr Nb Se Se\nBr Nb Nb Se"))
    assert ds["element_set"].values.tolist() == ["Cl Li S Sn", "As Cd I", "Br Nb Se", "Br Nb Se"]
    assert ds["elements_published"].values.tolist()[1:3] == ["As As Cd I", "Br Nb Se Se"]
    assert ds["repeated"].values.tolist() == [False, True, True, True]
    assert set(ds["formula"].values) == {""} and ds.attrs["n_unusable"] == 0


def test_the_order_of_the_symbols_is_kept_and_the_set_is_sorted(tmp_path):
    ds = vasylenko2021(folder_with(tmp_path, "Sn S Li Cl\n"))
    assert ds["elements_published"].item() == "Sn S Li Cl"
    assert ds["element_set"].item() == "Cl Li S Sn"


def test_it_comes_back_from_netcdf_with_the_same_content(tmp_path):
    ds = vasylenko2021(folder_with(tmp_path, "Cl Li S Sn\nAs As Cd I\n"))
    ds.to_netcdf(tmp_path / "copy.nc")
    with xr.open_dataset(tmp_path / "copy.nc") as copy:
        assert copy.attrs["digest"] == ds.attrs["digest"] == content_digest(copy)


def test_a_repeated_field_is_no_member_of_four_elements_and_no_candidate(tmp_path):
    lines = "Cl Li S Sn\nBr K O Zr\nAs As Cd I\nO O S Ti\n"
    items = Plausibility().items(vasylenko2021(folder_with(tmp_path, lines)))
    reported = items["element_set"].values[items["reported"].values]
    assert reported.tolist() == ["Br K O Zr", "Cl Li S Sn"]
    assert {text.count(" ") for text in items["element_set"].values} == {3}


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Cl Li S Sn\nCl Li S Snn\n", r"training_fields\.dat: line 2: 'Snn' is not an .*'Sn'"),
        ("Cl Li S\n", "line 1: 'Cl Li S' is not four symbols"),
        ("Cl-Li-S-Sn\n", "line 1: 'Cl-Li-S-Sn' is not four symbols"),
        ("Cl Li S Sn\nSn S Li Cl\n", "line 2: 'Sn S Li Cl' is on line 1 already"),
        ("Xx Li S Sn\n" * 5, "line 1: .*line 2: .*line 3: .*; and 2 more; fix"),
        ("", "empty"),
        ("\n \n", "nothing but blanks"),
    ],
)
def test_a_line_that_is_no_field_is_named(tmp_path, text, message, strict):
    with pytest.raises(UserError, match=message):
        vasylenko2021(folder_with(tmp_path, text), strict=strict)


def test_a_folder_that_is_none_or_lacks_the_file_says_what_is_expected(tmp_path):
    with pytest.raises(UserError, match=r"lacks training_fields\.dat; expected a folder"):
        vasylenko2021(tmp_path)
    with pytest.raises(UserError, match=r"no such folder; .*training_fields\.dat"):
        vasylenko2021(tmp_path / "nowhere")
    file = folder_with(tmp_path, "Cl Li S Sn\n") / "training_fields.dat"
    with pytest.raises(UserError, match=rf"is a file; expected .*give the folder, '{tmp_path}'"):
        vasylenko2021(file)


# the published folder


@needs_shared
def test_every_published_field_is_a_material():
    ds = vasylenko2021(FOLDER, strict=True)
    lines = (FOLDER / "training_fields.dat").read_text().split("\n")
    assert ds["elements_published"].values.tolist() == [line for line in lines if line]
    assert ds.sizes["material"] == 2_021 and int(ds["repeated"].sum()) == 94
    assert len(np.unique(ds["element_set"])) == 2_020
    sizes = np.array([len(text.split()) for text in ds["element_set"].values])
    assert (sizes[ds["repeated"].values] == 3).all() and (sizes[~ds["repeated"].values] == 4).all()


@needs_shared
def test_the_benchmark_learns_from_the_strict_fields_alone():
    ds = vasylenko2021(FOLDER)
    items = Plausibility().items(ds)
    reported = set(items["element_set"].values[items["reported"].values])
    assert len(reported) == 1_497 and items.sizes["material"] == 136_675
    assert reported <= set(ds["element_set"].values[~ds["repeated"].values])


@needs_shared
def test_no_published_candidate_is_reported():
    candidates = {" ".join(sorted(f)) for f in read_fields(FOLDER / "candidate_fields.dat")}
    assert len(candidates) == 303
    assert not candidates & set(vasylenko2021(FOLDER)["element_set"].values)
