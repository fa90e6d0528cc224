"""Powder diffraction: Bragg's law, what must not change a pattern, and pymatgen beside it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.analysis.diffraction.xrd import XRDCalculator
from pymatgen.core import Lattice

from data import powder, reflections
from data.crystals import Crystals
from data.datasets.oqmd_icsd import oqmd_icsd
from data.element_sets import ATOMIC_NUMBERS
from data.powder import CU_KA, Scan, patterns, peaks
from data.symmetry import CRYSTAL_SYSTEMS
from framework.base.errors import UserError
from tests.data.cifs import CSCL, NACL

DIAMOND = tuple(
    ("Si", x + d, y + d, z + d)
    for d in (0.0, 0.25)
    for x, y, z in ((0, 0, 0), (0, 0.5, 0.5), (0.5, 0, 0.5), (0.5, 0.5, 0))
)


def cell(sites, lattice):
    numbers = np.array([ATOMIC_NUMBERS[site[0]] for site in sites], np.uint8)
    return np.asarray(lattice, float), numbers, np.array([site[1:] for site in sites], float)


def one(sites, lattice) -> Crystals:
    return Crystals.pack([cell(sites, lattice)])


@pytest.fixture(scope="module")
def embedded():
    return oqmd_icsd()


@pytest.fixture(scope="module")
def crystals(embedded) -> Crystals:
    return Crystals.from_dataset(embedded)


@st.composite
def cells(draw):
    """Any crystal of up to four atoms."""
    edge, angle = st.floats(3, 8), st.floats(65, 115)
    lattice = Lattice.from_parameters(*[draw(edge) for _ in "abc"], *[draw(angle) for _ in "abc"])
    site = st.tuples(st.sampled_from(["Li", "O", "Fe", "Cf"]), *[st.floats(0, 1)] * 3)
    return cell(draw(st.lists(site, min_size=1, max_size=4)), lattice.matrix)


def scattering(symbol: str, s: np.ndarray) -> np.ndarray:
    """The scattering factor by its formula, from pymatgen's own table."""
    from pymatgen.analysis.diffraction.xrd import ATOMIC_SCATTERING_PARAMS

    a, b = np.array(ATOMIC_SCATTERING_PARAMS[symbol]).T
    gaussians = (a * np.exp(-b * s[:, None] ** 2)).sum(axis=1)
    return ATOMIC_NUMBERS[symbol] - 41.78214 * s**2 * gaussians


# known crystals


@pytest.mark.parametrize(
    ("sites", "a", "planes"),
    [
        (DIAMOND, 5.431, {"111": 8, "220": 12, "311": 24, "400": 6, "331": 24, "422": 24}),
        (NACL, 5.640, {"111": 8, "200": 6, "220": 12, "311": 24, "222": 8, "400": 6}),
        (CSCL, 4.123, {"100": 6, "110": 12, "111": 8, "200": 6, "210": 24, "211": 24}),
    ],
    ids=["Si", "NaCl", "CsCl"],
)
def test_cubic_crystals_reflect_where_bragg_says_and_only_there(sites, a, planes):
    (found,) = peaks(one(sites, a * np.eye(3)))
    d = np.array([a / np.linalg.norm([int(i) for i in plane]) for plane in planes])
    first = slice(0, len(planes))
    assert found.d[first] == pytest.approx(d, rel=1e-12)
    assert found.two_theta[first] == pytest.approx(2 * np.degrees(np.arcsin(CU_KA / 2 / d)))
    assert found.multiplicity[first].tolist() == list(planes.values())
    shown = ["".join(map(str, sorted(np.abs(hkl), reverse=True))) for hkl in found.hkl[first]]
    assert shown == list(planes)


def test_rock_salt_is_strongest_at_200_and_its_odd_planes_are_weak():
    (found,) = peaks(one(NACL, 5.64 * np.eye(3)))
    assert found.two_theta[found.intensity.argmax()] == pytest.approx(31.7, abs=0.05)
    assert found.intensity[0] < 12 and found.intensity.max() == 100


@given(cells())
@settings(max_examples=25, deadline=None)
def test_intensities_are_those_of_a_plain_sum_over_sites(drawn):
    lattice, numbers, positions = drawn
    symbols = [next(s for s, z in ATOMIC_NUMBERS.items() if z == n) for n in numbers]
    (found,) = peaks(Crystals.pack([drawn]), first=10)
    g = np.linalg.norm(found.hkl @ np.linalg.inv(lattice).T, axis=1)
    assert 1 / g == pytest.approx(found.d, rel=1e-9)
    amplitude = sum(
        scattering(symbol, g / 2) * np.exp(2j * np.pi * (found.hkl @ x))
        for symbol, x in zip(symbols, positions, strict=True)
    )
    theta = np.arcsin(CU_KA * g / 2)
    lorentz = (1 + np.cos(2 * theta) ** 2) / (np.sin(theta) ** 2 * np.cos(theta))
    single = np.flatnonzero(found.multiplicity == 2)  # others sum planes of other |F|
    expected = (abs(amplitude) ** 2 * lorentz)[single]
    if len(single) > 1:
        strongest = expected.argmax()
        scale = found.intensity[single][strongest] / expected[strongest]
        assert found.intensity[single] == pytest.approx(expected * scale, rel=1e-8, abs=1e-9)


# pymatgen


def test_peaks_are_those_of_pymatgen_in_all_seven_crystal_systems(embedded, crystals):
    rng = np.random.default_rng(0)
    groups, sizes = embedded["space_group"].values, embedded["n_sites"].values
    index = []
    for low, high in CRYSTAL_SYSTEMS.values():
        system = np.flatnonzero((groups >= low) & (groups <= high))
        small = system[sizes[system] <= 16]
        index += [*rng.choice(small, 40, replace=False), *rng.choice(system, 4, replace=False)]
    assert len(index) >= 300
    ours = peaks(crystals.take(index), CU_KA, 10, 90)
    calculator = XRDCalculator()
    for i, found in zip(index, ours, strict=True):
        theirs = calculator.get_pattern(crystals.structure(i), two_theta_range=(10, 90))
        assert found.two_theta == pytest.approx(theirs.x, rel=0, abs=1e-9), i
        assert found.d == pytest.approx(theirs.d_hkls, rel=1e-9), i
        assert found.intensity == pytest.approx(theirs.y, rel=1e-6), i
        families = [sum(family["multiplicity"] for family in peak) for peak in theirs.hkls]
        assert found.multiplicity.tolist() == families, i


@pytest.mark.parametrize(("radiation", "first", "last"), [("MoKa", 5, 60), ("CrKa", 0, 150)])
def test_other_wavelengths_and_ranges_agree_with_pymatgen_too(crystals, radiation, first, last):
    calculator = XRDCalculator(radiation)
    index = [2, 9, 12, 100]
    ours = peaks(crystals.take(index), calculator.wavelength, first, last)
    for i, found in zip(index, ours, strict=True):
        theirs = calculator.get_pattern(crystals.structure(i), two_theta_range=(first, last))
        assert found.two_theta == pytest.approx(theirs.x, rel=0, abs=1e-9)
        assert found.intensity == pytest.approx(theirs.y, rel=1e-6)


# what must not change a pattern


@given(cells(), st.randoms(use_true_random=False))
@settings(max_examples=25, deadline=None)
def test_a_pattern_belongs_to_the_crystal_not_to_its_description(drawn, random):
    lattice, numbers, positions = drawn
    rng = np.random.default_rng(random.randrange(2**32))
    order = rng.permutation(len(numbers))
    rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    other_cell = np.array([[1, 1, 0], [0, 1, 0], [1, 0, 1]])  # of determinant 1
    corners = np.array([[0, 0, 0], [1, 0, 0]]) / [2, 1, 1]
    descriptions = [
        drawn,
        (lattice, numbers[order], positions[order]),
        (lattice @ rotation, numbers, positions),
        (lattice, numbers, positions + rng.normal(size=3)),
        (lattice, numbers, -positions),  # Friedel's law
        (lattice, numbers, positions + rng.integers(-3, 4, size=positions.shape)),
        (other_cell @ lattice, numbers, positions @ np.linalg.inv(other_cell)),
        (
            lattice * [[2], [1], [1]],
            np.tile(numbers, 2),
            np.concatenate([positions / [2, 1, 1] + corner for corner in corners]),
        ),
    ]
    drawn_patterns = patterns(Crystals.pack(descriptions), Scan(step=0.1))
    assert drawn_patterns == pytest.approx(np.tile(drawn_patterns[0], (8, 1)), abs=2e-6)


def test_a_pattern_depends_on_its_crystal_alone_to_the_bit(crystals):
    some = crystals.take(np.arange(0, 32_000, 800))
    whole = patterns(some, Scan())
    np.testing.assert_array_equal(patterns(some, Scan(), reversed(range(len(some)))), whole)
    for i in (0, 3, 39):
        np.testing.assert_array_equal(patterns(some.take([i]), Scan())[0], whole[i])


def test_large_cells_go_through_small_tables_to_the_same_pattern(crystals, monkeypatch):
    some = crystals.take([0, 3, 20])
    whole = patterns(some, Scan())
    found = peaks(some)
    monkeypatch.setattr(powder, "BLOCK", 1500)
    monkeypatch.setattr(reflections, "BLOCK", 1500)
    assert patterns(some, Scan()) == pytest.approx(whole, abs=1e-6)
    for before, now in zip(found, peaks(some), strict=True):
        assert now.intensity == pytest.approx(before.intensity)
        np.testing.assert_array_equal(now.hkl, before.hkl)


# profiles


def test_a_pattern_is_the_sum_of_gaussians_at_the_peaks(crystals):
    some = crystals.take([1, 5, 77])
    scan = Scan(first=20, last=80, step=0.02, broadening=0.1)
    for pattern, found in zip(patterns(some, scan), peaks(some, CU_KA, 0, 120), strict=True):
        distance = scan.two_theta[:, None] - found.two_theta
        expected = np.exp(-(distance**2) / (2 * 0.1**2)) @ found.intensity
        assert pattern.max() == 1 and pattern.dtype == np.float32
        assert pattern == pytest.approx(expected / expected.max(), abs=1e-4)  # weak peaks left out


@pytest.mark.parametrize(("profile", "left_out"), [("gaussian", 1e-6), ("lorentzian", 1e-3)])
def test_flanks_of_peaks_beyond_both_ends_are_drawn(crystals, profile, left_out):
    """A short scan is a piece of a long one, wherever it is cut."""
    some = crystals.take(np.arange(0, 3000, 100))
    long = patterns(some, Scan(first=5, last=120, profile=profile))
    for first in (20.0, 31.7, 45.25):
        scan = Scan(first=first, last=first + 30, profile=profile)
        start = round((first - 5) / 0.05)
        piece = long[:, start : start + scan.points].astype(float)
        short = patterns(some, scan)
        shown = piece.max(axis=1) > 0.05  # where there is more than a distant flank
        scaled = piece[shown] / piece[shown].max(axis=1, keepdims=True)
        assert shown.sum() > 20 and short[shown] == pytest.approx(scaled, abs=left_out)


def test_a_crystal_without_a_peak_in_reach_has_a_pattern_of_zeros():
    tiny = one((("Fe", 0, 0, 0),), 1.0 * np.eye(3))
    assert not patterns(tiny, Scan(last=60)).any()
    (found,) = peaks(tiny, last=60)
    assert len(found.two_theta) == len(found.hkl) == 0
    assert patterns(tiny.take([]), Scan()).shape == (0, 1601)


def test_the_grid_holds_both_ends():
    assert Scan().points == 1601
    assert Scan().two_theta[[0, -1]] == pytest.approx([10, 90])
    assert Scan(first=10, last=10.3, step=0.1).points == 4  # 0.3 / 0.1 is 2.9999999999999996


# what cannot be drawn


def test_elements_without_parameters_and_endless_reflections_are_explained():
    both = Crystals.pack([cell((("Es", 0, 0, 0),), 4 * np.eye(3)), cell(CSCL, 4 * np.eye(3))])
    for function in (lambda: peaks(both), lambda: patterns(both, Scan())):
        with pytest.raises(UserError, match=r"parameters for Es, which 1 of 2 crystals hold"):
            function()
    with pytest.raises(
        UserError, match=r"a cell of 1,000,000,000 cubic angstrom .* raise the wave"
    ):
        peaks(one(CSCL, 1000 * np.eye(3)))
