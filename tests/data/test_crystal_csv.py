"""CSV files of CIF texts: structures in one layout, every row that holds none named."""

import csv
import gzip
import io
import itertools
from pathlib import Path

import numpy as np
import pytest

from data.cache import VARIABLE
from data.cif import files
from data.crystals import Crystals
from data.datasets.crystal_csv import crystal_csv
from data.datasets.oqmd_icsd import oqmd_icsd
from framework.base.errors import UserError
from framework.contracts.dataset import unusable_rows
from tests.data.cifs import BAD_CIFS, CSCL, NACL, cif

SHARED = Path(__file__).resolve().parents[3] / "shared" / "datasets" / "crystals"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/datasets is absent")


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def write(path: Path, header: tuple[str, ...], *rows: tuple[object, ...]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def beginning(name: str, rows: int, folder: Path) -> Path:
    """The first rows of a published file."""
    with gzip.open(SHARED / f"{name}.csv.gz", "rt", newline="") as file:
        few = list(itertools.islice(csv.reader(file), rows + 1))
    text = io.StringIO()
    csv.writer(text).writerows(few)
    path = folder / f"{name}.csv.gz"
    path.write_bytes(gzip.compress(text.getvalue().encode()))
    return path


def test_structures_come_in_the_variables_of_the_embedded_set(tmp_path):
    file = write(
        tmp_path / "x.csv",
        ("material_id", "cif", "gap (eV)", "year"),
        ("a", cif(CSCL, 4.123), 8.3, 2001),
        ("b", cif(NACL, "5.640(2)"), 8.5, 1999),
    )
    ds, embedded = crystal_csv(file, time="year"), oqmd_icsd()
    assert ds["formula"].values.tolist() == ["CsCl", "NaCl"]
    assert ds["element_set"].values.tolist() == ["Cl Cs", "Cl Na"]
    assert ds["n_sites"].values.tolist() == [2, 8]
    assert ds["material_id"].values.tolist() == ["a", "b"]
    assert ds["gap"].values.tolist() == [8.3, 8.5] and ds["gap"].attrs["units"] == "eV"
    assert (ds.attrs["properties"], ds.attrs["time"]) == ("gap", "year")
    for name in ("n_sites", "lattice", "atomic_number", "fractional_coordinates"):
        assert (ds[name].dims, ds[name].dtype) == (embedded[name].dims, embedded[name].dtype)
    crystals = Crystals.from_dataset(ds)
    assert abs(np.linalg.det(crystals.lattice)) == pytest.approx([4.123**3, 5.64**3])
    assert sorted(crystals.cell(0)[1].tolist()) == [17, 55]
    shortest = crystals.structure(1).distance_matrix[~np.eye(8, dtype=bool)].min()
    assert shortest == pytest.approx(5.64 / 2)


def test_symmetry_charges_and_deuterium_are_understood(tmp_path):
    copper = cif((("Cu", 0, 0, 0),), 3.6, operations=("x,y,z", "x,y+1/2,z+1/2", "x+1/2,y,z+1/2", "x+1/2,y+1/2,z"))  # fmt: skip
    charged = cif((("Na1+", 0, 0, 0), ("CL1-", 0.5, 0.5, 0.5)), 3.5)
    heavy = cif((("D", 0, 0, 0), ("Li", 0.5, 0.5, 0.5)), 3.5, more="_chemical_formula_sum 'Li1 D1'")
    ds = crystal_csv(write(tmp_path / "x.csv", ("cif",), (copper,), (charged,), (heavy,)))
    assert ds["formula"].values.tolist() == ["Cu", "NaCl", "LiH"]
    assert ds["n_sites"].values.tolist() == [4, 2, 2]


@pytest.mark.parametrize("name", BAD_CIFS)
def test_every_bad_cif_is_refused_with_one_reason(tmp_path, name):
    text, reason = BAD_CIFS[name]
    with pytest.raises(ValueError, match=reason) as caught:
        files.read_cif(text)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 200


def test_bad_rows_are_counted_and_named_and_strict_refuses_them(tmp_path):
    bad = [(text, i) for i, (text, _) in enumerate(BAD_CIFS.values())]
    rows = [(cif(), 1), *bad, (cif(), "wide"), ("", 3), (cif(), 1), (cif(NACL, 5.64), 2)]
    file = write(tmp_path / "x.csv", ("cif", "gap"), *rows)
    ds = crystal_csv(file)
    assert ds["formula"].values.tolist() == ["CsCl", "NaCl"]
    assert ds["gap"].values.tolist() == [1, 2] and ds["n_sites"].values.tolist() == [2, 8]
    found = unusable_rows(ds)
    assert ds.attrs["n_unusable"] == len(found) == len(bad) + 3
    assert all("\n" not in row.text and len(row.text) < 90 for row in found)
    assert [row.reason for row in found[-3:]] == [
        "column 'gap' holds 'wide', not a number",
        "the CIF is blank",
        "duplicate of line 2",
    ]
    line = 3 + len(rows[0][0].splitlines())  # the closing quote has a line of its own
    assert found[0].line == line
    with pytest.raises(UserError, match=rf"{len(bad) + 3} unusable row.* line {line}: not a CIF"):
        crystal_csv(file, strict=True)


def test_a_cell_beyond_the_limit_of_the_csv_module_is_read(tmp_path):
    before = csv.field_size_limit()
    long = cif(more="# " + "x" * 200_000)
    assert crystal_csv(write(tmp_path / "x.csv", ("cif",), (long,))).sizes["material"] == 1
    assert csv.field_size_limit() == before


def test_a_file_is_read_once_and_a_damaged_cache_is_made_anew(tmp_path, own_cache, monkeypatch):
    monkeypatch.setattr(files, "_FEW", 1)
    texts = (cif(), cif((("Lj", 0, 0, 0),)), cif(NACL, 5.64))
    file = write(tmp_path / "x.csv", ("cif", "n"), *((text, i) for i, text in enumerate(texts)))
    first = crystal_csv(file)
    (kept,) = (own_cache / "cif").iterdir()
    with monkeypatch.context() as patched:
        patched.setattr(files, "structures", lambda _: pytest.fail("read again"))
        again = crystal_csv(file)
    assert again.attrs == first.attrs and again.equals(first)
    assert again["formula"].values.tolist() == ["CsCl", "NaCl"]
    assert "'Lj' is not an element" in unusable_rows(again)[0].reason
    for damage in (kept.read_bytes()[:-50], b"", b"no archive"):
        kept.write_bytes(damage)
        assert crystal_csv(file).attrs == first.attrs
        assert kept.stat().st_size > 1000
    assert [path.name for path in (own_cache / "cif").iterdir()] == [kept.name]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("structure,gap\nx,1\n", "no column 'cif'; valid: gap, structure"),
        ("cif,gap\nx,1\n", "none of the 1 rows is usable; line 2: not a CIF"),
        ("cif,gap\n", "a header and no row"),
    ],
)
def test_a_bad_file_is_explained(tmp_path, content, message):
    (tmp_path / "x.csv").write_text(content)
    with pytest.raises(UserError, match=message):
        crystal_csv(tmp_path / "x.csv")


@needs_shared
def test_the_published_materials_project_files_load(tmp_path):
    from pymatgen.core import Composition

    path = beginning("mp_20_biternary_test", 320, tmp_path)  # more than the cache is spared
    ds = crystal_csv(path)
    assert ds.sizes["material"] == 320 and ds.attrs["n_unusable"] == 0
    assert {"formation_energy_per_atom", "band_gap", "e_above_hull"} <= set(
        ds.attrs["properties"].split()
    )
    with gzip.open(path, "rt") as file:
        for i, row in enumerate(csv.DictReader(file)):
            assert ds["formula"].values[i] == Composition(row["pretty_formula"]).reduced_formula
            assert ds["material_id"].values[i] == row["material_id"]
            volume = float(row["cif"].split("_cell_volume")[1].split()[0])
            assert abs(np.linalg.det(ds["lattice"].values[i])) == pytest.approx(volume)


@needs_shared
def test_the_published_file_in_order_of_time_loads(tmp_path):
    ds = crystal_csv(beginning("mpts_52_1997_2004", 30, tmp_path), time="year")
    assert ds.sizes["material"] == 30 and ds.attrs["time"] == "year"
    assert (ds["year"] == 1997).all()
