"""Folders of CIF files: one material each, properties beside them, every bad file named."""

import tarfile
from pathlib import Path

import pytest

from data.cache import VARIABLE
from data.crystals import Crystals
from data.datasets.cif_folder import cif_folder
from framework.base.errors import UserError
from framework.contracts.dataset import unusable_rows
from tests.data.cifs import BAD_CIFS, NACL, cif

ARCHIVE = (
    Path(__file__).resolve().parents[3] / "shared/datasets/li_conductors/obelix_train_cifs.tar.gz"
)


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "b.cif").write_text(cif())
    (tmp_path / "a.cif").write_text(cif(NACL, 5.64))
    return tmp_path


def test_files_stand_in_the_order_of_their_names(folder):
    ds = cif_folder(folder)
    assert ds["file"].values.tolist() == ["a.cif", "b.cif"]
    assert ds["formula"].values.tolist() == ["NaCl", "CsCl"]
    assert Crystals.from_dataset(ds).structure(1).composition.reduced_formula == "CsCl"
    assert ds.attrs["properties"] == "" and ds.attrs["n_unusable"] == 0


def test_properties_stand_in_a_table_and_what_has_no_partner_is_named(folder):
    (folder / "c.cif").write_text(cif(a=4.2))
    (folder / "properties.csv").write_text(
        "file,Tc (K),year\nb,9.5,1990\na.cif,7,1991\nd,1,1992\nb.cif,2,1993\n"
    )
    ds = cif_folder(folder, time="year")
    assert ds["file"].values.tolist() == ["b.cif", "a.cif"]
    assert ds["Tc"].values.tolist() == [9.5, 7.0] and ds["Tc"].attrs["units"] == "K"
    assert ds["n_sites"].values.tolist() == [2, 8]
    assert [(row.line, row.reason) for row in unusable_rows(ds)] == [
        (4, "there is no file 'd.cif' in the folder"),
        (5, "duplicate of line 2"),
        (3, "the file has no row in properties.csv"),
    ]


def test_every_bad_file_is_named_with_its_reason_and_strict_refuses_them(folder):
    for name, (text, _) in BAD_CIFS.items():
        (folder / f"bad_{name}.cif").write_text(text)
    (folder / "bad_bytes.cif").write_bytes(b"\xff\xfe\x00data_")
    (folder / "bad_empty.cif").write_bytes(b"")
    (folder / "bad_folder.cif").mkdir()
    ds = cif_folder(folder)
    assert ds["formula"].values.tolist() == ["NaCl", "CsCl"]
    reasons = {row.text: row.reason for row in unusable_rows(ds)}
    assert len(reasons) == ds.attrs["n_unusable"] == len(BAD_CIFS) + 3
    assert "not UTF-8" in reasons["bad_bytes.cif"] and "is empty" in reasons["bad_empty.cif"]
    assert "is a folder" in reasons["bad_folder.cif"]
    assert reasons["bad_many_sites.cif"] == "1,001 sites; at most 1,000 are read"
    with pytest.raises(UserError, match=f"{len(BAD_CIFS) + 3} unusable row"):
        cif_folder(folder, strict=True)


def test_a_bad_folder_is_explained(folder, tmp_path_factory):
    empty = tmp_path_factory.mktemp("empty")
    with pytest.raises(UserError, match=r"no \.cif file \(it is empty\)"):
        cif_folder(empty)
    (empty / "x.txt").write_text("x")
    with pytest.raises(UserError, match=r"no \.cif file \(it holds x\.txt\)"):
        cif_folder(empty)
    with pytest.raises(UserError, match="is a file; expected a folder"):
        cif_folder(folder / "a.cif")
    with pytest.raises(UserError, match="no such folder"):
        cif_folder(folder / "sub")
    with pytest.raises(UserError, match=r"no file 'properties\.csv', which would hold gap"):
        cif_folder(folder, properties=["gap"])
    for name in ("a.cif", "b.cif"):
        (folder / name).write_text("nothing")
    with pytest.raises(UserError, match="none of the 2 rows is usable; line 1: not a CIF"):
        cif_folder(folder)
    (folder / "properties.csv").write_text("name,gap\na,1\n")
    with pytest.raises(UserError, match="no column 'file'"):
        cif_folder(folder)


@pytest.mark.skipif(not ARCHIVE.exists(), reason="../shared/datasets is absent")
def test_published_experimental_structures_load_or_are_partly_occupied(tmp_path):
    with tarfile.open(ARCHIVE) as archive:
        members = [m for m in archive.getmembers() if m.name.endswith(".cif")][:40]
        for member in members:
            content = archive.extractfile(member).read()
            (tmp_path / Path(member.name).name).write_bytes(content)
    ds = cif_folder(tmp_path)
    assert ds.sizes["material"] + ds.attrs["n_unusable"] == 40 and ds.sizes["material"] > 5
    assert all("partly occupied" in row.reason for row in unusable_rows(ds))
