"""Objectives: minima from the literature, a table counted by hand, materials never seen before."""

import itertools
import math
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import pdist

from data.element_sets import formula_element_set
from framework.base.errors import UserError
from framework.contracts.objective import Measured, PoolObjective
from framework.registry.registry import OBJECTIVES
from zoo.charge_neutrality import neutral_section
from zoo.composition_map import _Plane, composition_map
from zoo.objectives.test_function import FUNCTIONS

FUNCTION = OBJECTIVES.load("test_function")
TABLE = OBJECTIVES.load("table")
MATERIALS = OBJECTIVES.load("materials")

HULL = """composition,energy_above_hull_mev_per_atom
Li1 Cl1,0
Li2 S1,0
Li2 Cl2,12.5
Li3 S1 Cl1,40
Li6 S2 Cl2,35
Li1 S1 Cl1,90
"""


def hull(text: str = HULL, name: str = "hull.csv", **settings):
    Path(name).write_text(text)
    return TABLE(name, "energy_above_hull_mev_per_atom", **settings)


def reduced(row: str) -> str:
    """ "Li6S1Cl3,1" -> "Li6SCl3"; written here apart from the code."""
    counts = [int(n) for n in re.findall(r"\d+", row.split(",")[0].replace("Cl3", "C3"))]
    lithium, sulfur, chlorine = (n // math.gcd(*counts) for n in counts)
    return "".join(
        f"{symbol}{n if n > 1 else ''}"
        for symbol, n in (("Li", lithium), ("S", sulfur), ("Cl", chlorine))
    )


class TestFunctions:
    @pytest.mark.parametrize(
        ("function", "dimensions", "point", "value"),
        [
            ("branin", 2, (math.pi, 2.275), 0.397887),  # Surjanovic and Bingham
            ("branin", 2, (0, 0), 55.602113),
            ("himmelblau", 2, (3, 2), 0),
            ("himmelblau", 2, (0, 0), 170),
            ("rosenbrock", 3, (1, 1, 1), 0),
            ("rosenbrock", 3, (0, 0, 0), 2),
            ("rosenbrock", 2, (-1, 2), 104),
            ("ackley", 4, (0, 0, 0, 0), 0),
            ("ackley", 2, (1, 1), 20 - 20 * math.exp(-0.2)),
            ("rastrigin", 5, (0,) * 5, 0),
            ("rastrigin", 2, (1, -2), 5),
        ],
    )
    def test_values_are_those_of_the_definitions(self, function, dimensions, point, value):
        objective = FUNCTION(function, dimensions)
        at = dict(zip(objective.space, point, strict=True))
        assert objective.measure(at).values[0] == pytest.approx(value, abs=1e-6)

    @pytest.mark.parametrize("function", FUNCTIONS)
    def test_no_point_is_below_the_known_minimum_and_every_minimum_reaches_it(self, function):
        objective = FUNCTION(function)
        known = FUNCTIONS[function]
        for minimum in known.minima:
            at = dict(zip(objective.space, minimum * 2, strict=False))
            assert objective.measure(at).values[0] == pytest.approx(known.least, abs=1e-9)
            for name, over in objective.space.items():
                middle = (over.low + over.high) / 2
                assert over.low < at[name] < over.high
                assert (
                    abs(at[name] - middle) > 0.05 * (over.high - over.low) or function == "branin"
                )
        draw = np.random.default_rng(0).uniform
        for _ in range(300):
            point = {name: draw(over.low, over.high) for name, over in objective.space.items()}
            assert objective.measure(point).values[0] >= known.least

    def test_two_dimensions_are_two(self):
        with pytest.raises(UserError, match="dimensions: 'branin' has 2, not 3"):
            FUNCTION("branin", 3)


class TestTable:
    def test_a_composition_is_one_candidate_at_its_lowest_energy(self, desk):
        """Counted by hand: of LiCl 0 and 12.5 the first counts, of Li3SCl 40 and 35 the second."""
        found = hull()
        assert dict(zip(found.candidates, found.values, strict=True)) == {
            "LiCl": 0.0,
            "Li2S": 0.0,
            "Li3SCl": 35.0,
            "LiSCl": 90.0,
        }
        assert found.elements == ["Cl", "Li", "S"]
        assert list(found.space) == ["fraction of Cl", "fraction of Li"]
        at = {"fraction of Cl": 0.2, "fraction of Li": 0.6}
        assert found.measure(at) == Measured((35.0,), report={"candidate": "Li3SCl"})
        assert found.axis == "energy above hull (meV/atom)"
        assert found.optimum == 0
        assert list(found.reaches(found.values, 25)) == [True, True, False, False]

    def test_wanted_high_the_highest_row_counts(self, desk):
        found = hull(direction="maximise")
        assert found.values[found.candidates.index("LiCl")] == 12.5
        assert found.optimum == 90

    def test_only_neutral_compositions_with_all_elements_can_be_searched(self, desk):
        """Li2S and LiCl in ten ratios, among what is not neutral; told by counting charges."""
        salts = [f"Li{2 * n + 3}S{n}Cl3,{n}" for n in range(1, 11)]
        others = ["Li2S,1", "LiCl,2", "LiSCl,3", "Li9SCl,4"]
        text = "\n".join([HULL.splitlines()[0], *salts, *others]) + "\n"
        names = hull(text, charge_neutral=True).candidates
        assert sorted(names) == sorted([*map(reduced, salts), "Li2S", "LiCl"])
        inside = hull(text, charge_neutral=True, all_elements=True)
        assert inside.candidates == [reduced(each) for each in salts]
        assert list(inside.space) == ["section 1"]
        assert len(hull(text, all_elements=True)) == 12
        assert "10 compositions of Cl-Li-S (charge-neutral, with all elements)" in inside.summary

    def test_what_is_nowhere_neutral_is_told(self, desk):
        with pytest.raises(UserError, match="charge_neutral: fewer than 10 compositions of hull"):
            hull(charge_neutral=True)
        with pytest.raises(UserError, match="0 of 2 compositions fit"):
            hull("\n".join(HULL.splitlines()[:3]) + "\n", all_elements=True)

    def test_unusable_rows_are_named(self, desk):
        found = hull(HULL + "Li4 S2 Cl,text\nXx,3\n")
        assert len(found) == 4
        assert "'text', not a number" in found.attrs["unusable_rows"]
        assert '"line": 9' in found.attrs["unusable_rows"]

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("composition,hull\nLiCl,1\n", "no column 'energy_above_hull_mev_per_atom'"),
            (HULL.replace("composition", "compositoin"), "no column 'composition'; did you mean 'compositoin'"),
            ("composition,energy_above_hull_mev_per_atom\nLiCl,low\nLi2S,high\n", "none of the 2 rows is usable; line 2: column 'energy_above_hull_mev_per_atom' holds 'low', not a number"),
            ("composition,energy_above_hull_mev_per_atom\nLi,1\nLi2,2\n", "hold only Li, and a phase field has 2 to 8"),
            ("composition,energy_above_hull_mev_per_atom\nLiNaKRbCs,1\nOSSeTeF,2\n", "hold 10 elements"),
        ],
    )  # fmt: skip
    def test_what_is_no_phase_field_is_refused(self, desk, text, told):
        with pytest.raises(UserError, match=r"hull\.csv: ") as refused:
            hull(text)
        assert told in str(refused.value)


class TestMap:
    def test_the_corners_of_the_neutral_section_are_the_neutral_binaries(self):
        elements = ["Cl", "Li", "S", "Sn"]
        salts = {
            "LiCl": (1, 1, 0, 0),
            "Li2S": (0, 2, 1, 0),
            "SnCl4": (4, 0, 0, 1),
            "SnS2": (0, 0, 2, 1),
        }
        corners = np.array([np.array(n) / sum(n) for n in salts.values()])
        mixed = np.random.default_rng(0).dirichlet(np.ones(4), 20) @ corners
        states, found, lying = neutral_section(elements, np.vstack([mixed, np.eye(4)]))
        assert states == (-1, 1, -2, 4)
        assert sorted(map(tuple, found.round(9))) == sorted(map(tuple, corners.round(9)))
        assert list(lying) == [True] * 20 + [False] * 4
        flat = _Plane(found)(mixed)
        for i, j in itertools.combinations(range(5), 2):  # true to scale up to one factor
            apart = np.linalg.norm(mixed[i] - mixed[j]) / np.linalg.norm(flat[i] - flat[j])
            assert apart == pytest.approx(math.sqrt(2), rel=1e-9)
        at = neutral_section(elements, mixed).coordinates(mixed)
        assert at.shape == (20, 2)
        assert np.allclose(pdist(at), pdist(mixed))

    def test_a_field_of_metals_has_no_section(self):
        assert neutral_section(["Li", "Na", "K", "Rb"], np.full((30, 4), 0.25)) is None

    @pytest.mark.parametrize("k", [3, 4])
    @pytest.mark.parametrize("target", [None, 0.5])
    def test_it_is_drawn_with_and_without_a_target(self, desk, k, target):
        fractions = np.random.default_rng(0).dirichlet(np.ones(k), 15)
        values = np.random.default_rng(1).uniform(size=15)
        names = [f"compound {i}" for i in range(15)]
        figure = composition_map(
            ["Li", "Na", "K", "Rb"][:k], fractions, values, "energy (eV)", target, names=names
        )
        figure.savefig("map.png")
        told = [t.get_text() for legend in figure.legends for t in legend.get_texts()]
        hits = [i for i in np.argsort(values) if target is not None and values[i] <= target]
        assert [text.split("  ")[1] for text in told if "  " in text] == [names[i] for i in hits]

    def test_fields_of_other_sizes_have_none(self, desk):
        two = hull("composition,energy_above_hull_mev_per_atom\nLiCl,0\nLi2Cl,9\nLi3Cl,8\n")
        assert two.figures(pd.DataFrame(), 25.0) == {}
        assert list(hull().figures(pd.DataFrame(), 25.0)) == ["composition_map"]


@pytest.fixture
def sixty(desk) -> str:
    """A file of sixty formulas, three of each of twenty element sets, with a property."""
    rows = ["formula,Gap (eV)"]
    pairs = itertools.product(("Li", "Na", "K", "Mg", "Ca"), ("O", "S", "Cl", "F"))
    for i, (metal, anion) in enumerate(pairs):
        rows += [f"{metal}{n}{anion},{i + n / 10}" for n in (1, 2, 3)]
    Path("sixty.csv").write_text("\n".join(rows) + "\n")
    return "sixty.csv"


def materials(data: str, **settings):
    """Of a file, with the encoder's results in the working directory."""
    return MATERIALS(Path("runs"), **{"property": "Gap", "dataset": data, **settings})


def three_components() -> dict:
    return {"name": "pca", "latent_dim": 3, "representation": "composition"}


class TestMaterials:
    def test_element_sets_are_held_out_whole_and_every_value_is_true(self, sixty):
        found = materials(sixty, direction="maximise", encoder=three_components(), fraction=0.25)
        assert isinstance(found, PoolObjective)
        assert len(found) == 15  # five element sets of three compositions
        true = dict(line.split(",") for line in Path(sixty).read_text().split()[2:])
        true = {name.replace("1", ""): float(value) for name, value in true.items()}
        for name, value in zip(found.candidates, found.values, strict=True):
            assert true[name.replace("1", "")] == pytest.approx(value)
        sets = Counter(map(formula_element_set, found.candidates))
        assert list(sets.values()) == [3] * 5
        assert found.axis == "Gap (eV)"
        assert found.points.shape == (15, 3)

    def test_another_seed_holds_out_others(self, sixty):
        one, two = (materials(sixty, seed=seed) for seed in (0, 1))
        assert one.content() != two.content()
        assert one.content() == materials(sixty).content()

    def test_polymorphs_are_one_candidate(self, sixty):
        text = Path(sixty).read_text().replace("Gap (eV)", "Gap (eV),hull_distance").split()
        rows = [" ".join(text[:2])]
        for i, line in enumerate(text[2:]):
            rows += [f"{line},0.5", f"{line.split(',')[0]},77,0.1{i:02d}"]
        Path("twins.csv").write_text("\n".join(rows) + "\n")
        found = materials("twins.csv", fraction=0.25)
        assert len(found) == 15
        assert set(found.values) == {77.0}  # the ones nearer to the hull

    @pytest.mark.parametrize(
        ("settings", "told"),
        [
            ({"property": "Gab"}, "property: 'Gab' is not a property of"),
            ({"fraction": 0.05}, "are held out, and a search needs 10"),
            ({"encoder": "pac"}, "'pac' is not a registered encoder"),
            ({"dataset": "oqmd"}, "'oqmd' is not a registered data set"),
            ({"run": "ffff"}, "'ffff' is not a finished run"),
        ],
    )
    def test_what_cannot_be_held_out_is_refused(self, sixty, settings, told):
        with pytest.raises(UserError) as refused:
            materials(**{"data": sixty, **settings})
        assert told in str(refused.value)
