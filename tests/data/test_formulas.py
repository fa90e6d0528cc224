"""Formulas: read as meant, or refused with the reason; never two meanings in silence."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.capitals import doubtful
from data.datasets.formula_csv import formula_csv
from data.datasets.mp_transport import mp_transport
from data.datasets.oqmd_icsd import oqmd_icsd
from data.element_sets import SYMBOLS, parse_formula
from framework.contracts.dataset import unusable_rows

HYDRATE = {"Cu": 1, "S": 1, "O": 9, "H": 10}
HALF_HYDRATE = {"Ca": 1, "S": 1, "O": 4.5, "H": 1}
# fmt: off
READ = [
    *[(text, HYDRATE) for text in (
        "CuSO4.5H2O", "CuSO4·5H2O", "CuSO4*5H2O", "CuSO4 · 5 H2O", "CuSO4 . 5 H2O", "CuSO4 * 5H2O", "CuSO4∙5H2O",
        "CuSO4⋅5H2O", "CuSO4•5H2O", "CuSO4·5(H2O)", "CuSO4.5(H2O)", "CuSO₄·5H₂O", "CuSO4.5H2O "
    )],
    *[(text, HALF_HYDRATE) for text in (
        "CaSO4.0.5H2O", "CaSO4·0.5H2O", "CaSO4·½H2O", "CaSO4·1/2H2O", "CaSO4*0.5H2O", "CaSO4 · 0.5 H2O"
    )],
    ("Zn(NO3)2.6H2O", {"Zn": 1, "N": 2, "O": 12, "H": 12}),
    ("Ba(OH)2.8H2O", {"Ba": 1, "O": 10, "H": 18}),
    ("KAl(SO4)2.12H2O", {"K": 1, "Al": 1, "S": 2, "O": 20, "H": 24}),
    ("FeSO4.(NH4)2SO4.6H2O", {"Fe": 1, "S": 2, "O": 14, "N": 2, "H": 20}),
    ("Na2Si2O5.2.5H2O", {"Na": 2, "Si": 2, "O": 7.5, "H": 5}),
    ("LiOH.H2O", {"Li": 1, "O": 2, "H": 3}),
    ("Fe2O3·H2O", {"Fe": 2, "O": 4, "H": 2}),
    ("CaO.Al2O3", {"Ca": 1, "O": 4, "Al": 2}),
    ("3CaO·Al2O3", {"Ca": 3, "O": 6, "Al": 2}),
    ("0.3Li2MnO3·0.7LiMn0.5Ni0.5O2", {"Li": 1.3, "Mn": 0.65, "O": 2.3, "Ni": 0.35}),
    ("Li3.3SnS3.3Cl0.7", {"Li": 3.3, "Sn": 1, "S": 3.3, "Cl": 0.7}),
    ("Cs.5Rb0.5Cl", {"Cs": 0.5, "Rb": 0.5, "Cl": 1}),
    ("Zn0.5H2O", {"Zn": 0.5, "H": 2, "O": 1}),
    ("Li2.5H2O", {"Li": 2.5, "H": 2, "O": 1}),
    ("Li2.O1.", {"Li": 2, "O": 1}),
    ("(Li0.5La0.5)TiO3", {"Li": 0.5, "La": 0.5, "Ti": 1, "O": 3}),
    ("(Bi2(Mg0.667Nb1.333)O7)0.9(SrCO3)0.1", {"Bi": 1.8, "Mg": 0.6003, "Nb": 1.1997, "O": 6.6, "Sr": 0.1, "C": 0.1}),
    ("(NH4)2[FeCl5(H2O)]", {"N": 2, "H": 10, "Fe": 1, "Cl": 5, "O": 1}),
    ("Li2 Mn O3", {"Li": 2, "Mn": 1, "O": 3}),
    ("Li２O", {"Li": 2, "O": 1}),  # noqa: RUF001
    ("Li<sub>2</sub>O", {"Li": 2, "O": 1}),
    ("Li$_{0.5}$CoO$_2$", {"Li": 0.5, "Co": 1, "O": 2}),
    ("Fe9e-05Ni0.99991", {"Fe": 0.00009, "Ni": 0.99991}),
    ("LiNi1/3Mn1/3Co1/3O2", {"Li": 1, "Ni": 1 / 3, "Mn": 1 / 3, "Co": 1 / 3, "O": 2}),
    ("La2/3TiO3", {"La": 2 / 3, "Ti": 1, "O": 3}),
    ("Dy3N@C80", {"Dy": 3, "N": 1, "C": 80}),
    ("COO", {"C": 1, "O": 2}),
    ("CoO", {"Co": 1, "O": 1}),
]
REFUSED = {
    "may be a decimal point": ("Al2O3.2SiO2", "MgCl2.6NH3", "Na2O.11Al2O3", "Li7.0Bi1.0O6.0.5H2O", "CuSO4.5D2O", "CaSO4.30H2O"),
    "a variable amount": ("Li1-xCoO2", "LixCoO2", "YBa2Cu3O7-δ", "YBa2Cu3O7-d", "YBa2Cu3O6+x", "La1-xSrxMnO3", "Ba1−xKxFe2As2", "Fe2O3·nH2O", "SiO2·xH2O", "Nax", "Li1+xNi"),  # noqa: RUF001
    "a slash, as in a composite": ("LiFePO4/C", "TiO2/SiO2", "Si/C"),
    "a fraction or a composite": ("LiFePO4/5C",),
    "as before a dopant": ("Y2O3:Eu3+", "CaF2:Eu", "LiFePO4:C", "GaN:Mg"),
    "a percentage": ("LiFePO4 5%",),
    "a charge": ("Na+", "Fe3+2O3", "SO4 2-", "SO42-", "Ca2+", "Cl-", "Mn2+O2-", "Cu2+Cl2", "LiFePO4+C"),
    "a superscript": ("Na⁺", "⁷Li2O", "PO4^3-"),
    "an oxidation state": ("Fe(III)2O3", "Fe(II)O", "Cu(I)Cl"),
    "in front may be a mass number": ("7Li2O", "6Li2CO3", "7Li2O·B2O3", "11B2O3", "2H2O", "12"),
    "isotopes of hydrogen are written H": ("D2O", "T2O", "LiD"),
    "the name of a phase": ("α-Fe2O3", "t-ZrO2", "alpha-SiO2"),  # noqa: RUF001
    "a hyphen or plus": ("Li-Cl", "Li2S-P2S5", "0.75Li2S-0.25P2S5"),
    "words": ("Lonsdaleite", "SiO2 (quartz)", "SrTiO3 thin film", "lithium", "nan", "unknown"),
    "a comma": ("Pb(Zr,Ti)O3", "(Mg,Fe)2SiO4"),
    "after a blank": ("Li 2 O", "Ca(OH) 2"),
    "a blank between numbers": ("CuSO4 5H2O",),
    "a bracket is not closed": ("Li(", "Ca(OH"),
    "brackets do not match": (")Li", "Li)2", "(Li]2"),
    "cannot be read from": ("?", "Li2O;", "Li14ZnGe4O16(2)", "x"),
    "must be above zero": ("Li0O2", "", "()"),
    "is not an element; did you mean": ("Xx2O3", "RE2O3", "LiMO2"),
}
# fmt: on


@pytest.mark.parametrize(("text", "amounts"), READ)
def test_a_formula_is_read_as_a_chemist_reads_it(text, amounts):
    assert parse_formula(text) == pytest.approx(amounts)


@pytest.mark.parametrize(
    ("text", "reason"), [(text, reason) for reason, texts in REFUSED.items() for text in texts]
)
def test_what_is_not_one_formula_is_refused_with_the_reason(text, reason):
    with pytest.raises(ValueError) as refused:
        parse_formula(text)
    assert reason in str(refused.value)
    assert "Traceback" not in str(refused.value) and len(str(refused.value)) < 250


@settings(deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(SYMBOLS[:95]),
        st.one_of(st.integers(1, 30), st.decimals(0.01, 30, places=3)),
        min_size=1,
        max_size=6,
    )
)
def test_what_pymatgen_writes_is_read_as_pymatgen_meant_it(amounts):
    from pymatgen.core import Composition

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        composition = Composition({symbol: float(n) for symbol, n in amounts.items()})
        texts = [composition.formula, composition.alphabetical_formula]
    for text in texts:
        expected = {e.symbol: n for e, n in Composition(text).items()}
        assert parse_formula(text) == pytest.approx(expected)


def test_every_formula_of_the_embedded_sets_is_read_as_by_pymatgen():
    from pymatgen.core import Composition

    formulas = {*oqmd_icsd()["formula"].values, *np.unique(mp_transport()["formula"])[::5]}
    for text in map(str, formulas):
        expected = {e.symbol: n for e, n in Composition(text).items()}
        assert parse_formula(text) == pytest.approx(expected), text


@pytest.mark.parametrize(
    ("formulas", "doubts"),
    [
        (["SIO2", "NIO", "SNO2", "COO"], {"SIO2", "NIO", "SNO2", "COO"}),
        (["FE2O3", "SIO2", "KF", "BN"], {"FE2O3", "SIO2"}),
        (["NACL", "CO2"], {"NACL", "CO2"}),
        (["Fe2O3", "SIO2", "COO"], set()),
        (["CO2", "H2O", "V2O5", "UO2"], set()),
        (["KF", "BN"], set()),
        (["S1I1O2", "NIO", "SIO2"], {"NIO", "SIO2"}),
        ([], set()),
    ],
)
def test_a_file_of_capitals_is_told_rather_than_guessed(formulas, doubts):
    assert set(doubtful(formulas)) == doubts


def test_the_user_sees_both_readings_of_capitals(tmp_path):
    (tmp_path / "x.csv").write_text("formula,gap\nFE2O3,2.1\nSIO2,8.9\nKF,10.8\nLICOO2,2.7\n")
    ds = formula_csv(tmp_path / "x.csv")
    assert ds["formula"].values.tolist() == ["KF"]
    reasons = {row.line: row.reason for row in unusable_rows(ds)}
    assert "did you mean Fe2O3?" in reasons[2]
    assert "'SIO2' may be SiO2 or S1I1O2" in reasons[3]
    assert "did you mean LiCoO2?" in reasons[5]
