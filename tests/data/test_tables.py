"""Tables as people write them: read where it is certain, and what is not read is named."""

import bz2
import gzip
import io
import json
import lzma
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.candidates.listed import Listed
from data.cell_numbers import NotANumber, Uncertain, notation, number
from data.datasets.element_set_list import element_set_list
from data.datasets.file import file
from data.datasets.formula_csv import formula_csv
from data.units import is_unit
from framework.base.errors import UserError
from framework.contracts.dataset import unusable_rows

SHARED = Path(__file__).resolve().parents[3] / "shared" / "datasets"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/datasets is absent")
FORMULAS = ("LiCl", "NaCl", "MgO", "KBr", "CaO", "ZnS")


def written(folder: Path, text: str | bytes, name: str = "x.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def column(folder: Path, *cells: str, name: str = "gap") -> Path:
    rows = "".join(f'{f},"{cell}"\n' for f, cell in zip(FORMULAS, cells, strict=False))
    return written(folder, f"formula,{name}\n{rows}")


def unused(ds) -> dict[str, dict]:
    return {each["column"]: each for each in json.loads(ds.attrs["unused_columns"])}


# numbers in cells

# fmt: off
READ = [
    (("1,25", "2,5", "7,75"), [1.25, 2.5, 7.75], "unknown"),
    (("0,125", "0,250"), [0.125, 0.25], "unknown"),
    (("1,250", "2,5"), [1.25, 2.5], "unknown"),
    (("1,250.5", "1,300"), [1250.5, 1300], "unknown"),
    (("1.250,5", "1.300"), [1250.5, 1300], "unknown"),
    (("1,234,567", "89"), [1234567, 89], "unknown"),
    (("1'250.5", "2"), [1250.5, 2], "unknown"),
    (("1\u202f250,5", "2"), [1250.5, 2], "unknown"),
    (("1.250", "2.375"), [1.25, 2.375], "unknown"),
    (("1.25 eV", "2.5 eV"), [1.25, 2.5], "eV"),
    (("1,25 eV", "2,5 eV"), [1.25, 2.5], "eV"),
    (("12 %", "50%"), [12, 50], "%"),
    (("300K", "4 K"), [300, 4], "K"),
    (("5 S cm-1", "6 S cm-1"), [5, 6], "S cm-1"),
    (("\u22121.5", "\u20132"), [-1.5, -2], "unknown"),
    (("1.5×10^-3", "1.5x10-3", "1.5·10⁻³", "2*10**-3"), [1.5e-3, 1.5e-3, 1.5e-3, 2e-3], "unknown"),  # noqa: RUF001
    (("1e5", "2E+3", ".5", "1."), [1e5, 2e3, 0.5, 1], "unknown"),
    (("1.25(3)", "1.3(2)"), [1.25, 1.3], "unknown"),
    (("1.25 ± 0.03", "2 +/- 1"), [1.25, 2], "unknown"),
    (("True", "False", "true"), [1, 0, 1], "unknown"),
]
LOST = {
    "may be 1250 or 1.250": ("1,250", "2,375"),
    "decimal points": ("1.5", "2,5"),
    "has cells in 'eV' and in 'meV'": ("1.5 eV", "200 meV"),
    "cells without a unit": ("1.5 eV", "2"),
    "such as '1_000'": ("1_000", "2_5", "3", "4"),
    "such as '~5'": ("~5", "~6"),
    "such as '1.2-1.4'": ("1.2-1.4", "2.2-3"),
    "such as '1 250'": ("1 250", "2 350"),
    "such as '1/3'": ("1/3", "2/3"),
    "such as '1.0D-3'": ("1.0D-3", "2.0D-3"),
    "such as '3 parsec'": ("3 parsec", "4 parsec"),
    "such as '0x10'": ("0x10", "0x11"),
    "is blank in 3 of 4 rows": ("1.5", "", "", ""),
}
TEXT = [
    ("10.1021/ic030208w", "10.1021/ic030208x"), ("2015-03-01", "2016-01-02"), ("P -1", "F m -3 m"),
    ("7447-41-8", "7647-14-5"), ("cubic", "tetragonal"), ("https://a.b/1", "https://a.b/2"),
]
# fmt: on


@pytest.mark.parametrize(("cells", "values", "units"), READ)
def test_numbers_are_read_as_they_are_meant(tmp_path, cells, values, units):
    ds = formula_csv(column(tmp_path, *cells), strict=True)
    assert ds["gap"].values.tolist() == pytest.approx(values)
    assert ds["gap"].attrs["units"] == units
    assert ds.attrs["properties"] == "gap"


@pytest.mark.parametrize(("reason", "cells"), LOST.items())
def test_numbers_that_are_not_certain_are_named_and_strict_refuses_them(tmp_path, reason, cells):
    path = column(tmp_path, *cells)
    ds = formula_csv(path)
    assert ds.sizes["material"] == len(cells) and "gap" not in ds
    assert unused(ds)["gap"]["lost"]
    (row,) = unusable_rows(ds)
    assert row.line == 1 and "column 'gap' is not used" in row.reason and reason in row.reason
    with pytest.raises(UserError, match="column 'gap' is not used") as refused:
        formula_csv(path, strict=True)
    assert reason in str(refused.value)


@pytest.mark.parametrize("cells", TEXT)
def test_text_is_named_and_no_loss_of_numbers(tmp_path, cells):
    ds = formula_csv(column(tmp_path, *cells), strict=True)
    assert unused(ds)["gap"] == {
        "column": "gap",
        "reason": "holds text",
        "example": cells[0],
        "lost": False,
    }
    assert unusable_rows(ds) == []


def test_strict_names_every_column_that_is_not_used(tmp_path):
    path = written(
        tmp_path,
        ",id,formula,gap,yield,note,icsd_code\n0,a,LiCl,~1,5,x,1\n1,b,NaCl,~2,6,y,2\n",
    )
    assert set(unused(formula_csv(path))) == {"", "gap", "note", "icsd_code"}
    with pytest.raises(UserError) as refused:
        formula_csv(path, strict=True)
    for name in ("''", "'gap'", "'note'", "'icsd_code'"):
        assert f"column {name} is not used" in str(refused.value)
    assert formula_csv(path, strict=True, properties=["yield"]).attrs["unused_columns"] == "[]"


def test_a_limit_is_told_and_usable_on_request(tmp_path):
    path = column(tmp_path, "<1E-10", "≤ 1E-12", "5.8E-04", ">3", "2", name="c (S/cm)")
    ds = formula_csv(path)
    assert ds["c"].values.tolist() == [5.8e-4, 2]
    reasons = [row.reason for row in unusable_rows(ds)]
    assert len(reasons) == 3 and "holds '<1E-10', a limit and not a value" in reasons[0]
    with pytest.raises(UserError, match="a limit and not a value"):
        formula_csv(path, strict=True)
    ds = formula_csv(path, strict=True, censored=True)
    assert ds["c"].values.tolist() == [1e-10, 1e-12, 5.8e-4, 3, 2]
    assert ds["c_limit"].values.tolist() == [-1, -1, 0, 1, 0]
    assert ds.attrs["properties"] == "c"


def test_a_column_that_is_asked_for_is_never_guessed(tmp_path):
    path = column(tmp_path, "1,250", "2,375")
    with pytest.raises(UserError, match=r"column 'gap' holds '1,250', which may be 1250 or 1\.250"):
        formula_csv(path, properties=["gap"])


def test_other_columns_say_that_commas_are_decimal(tmp_path):
    path = written(tmp_path, "formula;a;b\nLiCl;1,250;1,5\nNaCl;2,375;2,5\n")
    ds = formula_csv(path)
    assert ds["a"].values.tolist() == [1.25, 2.375]
    assert "column 'a': decimal commas" in json.loads(ds.attrs["reading_notes"])
    path = written(tmp_path, "formula;a;b\nLiCl;1.250;1,5\nNaCl;2.375;2,5\n")
    assert "which may be 1.250 or 1250" in unused(formula_csv(path))["a"]["reason"]


@settings(deadline=None)
@given(
    st.lists(st.decimals(-1e6, 1e6, places=2), min_size=2, max_size=8),
    st.sampled_from([(".", ""), (".", ","), (",", ""), (",", "."), (".", "'"), (",", "\u202f")]),
    st.sampled_from(["", " eV", " %", "K"]),
)
def test_what_is_read_is_what_was_written_or_it_is_refused(values, marks, unit):
    decimal, thousands = marks
    texts = [
        f"{value:,.2f}".replace(",", "t").replace(".", decimal).replace("t", thousands) + unit
        for value in values
    ]
    form = notation(texts)
    assert [number(text, form).value for text in texts] == [float(value) for value in values]


@settings(deadline=None)
@given(
    st.lists(st.text(alphabet="0123456789.,-eE' ", min_size=1, max_size=9), min_size=1, max_size=5)
)
def test_a_cell_that_python_reads_is_read_as_python_does_or_refused(cells):
    cells = [cell.strip() for cell in cells]
    try:
        form = notation(cells)
    except NotANumber:
        return
    for cell in cells:
        try:
            value = number(cell, form).value
            plain = float(cell)
        except ValueError:
            continue
        if form.decimal == ".":
            assert value == plain


def test_an_uncertain_column_is_not_a_column_of_text():
    with pytest.raises(Uncertain):
        notation(["1,250"])
    with pytest.raises(NotANumber) as text:
        notation(["cubic"])
    assert not isinstance(text.value, Uncertain)


@pytest.mark.parametrize(
    "unit", ["eV", "meV/atom", "eV per atom", "S cm-1", "W m^-1 K^-1", "W/(m K)", "g/cm3", "kJ/mol", "μB", "Å^3", "°C", "%", "mAh g-1", "at.%", "S·cm⁻¹", "MPa m^0.5"]
)  # fmt: skip
def test_units_are_known(unit):
    assert is_unit(unit)


@pytest.mark.parametrize("text", ["and", "bcc", "zaac", "/atom", "no", "- bulk", "is", "", "x"])
def test_other_words_are_not_units(text):
    assert not is_unit(text)


# columns


@pytest.mark.parametrize(
    "name",
    ["formula", "Formula", "composition", "pretty_formula", "formula_pretty", "reduced_formula", "Reduced Composition", "chemical formula"],
)  # fmt: skip
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_column_of_formulas_is_found(tmp_path, name, delimiter):
    text = f"{name},gap\nLiCl,1.25\nNaCl,2.5\nMgO,7.75\n".replace(",", delimiter)
    ds = file(written(tmp_path, text))
    assert ds["formula"].values.tolist() == ["LiCl", "NaCl", "MgO"]
    assert ds["gap"].values.tolist() == [1.25, 2.5, 7.75]


def test_another_column_of_formulas_is_suggested_and_can_be_named(tmp_path):
    path = written(tmp_path, "nr,compound,gap\n1,LiCl,1\n2,NaCl,2\n")
    with pytest.raises(UserError, match=r"did you mean 'compound' \(LiCl\)\?.*--formula-column"):
        file(path)
    assert file(path, formula_column="compound").sizes["material"] == 2
    with pytest.raises(UserError, match="no column 'compond'; did you mean 'compound'"):
        file(path, formula_column="compond")


@pytest.mark.parametrize("index", ["Unnamed: 0", "", "index", "level_0"])
def test_a_saved_index_is_no_property_and_duplicates_stay_duplicates(tmp_path, index):
    path = written(tmp_path, f"{index},formula,gap\n0,Li2O,7.9\n1,MgO,7.75\n2,Li2O,7.9\n")
    ds = file(path)
    assert ds.attrs["properties"] == "gap"
    assert [(row.line, row.reason) for row in unusable_rows(ds)] == [(4, "duplicate of line 2")]
    assert unused(ds)[index]["reason"] == "numbers the rows"


@pytest.mark.parametrize(
    "name", ["id", "ID", "material_id", "mbid", "task_id", "materialId", "ICSD ID"]
)
@pytest.mark.parametrize("values", [("a1", "b2"), ("17", "4"), ("155950.0", "7.0"), ("4e5", "jqc")])
def test_an_identifier_is_carried_through_and_is_no_property(tmp_path, name, values):
    text = f"{name},formula,gap\n{values[0]},LiCl,1\nx,LiCl,1\n{values[1]},NaCl,2\n"
    ds = file(written(tmp_path, text))
    assert ds["id"].values.tolist() == list(values)
    assert ds.attrs["properties"] == "gap"


@pytest.mark.parametrize("name", ["refractive index", "solid", "humidity", "grid", "n_atoms"])
def test_a_property_is_not_taken_for_an_identifier(tmp_path, name):
    ds = file(written(tmp_path, f"formula,{name}\nLiCl,1\nNaCl,2\n"))
    assert ds.attrs["properties"] == name.replace(" ", "_") and "id" not in ds


def test_brackets_in_a_header_are_units_only_where_they_are(tmp_path):
    path = written(tmp_path, "formula,gap(eV),log10(K_VRH),IC (Total),IC (Bulk)\nLiCl,1,2,3,4\n")
    ds = file(path)
    assert ds.attrs["properties"] == "gap log10_K_VRH IC_Total IC_Bulk"
    assert ds["gap"].attrs["units"] == "eV"


def test_a_date_gives_the_order_of_entry(tmp_path):
    path = written(tmp_path, "formula,gap,date\nLiCl,1,2015-03-01\nNaCl,2,2015-03-03\n")
    ds = file(path, time="date")
    assert np.diff(ds["date"].values).tolist() == [2]
    assert (ds.attrs["properties"], ds.attrs["time"]) == ("gap", "date")


def test_a_reader_says_how_many_rows_were_read_and_used(tmp_path):
    ds = file(written(tmp_path, "formula,gap\nLiCl,1\nXx,2\nLiCl,1\nNaCl,3\n"))
    assert (ds.attrs["rows_read"], ds.attrs["rows_used"], ds.attrs["n_unusable"]) == (4, 2, 2)
    ds = file(written(tmp_path, "Li O\nLj O\nNa Cl\n", "x.txt"))
    assert (ds.attrs["rows_read"], ds.attrs["rows_used"]) == (3, 2)


# files

TABLE = "formula,gap (eV),note\nLiCl,9.4,pasted\u00e9\nNaCl,8.5,b\n"


def archive(*names: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as bundle:
        for name in names:
            bundle.writestr(name, TABLE)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        *[(f"{code}.csv", TABLE.encode(code)) for code in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252")],
        ("x.csv.gz", gzip.compress(TABLE.encode(), mtime=0)),
        ("x.csv.bz2", bz2.compress(TABLE.encode())),
        ("x.csv.xz", lzma.compress(TABLE.encode())),
        ("x.zip", archive("x.csv")),
        ("mac.zip", archive("x.csv", "__MACOSX/x.csv")),
        ("gzip.csv", gzip.compress(TABLE.encode("utf-16"), mtime=0)),
        ("cr.csv", TABLE.replace("\n", "\r").encode()),
        ("crlf.csv", TABLE.replace("\n", "\r\n").encode()),
        ("crcrlf.csv", TABLE.replace("\n", "\r\r\n").encode()),
        ("excel.csv", ("sep=;\n" + TABLE.replace(",", ";")).encode()),
        ("columns.json", json.dumps({"composition": {"0": "LiCl", "1": "NaCl"}, "gap (eV)": {"0": 9.4, "1": 8.5}}).encode()),
        ("lists.json", json.dumps({"formula": ["LiCl", "NaCl"], "gap (eV)": [9.4, 8.5]}).encode()),
        ("records.json", json.dumps([{"formula": "LiCl", "gap (eV)": 9.4}, {"formula": "NaCl", "gap (eV)": 8.5}]).encode()),
        ("lines.jsonl", b'{"formula": "LiCl", "gap (eV)": 9.4}\n{"formula": "NaCl", "gap (eV)": 8.5}\n'),
        ("split.json.gz", gzip.compress(json.dumps({"index": [0, 1], "columns": ["composition", "gap (eV)"], "data": [["LiCl", 9.4], ["NaCl", 8.5]]}).encode(), mtime=0)),
    ],
)  # fmt: skip
def test_a_table_is_read_in_every_dress(tmp_path, name, raw):
    ds = file(written(tmp_path, raw, name), strict=True)
    assert ds["formula"].values.tolist() == ["LiCl", "NaCl"]
    assert ds["gap"].values.tolist() == [9.4, 8.5] and ds["gap"].attrs["units"] == "eV"
    guessed = "the text is read as Windows-1252" in ds.attrs["reading_notes"]
    assert guessed == (name == "cp1252.csv")


def test_excel_is_read(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in (
        ["formula", "gap (eV)", "stable"],
        ["LiCl", 9.4, True],
        [],
        ["Xx", 1, True],
        ["NaCl", 8, False],
    ):
        book.active.append(row)  # fmt: skip
    book.create_sheet("more").append(["x"])
    book.save(tmp_path / "x.xlsx")
    ds = file(tmp_path / "x.xlsx")
    assert ds["gap"].values.tolist() == [9.4, 8] and ds["stable"].values.tolist() == [1, 0]
    assert [row.line for row in unusable_rows(ds)] == [4]
    assert "and not 'more'" in ds.attrs["reading_notes"]


@pytest.mark.parametrize("character", ["\u2028", "\u2029", "\x0b", "\x0c", "\x85", "\x1c", "\x1e"])
def test_a_line_separator_in_a_cell_is_a_character(tmp_path, character):
    text = f"formula,note,gap\nLiCl,a{character}b,9.4\nKCl,c,8.7\nXx2O,d,1\n"
    ds = file(written(tmp_path, text))
    assert ds["gap"].values.tolist() == [9.4, 8.7]
    assert [row.line for row in unusable_rows(ds)] == [4]
    ds = element_set_list(written(tmp_path, f"Li{character}O\nNa Cl\n", "x.txt"))
    assert ds["element_set"].values.tolist() == ["Li O", "Cl Na"]


def test_the_delimiter_is_the_one_under_which_rows_agree(tmp_path):
    ds = file(written(tmp_path, "formula;gap, eV\nLiCl;9,4\nNaCl;8,55\n"))
    assert ds["gap_eV"].values.tolist() == [9.4, 8.55]
    ds = file(written(tmp_path, 'formula,"a;b"\nLiCl,1\nNaCl,2\n'))
    assert ds["a_b"].values.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("name", "raw", "message"),
    [
        ("x.zip", archive("a.csv", "b.csv"), r"an archive of 2 files \(a.csv, b.csv\)"),
        ("x.zip", b"no archive", "not a readable zip file"),
        ("x.zip", archive("a.csv")[:-30], "not a readable zip file"),
        ("x.tar.gz", gzip.compress(bytes(600), mtime=0), "not a text file"),
        ("x.xlsx", b"no archive", "not a readable Excel file"),
        ("x.xls", b"\xd0\xcf\x11\xe0" + bytes(99), "an Excel file of the old kind"),
        ("x.csv.bz2", b"formula\nLiCl\n", "not a readable bzip2 file"),
        ("x.csv.xz", b"formula\nLiCl\n", "not a readable xz file"),
        ("x.json", b'{"formula":', "not a table in JSON"),
        ("x.json", b"[1, 2]", "not a table in JSON"),
        ("x.json", b'{"a": 1}', "it has no columns"),
        ("x.csv", b'formula,gap\nLiCl,1\n"NaCl,2\nKCl,3\n', "line 3: a quotation mark is opened"),
        ("x.csv", b"\x00\x01\x02\x03\xff\xfe", "not a text file"),
        ("x.csv", "formula\0gap".encode("utf-16")[:-1], "not a text file"),
    ],
)
def test_what_cannot_be_read_is_explained(tmp_path, name, raw, message):
    with pytest.raises(UserError, match=message):
        file(written(tmp_path, raw, name))


@needs_shared
@pytest.mark.parametrize(
    ("name", "rows", "used", "properties"),
    [
        ("expt_gap", 4_604, 4_604, "gap_expt"),
        ("glass", 5_680, 5_680, "gfa"),
        ("log_kvrh", 10_987, 10_963, "log10_K_VRH spg_num"),
        ("steels", 312, 312, "yield_strength"),
    ],
)
def test_matbench_is_read(name, rows, used, properties):
    ds = file(SHARED / "matbench" / f"matbench_{name}.json.bz2")
    assert (ds.attrs["rows_read"], ds.sizes["material"]) == (rows, used)
    assert ds.attrs["properties"] == properties
    assert ds["id"].values[0].startswith("mb-")


@needs_shared
def test_a_published_table_with_sparse_columns_and_limits_keeps_its_rows():
    path = SHARED / "li_conductors" / "obelix_train.csv"
    ds = file(path)
    assert ds.attrs["rows_read"] == 478 and ds.sizes["material"] == 449
    assert {name for name, each in unused(ds).items() if each["lost"]} == {
        "IC (Total)",
        "IC (Bulk)",
    }
    wanted = "Ionic conductivity (S cm-1)"
    ds = formula_csv(path, properties=[wanted], censored=True)
    assert ds.sizes["material"] == 477 and (ds["Ionic_conductivity_limit"] == -1).sum() == 29
    assert ds["id"].values[0] == "jqc"


# what a file holds


def test_a_list_is_told_from_a_table(tmp_path):
    assert file(written(tmp_path, "Li Sn S Cl\n")).attrs["name"] == "element_set_list"
    assert file(written(tmp_path, "Li;O\nK;Cl\n")).sizes["material"] == 2
    ds = file(written(tmp_path, "elements\tTc\nLi O\t3\n", "x.txt"))
    assert ds["Tc"].values.tolist() == [3]
    with pytest.raises(UserError, match="line 1: 'Lj' is not an element"):
        file(written(tmp_path, "Lj O\n", "x.txt"))


SALT = """data_salt
_cell_length_a 5.64
_cell_length_b 5.64
_cell_length_c 5.64
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_space_group_name_H-M_alt 'F m -3 m'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Na1 Na 0 0 0
Cl1 Cl 0.5 0.5 0.5
"""


def test_a_folder_and_an_archive_of_cifs_are_read_as_crystals(tmp_path):
    (tmp_path / "folder").mkdir()
    written(tmp_path / "folder", SALT, "x.CIF")
    tar, zipped = io.BytesIO(), io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w:gz") as bundle:
        member = tarfile.TarInfo("a/b.cif")
        member.size = len(SALT)
        bundle.addfile(member, io.BytesIO(SALT.encode()))
    with zipfile.ZipFile(zipped, "w") as bundle:
        bundle.writestr("a.CIF", SALT)
    paths = [
        tmp_path / "folder",
        written(tmp_path, zipped.getvalue(), "x.zip"),
        written(tmp_path, tar.getvalue(), "x.tar.gz"),
    ]
    for path in paths:
        assert file(path)["formula"].values.tolist() == ["NaCl"]


def test_candidates_that_are_reported_are_named(tmp_path):
    path = written(tmp_path, "Li Sn S Cl\nLi Si S Cl\nLi Zn S Cl\n", "x.txt")
    listed = Listed(str(path))
    for _ in range(2):
        assert listed.unexplored(["Cl Li S Si"]) == ["Cl Li S Sn", "Cl Li S Zn"]
        assert [(row.line, row.text) for row in listed.unusable] == [(2, "Cl Li S Si")]
