"""What an item is: materials, or element sets with one value of their materials."""

import numpy as np
import pytest

from framework.benchmark.leaderboard import leaderboard
from framework.benchmark.results import read
from framework.contracts.dataset import data_set
from tests.conftest import phasezoo, write_yaml
from tests.zoo.tasks.test_property import judged, materials
from zoo.labelled_items import by_element_set
from zoo.tasks.classification import Classification
from zoo.tasks.property import Property

pytestmark = pytest.mark.usefixtures("blank_figures")

VALUES = [1.0, 4.0, np.nan, 2.5, np.nan, -1.0]
SETS = ["Li O", "Li O", "Li O", "Na O", "K O", "Na O"]
YEARS = [2001.0, 1999.0, 1998.0, 2010.0, 2005.0, np.nan]


def small():
    about = {"long_name": "made up", "units": "eV"}
    variables = {
        "formula": ("material", ["Li2O", "LiO", "LiO2", "Na2O", "K2O", "NaO"]),
        "element_set": ("material", SETS),
        "gap": ("material", np.array(VALUES), about),
        "year": ("material", np.array(YEARS)),
        "kind": ("material", np.array([3, 5, 0, 7, 0, 2], np.int16), {"missing_value": 0}),
    }
    told = dict.fromkeys(("title", "source", "licence", "citation"), "made up")
    return data_set(variables, name="made_up", properties=["gap"], time="year", **told)


@pytest.mark.parametrize(
    ("aggregate", "expected", "kinds"),
    [
        ("largest", [np.nan, 4.0, 2.5], [np.nan, 5, 7]),
        ("smallest", [np.nan, 1.0, -1.0], [np.nan, 3, 2]),
        ("mean", [np.nan, 2.5, 0.75], [np.nan, 4, 4.5]),
    ],
)
def test_an_element_set_has_one_value_of_its_materials(aggregate, expected, kinds):
    found = by_element_set(small(), ("gap", "kind"), aggregate)
    assert found["element_set"].values.tolist() == ["K O", "Li O", "Na O"]
    np.testing.assert_array_equal(found["gap"].values, expected)
    np.testing.assert_array_equal(found["kind"].values, kinds)
    np.testing.assert_array_equal(found["year"].values, [2005, 1998, 2010])  # of the first entry
    assert found["gap"].attrs["units"] == "eV"


@pytest.mark.parametrize("aggregate", ["largest", "smallest", "mean"])
def test_the_order_of_the_materials_does_not_matter_to_the_bit(aggregate):
    ds = materials()
    turned = ds.isel(material=np.random.default_rng(0).permutation(ds.sizes["material"]))
    one, other = (by_element_set(each, ("hardness",), aggregate) for each in (ds, turned))
    assert one.identical(other)


def test_tasks_of_element_sets_name_and_split_them():
    task = Property(("hardness",), labels=(20, "all"), of="element_set", aggregate="smallest")
    items = task.items(materials())
    assert items.sizes["material"] == 60 and "formula" not in items
    assert items.attrs["noun"] == "element sets" and items.attrs["named_by"] == "element_set"
    assert items.attrs["summary"] == "60 of 60 element sets: hardness of 60"
    lowest = materials()["hardness"].values.reshape(60, 3).min(axis=1)
    np.testing.assert_array_equal(np.sort(items["hardness"].values), np.sort(lowest))
    truth = items["hardness"].values
    assert judged(task, items, truth[:, None])[0].evaluation.values["hardness/all/mae"] < 0.1

    above = Classification("hardness", labels=(20,), above=10.0, of="element_set")
    of_sets = above.items(materials())
    highest = materials()["hardness"].values.reshape(60, 3).max(axis=1)
    assert above.truth(of_sets).sum() == (highest > 10).sum()


def test_a_benchmark_of_element_sets_shows_the_metrics_of_its_task(desk):
    content = {
        "name": "sets",
        "dataset": "oqmd_icsd",
        "task": {"name": "classification", "target": "band_gap", "above": 2.0, "labels": [60]}
        | {"of": "element_set", "sample": 120},
        "splits": ["random"],
        "seeds": [0],
        "encoders": [
            {"name": "descriptors", "representation": "element_set"},
            {"name": "constant", "representation": "element_set"},
        ],
        "resamples": 100,
    }
    said = phasezoo("benchmark", write_yaml(content), "--no-track")
    assert said.code == 0, said.err
    cube = read(desk / "runs" / "sets" / "results.nc")
    assert cube.attrs["noun"] == "element sets"
    assert cube.attrs["metrics"].split()[0] == "band_gap/60/auroc"
    table = leaderboard(cube).set_index("encoder")
    assert (
        table.loc["descriptors", "band_gap/60/auroc"] > table.loc["constant", "band_gap/60/auroc"]
    )


def test_a_task_without_metrics_takes_its_own(desk):
    rows = [f"{name}{i},{i}" for i, name in enumerate(["LiO", "NaO", "KO", "MgO"] * 8, start=1)]
    (desk / "mine.csv").write_text("formula,hardness\n" + "\n".join(rows) + "\n")
    content = {
        "dataset": {"name": "formula_csv", "path": "mine.csv"},
        "task": {"name": "property", "properties": ["hardness"], "labels": [10]},
        "splits": ["random"],
        "seeds": [0],
        "encoders": ["constant", {"name": "composition_vae", "epochs": 1}],
        "validation_fraction": 0.3,
        "resamples": 100,
    }
    said = phasezoo("benchmark", write_yaml(content), "--no-track", "--runs", "mine")
    assert said.code == 0, said.err
    cube = read(desk / "mine" / "tiny" / "results.nc")
    assert cube.attrs["metrics"] == "hardness/10/mae hardness/10/r2 hardness/10/spearman"
    assert "auroc" not in said.out
    from framework.config.experiment import experiment_from
    from framework.search.tuning.plan import plan_tuning

    search = plan_tuning(experiment_from(content | {"name": "t"}, "t"), desk / "runs")
    assert search.tuning.objectives == ["hardness/10/mae"] and search.study.maximise == (False,)


@pytest.mark.parametrize("encoder", ["pca", "nearest_neighbours"])
@pytest.mark.parametrize(
    "task",
    [
        {"name": "property", "properties": ["band_gap"]},
        {"name": "classification", "target": "space_group"},
    ],
)
def test_an_encoder_of_phase_fields_among_materials_hears_what_fits(desk, encoder, task):
    content = {"dataset": "oqmd_icsd", "task": task | {"sample": 100}, "splits": ["random"]}
    said = phasezoo(
        "benchmark", write_yaml(content | {"seeds": [0], "encoders": [encoder]}), "--no-track"
    )
    start = (
        f"tiny.yaml: encoders[0]: '{encoder}' reads the representation 'phase_field', which cann"
    )
    assert said.message.startswith(start)
    assert "composition_vae" in said.message and "magpie" in said.message
    assert ("write 'representation: ...' with one of" in said.message) == (encoder == "pca")


def test_an_encoder_of_phase_fields_has_no_latent_space_of_materials(desk):
    content = {
        "objectives": [{"name": "latent", "properties": {"band_gap": 2.0}, "encoder": "pca"}],
        "samplers": ["random"],
        "trials": 12,
        "seeds": [0],
    }
    said = phasezoo("optimise", write_yaml(content), "--no-track")
    assert "'pca' reads the representation 'phase_field', which cannot show these" in said.message
