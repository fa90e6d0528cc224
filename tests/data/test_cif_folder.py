"""Folders of CIF files: one material each, properties beside them, every bad file named."""

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from data.cache import VARIABLE
from data.crystals import Crystals
from data.datasets.cif_folder import cif_folder
from data.datasets.file import file
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
        (3, "the structure has no row in properties.csv"),
    ]


def test_every_bad_file_is_named_with_its_reason_and_strict_refuses_them(folder):
    for name, (text, _) in BAD_CIFS.items():
        (folder / f"bad_{name}.cif").write_text(text)
    (folder / "bad_bytes.cif").write_bytes(b"data_\x00")
    (folder / "bad_empty.cif").write_bytes(b"")
    ds = cif_folder(folder)
    assert ds["file"].values.tolist() == [
        "a.cif", "b.cif", "bad_two_structures.cif:test", "bad_two_structures.cif:again"
    ]  # fmt: skip
    reasons = {row.text: row.reason for row in unusable_rows(ds)}
    # each of the two blocks of one file has its own reason to be there
    assert len(reasons) == ds.attrs["n_unusable"] == len(BAD_CIFS) - 1 + 2
    assert "not a text file" in reasons["bad_bytes.cif"] and "is empty" in reasons["bad_empty.cif"]
    assert reasons["bad_many_sites.cif"] == "1,001 sites; at most 1,000 are read"
    with pytest.raises(UserError, match=f"{len(BAD_CIFS) + 1} unusable row"):
        cif_folder(folder, strict=True)


def test_a_bad_folder_is_explained(folder, tmp_path_factory):
    empty = tmp_path_factory.mktemp("empty")
    with pytest.raises(UserError, match=r"no \.cif file \(it is empty\)"):
        cif_folder(empty)
    (empty / "x.txt").write_text("x")
    with pytest.raises(UserError, match=r"no \.cif file \(it has x\.txt\)"):
        cif_folder(empty)
    with pytest.raises(UserError, match="is a file; expected a folder"):
        cif_folder(empty / "x.txt")
    (empty / "x.zip").write_text("not one")
    with pytest.raises(UserError, match="not a readable archive"):
        cif_folder(empty / "x.zip")
    with pytest.raises(UserError, match="no such file; expected a folder"):
        cif_folder(empty / "y.tar.gz")
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


def as_zip(path, files):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)


def as_tar(path, files):
    mode = {".tar": "w", ".bz2": "w:bz2", ".xz": "w:xz"}.get(path.suffix, "w:gz")
    with tarfile.open(path, mode) as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))


def as_folder(path, files):
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)


@pytest.mark.parametrize(
    "name", ["x.zip", "x.tar", "x.tar.gz", "x.tgz", "x.tar.bz2", "x.tar.xz", "x"]
)
@pytest.mark.parametrize("top", ["", "cifs/", "a/b/"])
def test_archives_and_inner_folders_are_read_like_a_folder(tmp_path, name, top):
    files = {
        f"{top}salt.cif": cif(NACL, 5.64).encode(),
        f"{top}inner/caesium.CIF": cif().encode(),
        f"{top}inner/packed.cif.gz": gzip.compress(cif(a=4.2).encode()),
        f"{top}properties.csv": b"file,gap\nsalt,8.5\ncaesium,8.3\ninner/packed.cif,8\n",
        f"{top}.hidden.cif": b"x",
        "__MACOSX/._salt.cif": b"x",
    }
    write = {"x": as_folder, "x.zip": as_zip}.get(name, as_tar)
    write(tmp_path / name, files)
    ds = cif_folder(tmp_path / name)
    assert ds["formula"].values.tolist() == ["NaCl", "CsCl", "CsCl"]
    assert ds["gap"].values.tolist() == [8.5, 8.3, 8.0] and ds.attrs["n_unusable"] == 0
    assert ds["file"].values.tolist() == ["salt.cif", "inner/caesium.CIF", "inner/packed.cif"]
    again = file(tmp_path / name)  # what --data and `data validate` read
    assert again.attrs == ds.attrs and again.equals(ds)


def test_a_file_of_several_structures_gives_a_material_for_each(tmp_path):
    many = "".join(
        ["data_global\n_journal_year 2001\n", cif().replace("_test", "_first"),
         cif(NACL, 5.64).replace("_test", "_Second"), "data_pattern\nloop_\n_pd_meas_counts\n5\n6\n",
         cif((("Lj", 0, 0, 0),)).replace("_test", "_bad")]
    )  # fmt: skip
    (tmp_path / "x.cif").write_text(many)
    for path in (tmp_path, tmp_path / "x.cif"):
        ds = cif_folder(path)
        assert ds["file"].values.tolist() == ["x.cif:first", "x.cif:Second"]
        assert ds["formula"].values.tolist() == ["CsCl", "NaCl"]
        (row,) = unusable_rows(ds)
        assert row.text == "x.cif:bad" and "'Lj' is not an element" in row.reason
    (tmp_path / "properties.csv").write_text("file,gap\nx.cif:Second,8.5\nx:first,8.3\nx,1\n")
    ds = cif_folder(tmp_path)
    assert ds["gap"].values.tolist() == [8.5, 8.3]
    reason = unusable_rows(ds)[0].reason
    assert reason == "holds 3 structures; name one of them, such as 'x.cif:first'"


def test_what_was_taken_for_granted_is_noted_beside_each_material_and_in_one_line(folder, caplog):
    (folder / "c.cif").write_text(cif(NACL, 5.6, occupancies=["1.001"] * 8))
    ds = cif_folder(folder)
    assert ds["note"].values.tolist() == ["", "", "occupancy 1.001 read as 1"]
    assert [record.message for record in caplog.records] == [
        f"{folder}: 1 of 3 structures are read with a note (variable 'note'); NaCl: occupancy "
        "1.001 read as 1"
    ]


def test_what_is_there_twice_or_in_a_wrong_place_is_named(folder):
    (folder / "a.cif.gz").write_bytes(gzip.compress(cif().encode()))
    with pytest.raises(UserError, match=r"a\.cif\.gz is also there as a\.cif"):
        cif_folder(folder)
    (folder / "a.cif.gz").write_bytes(b"not gzip")
    (folder / "a.cif").unlink()
    assert "cannot be read" in unusable_rows(cif_folder(folder))[0].reason
    as_folder(
        folder,
        {"inner/b.cif": cif(a=4.2).encode(), "properties.csv": b"file,gap\nb,1\ninner/b,2\n"},
    )
    assert cif_folder(folder)["file"].values.tolist() == ["b.cif", "inner/b.cif"]
    (folder / "b.cif").rename(folder / "inner" / "c.cif")
    as_folder(folder, {"other/b.cif": cif().encode()})
    reasons = [row.reason for row in unusable_rows(cif_folder(folder))]
    assert "'b' is in several folders: inner/b.cif, other/b.cif; name one" in reasons
    (folder / "properties.csv").rename(folder / "inner" / "properties.csv")
    with pytest.raises(UserError, match=r"inner/properties\.csv is in an inner folder"):
        cif_folder(folder)


@pytest.mark.skipif(not ARCHIVE.exists(), reason="../shared/datasets is absent")
def test_published_experimental_structures_load_or_are_partly_occupied():
    ds = cif_folder(ARCHIVE)
    assert (ds.sizes["material"], ds.attrs["n_unusable"]) == (59, 195)
    assert all("partly occupied" in row.reason for row in unusable_rows(ds))
