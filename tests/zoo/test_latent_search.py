"""Searches of a latent space: formulas that keep what was asked, beside what is really known."""

import itertools
import json
import pickle
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
from pymatgen.core import Composition

from data.datasets.oqmd_icsd import oqmd_icsd
from data.element_sets import SYMBOLS, parse_formula
from data.representations.composition import atomic_fractions
from framework.base.errors import UserError
from framework.registry.registry import OBJECTIVES
from tests.conftest import phasezoo, write_yaml
from zoo.charge_balance import imbalance
from zoo.composition_constraints import CompositionConstraints
from zoo.formula_decoder import FormulaDecoder
from zoo.latent_space import LatentSpace

LATENT = OBJECTIVES.load("latent")
ENCODER = {"name": "composition_vae", "beta": 0.01, "epochs": 4, "latent_dim": 6}
SMALL = {"encoder": ENCODER, "sample": 120, "probe": "ridge"}
WIDE_GAP = {"properties": {"band_gap": "maximise", "formation_energy": "minimise"}}


@pytest.fixture(scope="module")
def runs(tmp_path_factory, blank_figures):
    """A folder of results; the encoder is fitted in it once."""
    return tmp_path_factory.mktemp("latent") / "runs"


def latent(runs: Path, **settings):
    return LATENT(runs, **{**WIDE_GAP, **SMALL, **settings})


def drawn(objective, n: int, seed: int = 0):
    """What an objective measures at evenly drawn points."""
    generator = np.random.default_rng(seed)
    for _ in range(n):
        box = objective.space.items()
        yield objective.measure({name: generator.uniform(o.low, o.high) for name, o in box})


class TestTheSpace:
    def test_axes_are_there_and_back(self, runs):
        space = latent(runs).latent_space
        assert isinstance(space, LatentSpace)
        n = space.latents.shape[1]
        along = space.along_axes(space.latents, n)
        assert np.allclose([space.at(row) for row in along], space.latents)
        train = along[space.split.train]
        assert np.allclose(np.cov(train, rowvar=False), np.diag(space.spread(n) ** 2), atol=1e-9)
        assert (np.diff(space.spread(n)) <= 0).all()

    def test_under_the_density_prior_even_draws_are_draws_of_the_fitted_gaussian(self, runs):
        objective = latent(runs)
        space = objective.latent_space
        asked = []

        def decoded(self, latent):
            asked.append(latent)
            return "NaCl", atomic_fractions(["NaCl"])[0], space.latents[0]

        with patch.object(FormulaDecoder, "decoded", decoded):
            list(drawn(objective, 400))
            objective.measure(dict.fromkeys(objective.space, 0.5))
        train = space.latents[space.split.train]
        assert np.allclose(asked.pop(), train.mean(axis=0))
        n = len(objective.space)
        along = space.along_axes(np.array(asked), n)
        assert along.std(axis=0) == pytest.approx(space.spread(n), rel=0.15)
        assert np.abs(np.corrcoef(along, rowvar=False) - np.eye(n)).max() < 0.2

    def test_a_uniform_prior_is_bounded_by_the_training_part(self, runs):
        objective = latent(runs, prior="uniform", axes=3)
        space = objective.latent_space
        train = space.along_axes(space.latents[space.split.train], 3)
        box = [(over.low, over.high) for over in objective.space.values()]
        assert np.allclose(np.transpose(box), [train.min(axis=0), train.max(axis=0)])

    def test_it_is_fitted_once_and_can_be_taken_from_a_run(self, runs):
        space = latent(runs).latent_space
        (cell,) = (runs / "cells").iterdir()
        assert cell.name == space.run
        again = latent(runs, run=space.run[:8]).latent_space
        assert np.array_equal(again.latents, space.latents)
        assert latent(runs).content() == latent(runs, run=space.run).content()

    def test_a_formula_that_is_known_is_told_with_its_true_values(self, runs):
        objective = latent(runs)
        space = objective.latent_space
        i = space.split.holdout[0]
        name = str(space.materials["formula"].values[i])
        told = objective.known.beside(name, space.latents[i], objective.wanted.read)
        assert told["reported"]
        same = space.materials["formula"].values == name
        for key in ("band_gap", "formation_energy"):
            assert told[f"true {key}"] == pytest.approx(
                np.nanmean(space.materials[key].values[same]), rel=1e-5
            )
        assert told["nearest"] != name
        others = np.linalg.norm(space.latents - space.latents[i], axis=1)[~same]
        assert told["nearest at"] == pytest.approx(others.min() / objective.known.unit)

    def test_a_formula_is_judged_as_the_encoder_shows_it(self, runs):
        """Not where the search pointed: the same formula has one value wherever it came from."""
        objective = latent(runs, most_elements=2)
        by_formula = {}
        for found in drawn(objective, 40):
            known = by_formula.setdefault(found.report["formula"], found.values)
            assert found.values == pytest.approx(known, rel=1e-6)
            assert len(parse_formula(found.report["formula"])) <= 2
        assert len(by_formula) < 40

    def test_compositions_and_patterns_are_decoded_together(self, runs):
        parts = {"composition": {"epochs": 1}, "diffraction": {"epochs": 1, "units_1": 16}}
        both = {"name": "concatenated_vae", **parts}
        objective = latent(runs, encoder=both, sample=30, axes=2, at_most={"hull_distance": 9.0})
        (found,) = drawn(objective, 1)
        assert np.isfinite([*found.values, *found.violations.values()]).all()
        i = objective.latent_space.split.holdout[0]
        known = objective.latent_space.latents[i]
        formula, shares, again = objective.decoder.decoded(known)
        assert (shares.sum(), len(again)) == (pytest.approx(1), len(known))
        assert set(parse_formula(formula)) <= set(np.array(SYMBOLS)[np.flatnonzero(shares)])

    def test_it_can_be_sent_to_a_worker(self, runs):
        objective = latent(runs, charge_balanced=True, novel=True)
        again = pickle.loads(pickle.dumps(objective))
        middle = dict.fromkeys(objective.space, 0.3)
        assert again.measure(middle) == objective.measure(middle)


class TestConstraints:
    @pytest.mark.parametrize(
        ("formula", "charge"),
        [
            ("LiCl", 0),
            ("Al2O3", 0),
            ("Li6PS5Cl", 0),
            ("NaCl2", 1 / 3),
            ("Na3Cl", 1 / 2),
            ("Fe3O4", 0),  # one Fe(II), two Fe(III)
            ("Al3O4", 1 / 7),  # three Al(III), one charge too many
        ],
    )
    def test_charges_counted_by_hand(self, formula, charge):
        assert imbalance(formula) == pytest.approx(charge, abs=1e-6)

    def test_what_is_balanced_is_so_by_pymatgen_too(self):
        """pymatgen also mixes states of one element, so only one way round."""
        formulas = oqmd_icsd()["formula"].values[:4000:40].astype(str)
        small = [text for text in formulas if Composition(text).num_atoms <= 20]
        ours = [text for text in small if imbalance(text) == 0]
        assert 10 < len(ours) < len(small)
        states = {"all_oxi_states": True}
        assert all(Composition(text).oxi_state_guesses(**states) for text in ours)

    def test_elements_and_novelty(self):
        kept = CompositionConstraints.of(
            ["Li"], ["O"], False, ["Li2S", "Li4S2"], ["Li S", "Li O", "Cl Na"]
        )
        shares = atomic_fractions(["Li2S", "Na1.9Li0.02Cl2", "Li2O"])
        found = kept.violations("Li2S", shares[0])
        assert found == {"include": 0, "exclude": 0, "novelty": 1}
        found = kept.violations("NaCl", shares[1])
        assert 0 < found["include"] < 1
        assert found["novelty"] == 0
        assert kept.violations("Li2O", shares[2])["exclude"] == pytest.approx(1 / 3)

    def test_limits_and_wishes_in_the_units_of_the_property(self, runs):
        objective = latent(
            runs,
            properties={"band_gap": 2.0},
            at_most={"hull_distance": 0.1},
            at_least={"formation_energy": -1.0},
            farthest=2.5,
        )
        assert objective.names == ("band_gap off 2",)
        assert objective.directions == (False,)
        for found in drawn(objective, 5):
            told, violations = found.report, found.violations
            assert found.values == (abs(told["predicted band_gap"] - 2),)
            assert violations == {
                "hull_distance at most": told["predicted hull_distance"] - 0.1,
                "formation_energy at least": -1.0 - told["predicted formation_energy"],
                "distance": told["distance"] - 2.5,
            }
            assert set(violations) == set(objective.constraints)

    def test_progress_counts_what_keeps_the_constraints(self, runs):
        objective = latent(runs)
        wanted = objective.wanted
        mean = [wanted.known[name].mean() for name in ("band_gap", "formation_energy")]
        std = [wanted.known[name].std() for name in ("band_gap", "formation_energy")]
        values = np.array(
            [
                [mean[0] + 3 * std[0], mean[1] - 3 * std[1]],  # broke a constraint
                [mean[0] + std[0], mean[1] - 2 * std[1]],
                [mean[0] + 2 * std[0], mean[1] - std[1]],
                [mean[0] - std[0], mean[1] - 9 * std[1]],  # below the mean in one wish
                [np.nan, np.nan],
            ]
        )
        kept = np.array([False, True, True, True, False])
        assert objective.progress(values, kept) == pytest.approx([0, 2, 3, 3, 3])


class TestRefused:
    @pytest.mark.parametrize(
        ("settings", "told"),
        [
            ({"properties": {}}, "properties: none is wanted"),
            ({"properties": {"band_gp": "maximise"}}, "did you mean 'band_gap'"),
            ({"properties": {"band_gap": "maximize"}}, "did you mean 'maximise'"),
            ({"properties": {"band_gap": 99.0}}, "properties.band_gap: 99 lies out of the data's"),
            ({"at_most": {"formation_energy": -50.0}}, "no material of the training part keeps it"),
            ({"at_least": {"gap": 1.0}}, "at_least: 'gap' is not a property"),
            ({"include": ("Xx",)}, "include: 'Xx' is no element"),
            ({"include": ("Li",), "exclude": ("Li",)}, "Li stands in both"),
            ({"include": ("Fm",)}, "no training material holds Fm"),
            ({"encoder": "magpie"}, "encoder: Magpie decodes nothing"),
            ({"encoder": "composition_vea"}, "did you mean 'composition_vae'"),
            ({"dataset": "oqmd"}, "'oqmd' is not a registered data set"),
            ({"probe": "rigde"}, "did you mean 'ridge'"),
            ({"probe": "gradient_boosting_classifier"}, "is not a predictor, which is needed here"),
            ({"run": "abcdef"}, "'abcdef' is not a finished run"),
        ],
    )
    def test_what_cannot_be_searched_is_told(self, runs, settings, told):
        with pytest.raises(UserError) as refused:
            latent(runs, **settings)
        assert told in str(refused.value)
        assert len(str(refused.value).splitlines()) == 1


def test_proposals_are_drawn_on_the_true_values_of_real_materials(runs):
    objective = latent(runs)
    rows = [
        {"sampler": "tpe", **dict(zip(objective.names, found.values, strict=True)), **found.report}
        for found in drawn(objective, 12)
    ]
    (figure,) = objective.figures(pd.DataFrame(rows), None).values()
    (axes,) = figure.axes
    real, proposed, nearest = (np.asarray(each.get_offsets()) for each in axes.collections)
    materials = objective.latent_space.materials
    assert np.allclose(real[:, 1], materials["formation_energy"].values)
    told = pd.DataFrame(rows).drop_duplicates("formula")
    assert sorted(proposed[:, 0]) == pytest.approx(sorted(told["predicted band_gap"]))
    (table,) = objective.tables(pd.DataFrame(rows)).values()
    best = table[table["front"]]
    assert sorted(nearest[:, 0]) == pytest.approx(sorted(best["true band_gap of nearest"]))
    one = latent(runs, properties={"band_gap": 2.0})
    assert list(one.figures(pd.DataFrame(rows).assign(**{"band_gap off 2": 1.0}), None)) == [
        "proposals"
    ]


class TestTheCommand:
    @pytest.fixture(scope="class")
    def searched(self, tmp_path_factory, blank_figures):
        """A search through the command line, twice; its constraints are hard to keep."""
        folder = tmp_path_factory.mktemp("search")
        content = {
            "objectives": [
                {
                    "name": "latent", "label": "new", **WIDE_GAP, **SMALL,
                    "novel": True, "exclude": ["O"],
                    "at_most": {"hull_distance": 1.0},
                },
                {"name": "latent", "label": "hopeless", **SMALL, "properties": {"band_gap": 2},
                 "farthest": 0.0},
                {"name": "materials", "property": "band_gap", "direction": "maximise",
                 "encoder": ENCODER, "sample": 120},
            ],
            "samplers": ["tpe", "random"],
            "trials": 12,
            "seeds": [0, 1],
        }  # fmt: skip
        with pytest.MonkeyPatch.context() as moved:
            moved.chdir(folder)
            path = write_yaml(json.loads(json.dumps(content)))  # without aliases
            both = [phasezoo("optimise", path) for _ in range(2)]
        assert [said.code for said in both] == [0, 0], both[0].err
        return [said.out for said in both], folder / "runs" / path.stem

    def test_proposals_keep_what_was_asked_and_are_told_with_real_ones(self, searched):
        (told, _), folder = searched
        table = pd.read_csv(folder / "proposals_new.csv")
        assert f"proposals_new.csv: the best of {len(table)}" in " ".join(told.split())
        assert len(table) == table["formula"].nunique() > 0
        reported = {Composition(f).reduced_formula for f in oqmd_icsd()["formula"].values}
        for row in table.to_dict("records"):
            assert "O" not in parse_formula(row["formula"])
            assert Composition(row["formula"]).reduced_formula not in reported
            assert row["predicted hull_distance"] <= 1
            assert row["nearest"] in oqmd_icsd()["formula"].values
        values = table[["predicted band_gap", "predicted formation_energy"]].values * [1, -1]
        for own, front in zip(values, table["front"], strict=True):
            assert front == (not any((v >= own).all() and (v > own).any() for v in values))
        assert (folder / "figures" / "proposals_new.png").exists()

    def test_where_nothing_keeps_the_constraints_it_says_so(self, searched):
        (told, _), folder = searched
        assert "hopeless: found nothing that keeps the constraints" in told
        assert "proposals_hopeless.csv is empty" in told
        rows = pd.read_csv(folder / "table.csv").set_index(["objective", "sampler"])
        assert (rows.loc["hopeless", "kept"] == 0).all()
        assert rows.loc["hopeless", "best"].isna().all()
        assert len(pd.read_csv(folder / "proposals_hopeless.csv")) == 0

    def test_real_materials_are_held_out_and_true(self, searched):
        _, folder = searched
        found = pd.read_csv(folder / "evaluations.csv")
        found = found[found["objective"] == "materials"].dropna(axis="columns", how="all")
        data = oqmd_icsd()
        for name, value in zip(found["candidate"][:20], found["value"][:20], strict=True):
            same = data["band_gap"].values[data["formula"].values == name]
            assert np.isclose(same, value, rtol=1e-5).any()

    def test_again_it_makes_nothing_and_everything_is_in_mlflow(self, searched):
        from mlflow.tracking import MlflowClient

        (_, again), folder = searched
        assert "searched 0 evaluations made, 144 reused" in again
        client = MlflowClient(f"sqlite:///{folder.parent / 'mlflow.db'}")
        (where,) = [e for e in client.search_experiments() if e.name == "optimisation"]
        logged = client.search_runs([where.experiment_id])
        (parent,) = [run for run in logged if "mlflow.parentRunId" not in run.data.tags]
        assert len(logged) == 1 + 3 * 2 * 2
        names = {item.path for item in client.list_artifacts(parent.info.run_id)}
        assert {"proposals_new.csv", "evaluations.csv", "figures"} <= names
        new = [run for run in logged if run.data.tags.get("objective") == "new"]
        for metric, run in itertools.product(("band_gap", "formation_energy", "best"), new):
            if run.info.run_id != parent.info.run_id:
                assert metric in run.data.metrics
