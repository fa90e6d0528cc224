"""Charge balance: textbook compounds balance, false ones do not, and how many of the embedded do."""

import numpy as np
import pytest

from data.datasets.oqmd_icsd import oqmd_icsd
from data.representations.composition import atomic_fractions
from zoo.charge_balance import KINDS, charge_balance, imbalance, oxidation_states, shares

_TEXTBOOK = """
    NaCl KBr LiF CsI MgO CaO SrO BaO BeO ZnO CdO HgO CuO Cu2O NiO CoO FeO Fe2O3 Fe3O4 MnO Mn2O3
    MnO2 Mn3O4 Co3O4 Cr2O3 CrO2 CrO3 V2O3 VO2 V2O5 VO TiO TiO2 Ti2O3 Ti4O7 ZrO2 HfO2 Nb2O5 NbO2
    Ta2O5 MoO2 MoO3 WO2 WO3 ReO3 Re2O7 RuO2 RuO4 OsO2 OsO4 IrO2 PdO PtO2 Ag2O AgO Au2O3 Al2O3
    Ga2O3 In2O3 Tl2O Tl2O3 SiO2 GeO2 SnO SnO2 PbO PbO2 Pb3O4 As2O3 As2O5 Sb2O3 Sb2O5 Sb2O4 Bi2O3
    SeO2 TeO2 SO2 SO3 P2O5 B2O3 CO2 CO H2O H2O2 N2O5 Cl2O7 Y2O3 La2O3 CeO2 Ce2O3 Pr6O11 Tb4O7
    Eu2O3 EuO UO2 UO3 U3O8 ThO2 Li2O Na2O Li2O2 Na2O2 K2O BaO2 KO2 NaO2 CsO2 KO3 Cu2S CuS FeS
    FeS2 MoS2 WS2 ZnS CdS PbS SnS SnS2 Ag2S HgS Bi2S3 Sb2S3 As2S3 TiS2 NiS MnS CoS2 Na2S Na2S2
    Na2S4 K2S5 CdSe PbTe Bi2Te3 GaAs InP GaN AlN BN Si3N4 InSb GaSb Li3N Mg3N2 Ca3N2 TiN NaN3
    AgN3 PbN6 TiC SiC CaC2 Al4C3 WC NaH CaH2 LiAlH4 NaBH4 MgH2 NH3 CH4 HCl HF PCl3 PCl5 SF6 SF4
    XeF2 XeF4 UF6 WF6 TiCl4 FeCl2 FeCl3 CuCl CuCl2 AlCl3 SnCl2 SnCl4 PbI2 HgCl Hg2Cl2 HgCl2
    AuCl3 PtCl2 CaF2 CaCO3 Na2CO3 CaSO4 BaSO4 KNO3 NaNO2 KClO3 KClO4 NaClO KBrO3 KIO3 KMnO4
    K2MnO4 K2Cr2O7 K2CrO4 Na2S2O3 Na2SO3 Na3PO4 LiFePO4 LiCoO2 LiMn2O4 LiNiO2 Li4Ti5O12 BaTiO3
    SrTiO3 CaTiO3 PbTiO3 LaMnO3 SrFeO3 BiFeO3 YBa2Cu3O7 La2CuO4 MgAl2O4 CuFeO2 ZnFe2O4
    Ca3Al2Si3O12 Mg2SiO4 ZrSiO4 NaAlSi3O8 Ca5P3O13H KAl3Si3O12H2 NaOH Ca(OH)2 NH4Cl NH4NO3
    CsPbI3 CH3NH3PbI3 Li6PS5Cl Li10GeP2S12 Li7La3Zr2O12 CuInSe2 Cu2ZnSnS4 CsI3 K4Fe(CN)6 KSCN
    Mg2Si CuFeS2 FeAsS CoAs3 EuS Eu3S4 SmS CeS GdN La2O2S BiOCl TlBr InCl NbCl5 MoCl5 VCl3 VOCl3
    CrCl2 CrO2Cl2 AgF2 NiO2 Li2NiO3 NaCoO2 Na2IrO3 Sr2IrO4 SrRuO3 Ba2YIrO6 TlCl3 CuSO4.5H2O
    LiNi0.8Mn0.1Co0.1O2 La0.7Sr0.3MnO3 Li0.5CoO2 WO2.9 Li3.3SnS3.3Cl0.7
"""
TEXTBOOK = _TEXTBOOK.split()
_FALSE = """
    NaCl2 Na3Cl MgCl CaF CaF3 AlO Al3O2 KCl3 ZnO3 ZnCl Na2Cl NaO4 AlF2 AlF4 Li2F Li3O CaO3 SrO3
    NaF2 BaCl3 Y3O MgF3 ScF5 LiAlO3 NaAlO4 Mg3O2 K3O Cs3Cl BeO2F LiZnF5 KAlF6 Al2O5 InF5 HfF7
    TaF8 ThO4 Al3O4 LaF4 BaF
"""
FALSE = _FALSE.split()


def kinds(formulas):
    return charge_balance(atomic_fractions(formulas)).kind


@pytest.mark.parametrize("formula", TEXTBOOK)
def test_a_textbook_compound_is_balanced(formula):
    assert imbalance(formula) == 0
    assert kinds([formula]) == ["balanced"]


@pytest.mark.parametrize("formula", FALSE)
def test_what_breaks_every_known_state_is_not(formula):
    assert imbalance(formula) > 0.01
    assert kinds([formula]) == ["not"]


@pytest.mark.parametrize(
    ("kind", "formulas"),
    [
        ("uncharged", ["Fe", "Cu3Au", "Mg2Sn", "NiAl", "LaNi5", "Fe3C", "Fe2P", "TiB2", "S8", "CsAu"]),
        ("possible", ["MgB2", "CaB6", "B4C", "N2O", "NO", "NO2", "NaSi", "CaTiO5"]),
    ],
)  # fmt: skip
def test_metals_stand_apart_and_rare_states_are_possible(kind, formulas):
    assert set(kinds(formulas)) == {kind}


@pytest.mark.parametrize(
    ("formula", "charge"),
    [
        ("NaCl2", 1 / 3),
        ("Na3Cl", 1 / 2),
        ("Al3O4", 1 / 7),
        ("MgF3", 1 / 4),
        ("Fe2O4.5", 1 / 6.5),  # Fe(IV) at most, as in SrFeO3
    ],
)
def test_what_is_left_of_charges_is_counted_by_hand(formula, charge):
    assert imbalance(formula) == pytest.approx(charge, abs=1e-6)


def test_many_at_once_are_as_one_by_one():
    formulas = [*TEXTBOOK, *FALSE, "Fe", "MgB2"]
    together = charge_balance(atomic_fractions(formulas))
    for i, formula in enumerate(formulas):
        alone = charge_balance(atomic_fractions([formula]))
        assert alone.kind[0] == together.kind[i]
        assert alone.imbalance[0] == pytest.approx(together.imbalance[i], abs=1e-12)
    assert len(charge_balance(np.empty((0, 100))).kind) == 0


def test_integer_states_of_pymatgen_agree_where_it_finds_any():
    """pymatgen tries the states of the ICSD, and mixes those of one element."""
    from pymatgen.core import Composition

    whole = [f for f in TEXTBOOK if "." not in f and Composition(f).num_atoms <= 12]
    guessed = [f for f in whole if Composition(f).oxi_state_guesses()]
    assert len(guessed) > 150
    assert not {f for f in guessed if imbalance(f) > 0}
    assert sum(not Composition(f).oxi_state_guesses() for f in FALSE) > 30


def test_the_most_frequent_state_comes_first():
    assert oxidation_states("Sn")[:2] == (4, 2)
    assert oxidation_states("O") == (-2,)
    assert oxidation_states("Fe")[:2] == (3, 2)
    assert 8 in oxidation_states("Os") and min(oxidation_states("Na")) == 1


def test_the_shares_of_the_embedded_compounds_are_the_figure_of_merit():
    """By the common states alone, one an element, 46.6 % were balanced."""
    formulas = oqmd_icsd()["formula"].values.astype(str)
    found = shares(formulas)
    assert sum(found.values()) == pytest.approx(1)
    assert tuple(found) == KINDS
    assert found["balanced"] == pytest.approx(0.696, abs=0.01)
    assert found["possible"] == pytest.approx(0.023, abs=0.01)
    assert found["uncharged"] == pytest.approx(0.263, abs=0.01)
    assert found["not"] == pytest.approx(0.018, abs=0.01)
    oxides = shares([text for text in formulas if "O" in atoms(text)])
    assert oxides["balanced"] == pytest.approx(0.97, abs=0.01)


def test_shuffled_amounts_are_balanced_far_less_often():
    fractions = atomic_fractions(oqmd_icsd()["formula"].values[::10].astype(str))
    rng = np.random.default_rng(0)
    true = charge_balance(fractions).kind
    for row in fractions:
        present = np.flatnonzero(row)
        row[present] = row[rng.permutation(present)]
    false = charge_balance(fractions).kind
    assert (true == "balanced").mean() - (false == "balanced").mean() > 0.25
    assert (false == "not").mean() > 10 * (true == "not").mean()


def atoms(formula: str) -> set[str]:
    from data.element_sets import parse_formula

    return set(parse_formula(formula))
