"""The atoms and the syntax of CIFs: read as they are meant, or refused with the reason."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.cif.formula import stated_formula
from data.cif.structures import read_cif, structures
from data.cif.text import Block, blocks, decode, number
from tests.data.cifs import CSCL, NACL, cif


def text(columns: str, *rows: str, more: str = "", a: float = 6.0, operations=("x,y,z",)) -> str:
    """A CIF of a cubic cell with the columns of `_atom_site_` that are given."""
    return "\n".join(
        [
            "data_x",
            *(f"_cell_length_{x} {a}" for x in "abc"),
            *(f"_cell_angle_{x} 90" for x in ("alpha", "beta", "gamma")),
            more,
            "loop_\n_symmetry_equiv_pos_as_xyz",
            *operations,
            "loop_",
            *(f"_atom_site_{name}" for name in columns.split()),
            *rows,
            "",
        ]
    )


PLACE = "fract_x fract_y fract_z"
LABEL = f"label {PLACE}"
TYPE = f"label type_symbol {PLACE}"
OCCUPANCY = f"{TYPE} occupancy"


def sum_of(formula: str, z: str = "") -> str:
    return f"_chemical_formula_sum '{formula}'" + (f"\n_cell_formula_units_Z {z}" if z else "")


READ = {
    "labels_alone": (text(LABEL, "Fe1 0 0 0", "O1A 0.5 0.5 0.5"), "FeO", 2),
    "label_with_charge": (text(LABEL, "Na1+ 0 0 0", "Cl(1) 0.5 0.5 0.5"), "NaCl", 2),
    "label_of_holmium": (text(LABEL, "Ho1 0 0 0", "O1 0.5 0.5 0.5"), "HoO", 2),
    "capitals_without_doubt": (text(LABEL, "MG1 0 0 0", "O1 0.5 0.5 0.5"), "MgO", 2),
    "lower_case_without_doubt": (text(LABEL, "mg1 0 0 0", "o1 0.5 0.5 0.5"), "MgO", 2),
    "capitals_by_the_sum": (
        text(LABEL, "NA1 0 0 0", "O1 0.5 0.5 0.25", "HO1 0.5 0.5 0.41", more=sum_of("H Na O")),
        "NaHO", 3,
    ),
    "water_by_the_sum": (
        text(LABEL, "Ow1 0 0 0", "H1 0.1 0.12 0", "H2 -0.1 0.12 0", more=sum_of("H2 O")), "H2O", 3,
    ),
    "hydroxide_by_the_sum": (
        text(LABEL, "Li1 0 0 0", "OH1 0.4 0.4 0.4", "H1 0.5 0.5 0.5", more=sum_of("H Li O")),
        "LiHO", 3,
    ),
    "tungsten_by_the_sum": (text(LABEL, "W1 0 0 0", "C1 0.5 0.5 0.5", more=sum_of("C W")), "WC", 2),
    "deuterium_by_the_sum": (text(LABEL, "Li1 0 0 0", "D1 0.5 0.5 0.5", more=sum_of("D Li")), "LiH", 2),
    "cobalt_type_by_the_sum": (text(TYPE, "A CO 0 0 0", "B O 0.5 0.5 0.5", more=sum_of("Co O")), "CoO", 2),
    "types_in_capitals": (text(TYPE, "A NA 0 0 0", "B CL 0.5 0.5 0.5"), "NaCl", 2),
    "types_with_charges": (text(TYPE, "A Fe3+ 0 0 0", "B N-3 0.5 0.5 0.5"), "FeN", 2),
    "type_before_label": (text(TYPE, "Na1 Cs 0 0 0", "HO1 Cl 0.5 0.5 0.5"), "CsCl", 2),
    "types_without_labels": (text(f"type_symbol {PLACE}", "Cs 0 0 0", "Cl 0.5 0.5 0.5"), "CsCl", 2),
    "unknown_type_and_label": (text(TYPE, "Cs1 ? 0 0 0", "Cl1 . 0.5 0.5 0.5"), "CsCl", 2),
    "occupancy_point": (text(OCCUPANCY, "Cs1 Cs 0 0 0 .", "Cl1 Cl 0.5 0.5 0.5 1"), "CsCl", 2),
    "occupancy_1.001": (text(OCCUPANCY, "Cs1 Cs 0 0 0 1.001", "Cl1 Cl 0.5 0.5 0.5 1.00(2)"), "CsCl", 2),
    "occupancy_0.9999": (text(OCCUPANCY, "Cs1 Cs 0 0 0 0.9999", "Cl1 Cl 0.5 0.5 0.5 .998(3)"), "CsCl", 2),
    "occupancy_0": (
        text(OCCUPANCY, "Cs1 Cs 0 0 0 1", "Cl1 Cl 0.5 0.5 0.5 1", "Li1 Li 0.5 0 0 0.0"), "CsCl", 2,
    ),
    "h_and_d": (text(OCCUPANCY, "Li1 Li 0 0 0 1", "H1 H .5 .5 .5 0.3", "D1 D .5 .5 .5 0.7"), "LiH", 2),
    "two_charges": (
        text(OCCUPANCY, "Fe1 Fe2+ 0 0 0 0.5", "Fe2 Fe3+ 0 0 0 0.5", "N1 N 0.5 0.5 0.5 1"), "FeN", 2,
    ),
    "shared_by_symmetry": (
        text(OCCUPANCY, "H1 H .2 .5 .5 0.4", "D1 D .8 .5 .5 0.6", "Li1 Li 0 0 0 1",
             operations=("x,y,z", "-x,-y,-z")),
        "LiH2", 3,
    ),
    "no_hydrogen_attached": (
        text(f"{TYPE} attached_hydrogens", "Mg1 Mg 0 0 0 0", "O1 O 0.5 0.5 0.5 ?"), "MgO", 2,
    ),
    "one_disorder_group": (
        text(f"{OCCUPANCY} disorder_group", "Mg1 Mg 0 0 0 1 .", "O1 O 0.5 0.5 0.5 1 1"), "MgO", 2,
    ),
    "dummy": (text(f"{TYPE} calc_flag", "Cs1 Cs 0 0 0 d", "Cl1 Cl .5 .5 .5 .", "X1 X ? ? ? dum"), "CsCl", 2),
    "whole_cell_sum": (cif(NACL, 5.64, more=sum_of("Na4 Cl4", "4")), "NaCl", 8),
    "sum_and_z": (cif(NACL, 5.64, more=sum_of("Cl Na", "4")), "NaCl", 8),
    "sum_without_z": (cif(NACL, 5.64, more=sum_of("Cl1 Na1")), "NaCl", 8),
    "sum_in_capitals": (cif(NACL, 5.64, more=sum_of("CL1 NA1", "4")), "NaCl", 8),
    "sum_without_blanks": (cif(NACL, 5.64, more=sum_of("NaCl")), "NaCl", 8),
    "sum_of_a_refinement": (cif(NACL, 5.64, more=sum_of("Cl0.999 Na")), "NaCl", 8),
    "sum_unknown": (cif(NACL, 5.64, more="_chemical_formula_sum ?\n_cell_formula_units_Z ?"), "NaCl", 8),
    "thirds": (  # hexagonal close packing; each atom has three images that are one
        text(TYPE, "Mg1 Mg 0.333 0.667 0.25").replace("_length_c 6.0", "_length_c 5.21")
        .replace("6.0", "3.21").replace("gamma 90", "gamma 120").replace(
            "loop_\n_symmetry_equiv_pos_as_xyz\nx,y,z", "_space_group_name_H-M_alt 'P 63/m m c'"),
        "Mg", 2,
    ),
    "peroxide": (text(TYPE, "O1 O 0 0 0", "O2 O 0 0 0.25"), "O2", 2),
    "dihydrogen": (text(TYPE, "H1 H 0 0 0", "H2 H 0 0 0.124"), "H2", 2),
    "crlf": (cif(NACL, 5.64).replace("\n", "\r\n"), "NaCl", 8),
    "cr": (cif(NACL, 5.64).replace("\n", "\r"), "NaCl", 8),
    "tags_in_capitals": (cif(NACL, 5.64).replace("data_test", "DATA_TEST").replace("loop_", "LOOP_").replace("_cell", "_CELL").replace("_atom_site_fract", "_ATOM_SITE_FRACT"), "NaCl", 8),
    "tags_of_ddlm": (cif(NACL, 5.64).replace("_atom_site_", "_atom_site.").replace("_cell_", "_cell."), "NaCl", 8),
    "comments": (cif(NACL, 5.64).replace("\n", " # remark 'with quotes\n"), "NaCl", 8),
    "quotes_within": (cif(NACL, 5.64, more="_publ_author_name 'O'Neill, X. # 1'"), "NaCl", 8),
    "block_in_a_text": (cif(NACL, 5.64, more="_refln_details\n;\ndata_other\nloop_\n_cell_length_a\n1\n;"), "NaCl", 8),
    "save_frame": (cif(NACL, 5.64).replace("loop_", "save_one\n_cell_length_a 1\nsave_\nloop_", 1), "NaCl", 8),
    "words_of_authors": (cif(NACL, 5.64, more="_publ_section_title not in quotes"), "NaCl", 8),
    "uncertainties": (cif(CSCL, "4.123(4)"), "CsCl", 2),
}  # fmt: skip
"""Name -> (text, formula, sites)."""


@pytest.mark.parametrize("name", READ)
def test_what_is_certain_is_read(name):
    content, formula, sites = READ[name]
    read = read_cif(content)
    assert (read.formula, len(read.cell[1])) == (formula, sites)


REFUSED = {
    "hydroxide": (text(LABEL, "Fe1 0 0 0", "OH1 .5 .5 .5"), "'OH1' could be O or something else"),
    "hydrogen_or_holmium": (text(LABEL, "Na1 0 0 0", "HO1 .5 .5 .5"), "'HO1' could be Ho or H"),
    "sodium_or_nitrogen": (text(LABEL, "NA1 0 0 0", "O1 .5 .5 .5"), "'NA1' could be Na or N"),
    "nitrate": (text(LABEL, "Na1 0 0 0", "NO3 .5 .5 .5"), "'NO3' could be No or N"),
    "nitrate_by_its_sum": (
        text(LABEL, "Na1 0 0 0", "NO3 .5 .5 .5", more=sum_of("N Na O3")), "no site for O",
    ),
    "hydroxide_by_its_sum": (
        text(LABEL, "Fe1 0 0 0", "OH1 .5 .5 .5", more=sum_of("Fe H O")), "no site for H",
    ),
    "tetrahedral_site": (text(LABEL, "T1 0 0 0", "O1 .5 .5 .5"), "'T1' is not an element"),
    "tetrahedral_type": (text(TYPE, "T1 T 0 0 0", "O1 O .5 .5 .5"), "'T' is not an element"),
    "metal_site": (text(LABEL, "M1 0 0 0", "O1 .5 .5 .5"), "'M1' is not an element"),
    "three_letters": (text(LABEL, "POX1 0 0 0", "O1 .5 .5 .5"), "'POX1' is not an element"),
    "water": (text(LABEL, "Wat1 0 0 0", "O1 .5 .5 .5"), "'Wat1' is not an element"),
    "water_or_tungsten": (text(LABEL, "W1 0 0 0", "O1 .5 .5 .5"), "'W1' could be W or something"),
    "deuterium_or_name": (text(LABEL, "D1 0 0 0", "O1 .5 .5 .5"), "'D1' could be D or something"),
    "ow": (text(LABEL, "Ow1 0 0 0", "Na1 .5 .5 .5"), "'Ow1' could be O or something"),
    "no_letters": (text(LABEL, "1 0 0 0", "O1 .5 .5 .5"), "'1' is not an element"),
    "type_hydroxide": (text(TYPE, "O1 OH 0 0 0", "A Fe .5 .5 .5"), "'OH' could be O or something else"),
    "type_of_water": (text(TYPE, "O1 O-H2 0 0 0", "A Fe .5 .5 .5"), "'O-H2' is not an element"),
    "type_ho": (text(TYPE, "A HO 0 0 0", "B O .5 .5 .5"), "'HO' could be Ho or H"),
    "type_no": (text(TYPE, "A NO3 0 0 0", "B Na .5 .5 .5"), "'NO3' could be No or N"),
    "type_mixed": (text(TYPE, "A Fe,Mg 0 0 0", "B O .5 .5 .5"), "'Fe,Mg' is not an element"),
    "type_vacancy": (text(TYPE, "A Va 0 0 0", "B O .5 .5 .5"), "'Va' is not an element"),
    "labelled_hydroxide": (text(TYPE, "OH1 O 0 0 0", "A Fe .5 .5 .5"), "hydrogen without positions"),
    "labelled_water": (text(TYPE, "OW1 O 0 0 0", "A Fe .5 .5 .5"), "hydrogen without positions"),
    "labelled_ammonium": (text(TYPE, "NH4 N 0 0 0", "Cl1 Cl .5 .5 .5"), "hydrogen without positions"),
    "attached": (
        text(f"{TYPE} attached_hydrogens", "Mg1 Mg 0 0 0 0", "O1 O .5 .5 .5 2"),
        "2 attached to O1",
    ),
    "disorder_groups": (
        text(f"{TYPE} disorder_assembly disorder_group", "Mg1 Mg 0 0 0 . .", "O1A O .5 .5 .42 A 1",
             "O1B O .5 .5 .75 A 2"), "O1A is in disorder group 1",
    ),
    "disorder_over_symmetry": (
        text(f"{OCCUPANCY} disorder_group", "Mg1 Mg 0 0 0 1 .", "O1 O .5 .5 .5 1 -1"), "group -1",
    ),
    "occupancy_unknown": (text(OCCUPANCY, "A Mg 0 0 0 ?", "B O .5 .5 .5 1"), "of A is not known"),
    "occupancy_negative": (text(OCCUPANCY, "A Mg 0 0 0 -1", "B O .5 .5 .5 1"), "of A is -1, not between"),
    "occupancy_2": (text(OCCUPANCY, "A Mg 0 0 0 2", "B O .5 .5 .5 1"), "of A is 2, not between"),
    "occupancy_word": (text(OCCUPANCY, "A Mg 0 0 0 full", "B O .5 .5 .5 1"), "of A is 'full', not a number"),
    "occupancy_half": (text(OCCUPANCY, "A Mg 0 0 0 0.98", "B O .5 .5 .5 1"), r"partly occupied \(Mg:0.98\)"),
    "place_point": (text(TYPE, "A Mg 0 0 0", "B O .5 .5 ."), r"fract_z of B is '\.', not a number"),
    "place_unknown": (text(TYPE, "A Mg 0 0 0", "B O ? .5 .5"), "fract_x of B"),
    "place_comma": (text(TYPE, "A Mg 0 0 0", "B O 0,5 .5 .5"), "fract_x of B is '0,5', not a number"),
    "place_nan": (text(TYPE, "A Mg 0 0 0", "B O nan .5 .5"), "fract_x of B is 'nan', not a number"),
    "dummy_of_an_element": (text(f"{TYPE} calc_flag", "A Mg 0 0 0 d", "H1 H ? ? ? dum"), "H1 is a dummy"),
    "sum_with_more": (cif(NACL, 5.64, more=sum_of("Na Cl2", "4")), "sites are Cl4 Na4, not 4"),
    "sum_with_another_z": (cif(NACL, 5.64, more=sum_of("Na Cl", "8")), r"not 8 \(Z\) times"),
    "asymmetric_unit_as_cell": (cif(CSCL, 5.64, more=sum_of("Cs Cl", "4")), r"not 4 \(Z\) times"),
    "part_of_the_sum": (cif(CSCL, 5.64, more=sum_of("Cs4 Cl4")), "not a whole multiple of"),
    "sum_without_an_element": (cif(NACL, 5.64, more=sum_of("Na")), "sites of Cl, which"),
    "sum_off_by_one": (
        text(TYPE, *(f"H{i} H {i % 5 / 5} {i // 5 / 5} 0" for i in range(24)), "O1 O .5 .5 .5",
             more=sum_of("H25 O"), a=8), "sites are H24 O1, not a whole multiple",
    ),
    "overlap_of_a_pair": (text(TYPE, "A Si 0 0 0", "B Si 0 0 0.15"), "Si-Si at 0.90 angstrom, closer than 1.11"),
    "overlap_of_images": (
        text(TYPE, "A Si 0.05 0 0", operations=("x,y,z", "-x,-y,-z")), "Si-Si at 0.60 angstrom",
    ),
    "alone": (text(TYPE, "Ar1 Ar 0 0 0", a=30), "an atom alone: Ar has no other atom within 12"),
    "thin": (text(TYPE, "A H 0 0 0", a=0.01), "the unit cell is 0.01 angstrom thin"),
    "listed_twice_by_symmetry": (
        text(TYPE, "A O .2 .5 .5", "B O .8 .5 .5", operations=("x,y,z", "-x,-y,-z")),
        "atoms share one site",
    ),
    "values_missing": (cif().replace("0.5 0.5 0.5 1", "0.5 0.5"), "the loop_ of _atom_site_.*: 10 values for 6"),
    "name_without_quotes": (
        cif(more="_symmetry_space_group_name_H-M P 1"), "'1' after _symmetry_space_group_name_h-m",
    ),
    "cell_twice": (cif(more="_cell_length_a 5"), "_cell_length_a is given twice"),
    "cell_unknown": (cif(a="?"), r"_cell_length_a is '\?', not a number"),
    "atoms_twice": (cif() + cif().split("\n", 1)[1].replace(" Cs", " Li"), "is given twice"),
}  # fmt: skip
"""Name -> (text, what the reason says)."""


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_certain_is_refused_with_the_reason(name):
    content, reason = REFUSED[name]
    with pytest.raises(ValueError, match=reason) as caught:
        read_cif(content)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 250


def test_what_is_left_out_or_rounded_is_noted():
    assert "occupancy '.' read as 1" in read_cif(READ["occupancy_point"][0]).note
    assert "dummy X1 left out" in read_cif(READ["dummy"][0]).note
    assert "Li1 of occupancy 0 left out" in read_cif(READ["occupancy_0"][0]).note
    assert "moved onto special positions, by 0.00" not in read_cif(READ["thirds"][0]).note
    odd = cif(NACL, 5.64, more=sum_of("a salt"))
    assert "_chemical_formula_sum 'a salt' was not compared" in read_cif(odd).note
    assert read_cif(cif(NACL, 5.64, more=sum_of("Na4 Cl4", "4"))).note == ""


@pytest.mark.parametrize("digits", [2, 3, 4])
def test_atoms_on_rounded_special_positions_are_moved_onto_them(digits):
    """Corundum in hexagonal axes, moved by (1/3, 2/3, 2/3): 30 sites; Al at (1/3, 2/3, z)."""
    third, two = round(1 / 3, digits), round(2 / 3, digits)
    content = text(
        TYPE, f"Al1 Al {third} {two} {round(2 / 3 + 0.3522, 5)}", f"O1 O {round(1 / 3 + 0.3063, digits)} {two} {round(2 / 3 + 0.25, digits)}",
    ).replace("_length_c 6.0", "_length_c 12.99").replace("6.0", "4.76").replace("gamma 90", "gamma 120")  # fmt: skip
    content = content.replace(
        "loop_\n_symmetry_equiv_pos_as_xyz\nx,y,z", "_space_group_name_H-M_alt 'R -3 c :H'"
    )
    if digits == 2:  # off by 0.03 angstrom
        assert "moved onto special positions" in read_cif(content).note
    read = read_cif(content)
    assert (read.formula, len(read.cell[1])) == ("Al2O3", 30)
    aluminium = read.cell[2][read.cell[1] == 13]
    exact = np.abs(aluminium[:, :2] * 3 - np.round(aluminium[:, :2] * 3))
    assert exact.max() < 1e-9


@pytest.mark.parametrize(
    "label", ["OH1", "HO1", "NO3", "T1", "M1", "X", "POX", "Wat", "OW", "CA1", "CO1"]
)
def test_no_label_becomes_another_element(label):
    """Whatever is not certain is refused, with any other atom."""
    for other in ("Fe1", "NA1", "Si1"):
        with pytest.raises(ValueError, match=r"_atom_site_type_symbol|hydrogen without"):
            read_cif(text(LABEL, f"{other} 0 0 0", f"{label} .5 .5 .5"))


@given(
    st.sampled_from(["Na", "Cl", "Fe", "Ho", "O", "H", "C", "Co", "Cs", "U"]),
    st.text("0123456789ABab'+-*", max_size=4),
)
def test_a_label_that_begins_with_an_element_is_that_element(symbol, rest):
    if rest[:1].isalpha():
        rest = f"1{rest}"
    (place,) = structures(text(LABEL, f"{symbol}{rest} 0 0 0", a=4.5)).values()
    assert place.formula.rstrip("2") == symbol


def test_the_blocks_of_a_text_are_by_name_and_those_without_atoms_are_not_among_them():
    content = "".join(
        ["data_global\n_publ_section_title\n;\n A title with ' quote\ndata_none\n;\n",
         cif().replace("data_test", "data_one"), "data_pd\nloop_\n_pd_meas_2theta\n10\n11\n",
         cif(NACL, 5.64).replace("data_test", "data_one"),
         "data_template\n_atom_site_label ?\n_atom_site_fract_x ?\n"]
    )  # fmt: skip
    read = structures(content)
    assert {name: each.formula for name, each in read.items()} == {"one": "CsCl", "one_2": "NaCl"}


def test_a_block_that_cannot_be_read_does_not_vanish_beside_others():
    content = cif() + cif().replace("data_test", "data_bad").replace("0.5 0.5 0.5 1", "0.5")
    read = structures(content)
    assert list(read) == ["test", "bad"] and "values for 6 columns" in read["bad"]


@pytest.mark.parametrize("coding", ["latin-1", "cp1252", "utf-8", "utf-8-sig", "utf-16"])
def test_a_text_in_any_coding_is_read(coding):
    raw = cif(NACL, 5.64, more="_publ_author_name 'Müller, Å.'").encode(coding)
    assert read_cif(decode(raw)).formula == "NaCl"


def test_binary_content_is_refused():
    for raw in (b"data_\x00", b"\xff\xfe\x00"):
        with pytest.raises(ValueError, match="not a text file"):
            decode(raw)


def test_values_are_those_of_the_syntax():
    (block,) = blocks(
        "data_a\n_a 'it''s'\n_b \"x # y\" # z\n_C.d\n;one\n two\n;\nloop_\n_e\n_f\n1 '_g'\n2 \"loop_\"\n_h\n_i .\n"
    )
    assert block.values["_a"] == "it''s" and block.values["_b"] == "x # y"
    assert block.values["_c_d"] == "one\n two"
    assert block.values["_e"] == ["1", "2"] and block.values["_f"] == ["_g", "loop_"]
    assert block.values["_h"] == "?" and block.text("_i") == "" and not block.fault


@given(st.floats(-1e6, 1e6), st.integers(0, 99))
def test_numbers_are_read_with_their_uncertainty(value, uncertainty):
    assert number(f"{value:.6f}({uncertainty})", "x") == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ("C1 H4 O", {"C": 1, "H": 4, "O": 1}), ("LiFePO4", {"Li": 1, "Fe": 1, "P": 1, "O": 4}),
        ("CO2", {"C": 1, "O": 2}), ("CO O2", {"Co": 1, "O": 2}), ("D2 O", {"H": 2, "O": 1}),
        ("H1 D1 O1", {"H": 2, "O": 1}), ("Fe0.95 O", {"Fe": 0.95, "O": 1}), ("NA1 CL1", {"Na": 1, "Cl": 1}),
        ("(Mg,Fe) O", {}), ("?", {}), ("a salt", {}), ("Xx2 O", {}), ("Na . Cl", {}), ("H0 O", {"O": 1}),
    ],
)  # fmt: skip
def test_formula_sums_are_read(stated, expected):
    assert stated_formula(Block("x", {"_chemical_formula_sum": stated})) == expected
