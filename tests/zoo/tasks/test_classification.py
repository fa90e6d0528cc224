"""The classification task: what is a class, what is learned, summed, counted, refused."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from sklearn.metrics import roc_auc_score

from data.datasets.oqmd_icsd import oqmd_icsd
from data.symmetry import CRYSTAL_SYSTEMS
from framework.base.errors import UserError
from framework.benchmark.figures import by_strategy, save_benchmark_figures
from framework.benchmark.results import leaderboard, read
from framework.contracts.dataset import take
from framework.contracts.split import PARTS
from framework.figures import classification as classification_plots
from tests.conftest import phasezoo, write_yaml
from tests.framework.figures.drawn import assert_labelled
from tests.zoo.tasks.test_property import fit_of, judged, materials, split_of
from zoo.tasks.classification import Classification
from zoo.tasks.property import Property

pytestmark = pytest.mark.usefixtures("blank_figures")

FOREST = {"name": "random_forest_classifier", "trees": 50}


def symbols(**changes):
    """180 materials, three of each of 60 element sets, with the number of a shape, which is one of
    two kinds; 0 is none."""
    shape = np.random.default_rng(5).integers(1, 9, size=180)
    shape[:3] = 0
    ds = materials(**changes)
    kinds = '{"kind": {"round": [1, 4], "square": [5, 8]}}'
    about = {"missing_value": 0, "coarser": kinds}
    return ds.assign(shape=("material", shape.astype(np.int16), about))


def task_of(**settings):
    given = {"target": "shape", "labels": (20, "all"), "probe": FOREST, "coarser": "kind"}
    return Classification(**(given | settings))


@pytest.fixture(scope="module")
def items():
    return task_of().items(symbols())


def test_a_perfect_latent_space_tells_all_and_an_empty_one_the_most_frequent(items):
    shape = items["shape"].values
    perfect, split = judged(task_of(), items, np.eye(9)[shape])
    assert perfect.evaluation.values["shape/all/accuracy"] == 1
    assert perfect.evaluation.values["kind/all/accuracy"] == 1
    empty, _ = judged(task_of(), items, np.zeros((len(shape), 1)))
    names, counts = np.unique(shape[split.train], return_counts=True)
    expected = (shape[split.holdout] == names[counts.argmax()]).mean()
    assert empty.evaluation.values["shape/all/accuracy"] == expected
    # of the kinds, too, the one of more labels: not the kind of the most frequent shape
    common = (shape[split.train] > 4).mean() > 0.5
    expected = ((shape[split.holdout] > 4) == common).mean()
    assert empty.evaluation.values["kind/all/accuracy"] == expected


def test_the_coarser_classes_are_judged_by_summed_probabilities(items, monkeypatch):
    """The most probable shape is of one kind, the sum over the other kind is larger."""
    task = task_of(labels=("all",))
    row = np.array([0.3, 0, 0, 0, 0.25, 0.25, 0.1, 0.1])
    monkeypatch.setattr(task, "said", lambda learner, labelled, asked, width: row)
    found, split = judged(task, items, np.zeros((177, 1)))
    held = items["shape"].values[split.holdout]
    assert found.evaluation.values["shape/all/accuracy"] == (held == 1).mean()
    assert found.evaluation.values["kind/all/accuracy"] == (held > 4).mean()
    assert found.variables["confusion"][1].tolist() == [
        [0, (held < 5).sum()],
        [0, (held > 4).sum()],
    ]


def test_a_class_that_no_label_has_is_an_error_and_its_share_is_told(items):
    other = items.copy(deep=True)
    split = split_of(items)
    shape = other["shape"].values
    shape[
        np.concatenate([split.train, split.validation])[
            shape[np.concatenate([split.train, split.validation])] == 8
        ]
    ] = 7
    assert (shape[split.holdout] == 8).any()
    found, _ = judged(task_of(), other, np.eye(9)[shape])
    values = found.evaluation.values
    expected = (shape[split.holdout] != 8).mean()
    assert values["shape/all/seen"] == expected
    assert values["shape/all/accuracy"] <= expected
    assert values["kind/all/seen"] == 1


def test_every_metric_stands_under_target_labels_and_name(items):
    task = task_of()
    found, _ = judged(task, items, np.random.default_rng(1).normal(size=(177, 3)))
    assert tuple(found.evaluation.values) == task.metrics == tuple(found.validation)
    assert found.evaluation.replicates.shape == (len(task.metrics), 50)
    assert "kind/20/top_5_accuracy" in task.metrics and "shape/all/macro_f1" in task.metrics


def test_nothing_of_the_hold_out_reaches_the_probe(items):
    latents = np.random.default_rng(2).normal(size=(177, 3))
    first, split = judged(task_of(), items, latents)
    other = items.copy(deep=True)
    unseen = np.concatenate([split.holdout, split.validation])
    other["shape"][unseen] = other["shape"].values[unseen][::-1]
    second, _ = judged(task_of(), other, latents)
    np.testing.assert_array_equal(first.scores, second.scores)


def test_settings_are_chosen_by_the_same_validation_figures_as_are_reported(items):
    latents = np.random.default_rng(3).normal(size=(177, 3))
    found, _ = judged(task_of(), items, latents)
    again = task_of().validate(fit_of(task_of(), items, latents), 10)
    assert again == pytest.approx(found.validation, nan_ok=True)


@pytest.mark.parametrize("cut", [{"above": 9.0}, {"at_most": 9.0}])
def test_a_value_makes_two_classes_and_the_positive_one_is_ranked(cut):
    task = task_of(target="hardness", coarser=None, **cut)
    items = task.items(materials())
    hard = items["hardness"].values > 9
    positive = hard if "above" in cut else ~hard
    latents = np.random.default_rng(4).normal(size=(180, 3)) + hard[:, None]
    found, split = judged(task, items, latents)
    expected = roc_auc_score(positive[split.holdout], found.scores[split.holdout])
    assert found.evaluation.values["hardness/all/auroc"] == pytest.approx(expected)
    assert expected > 0.6
    assert found.variables["truth"][1].tolist() == positive.tolist()


def test_materials_without_a_class_are_counted(items):
    (*_, row) = rows = task_of().unfit_rows(symbols())
    assert (len(rows), row.line, row.reason) == (3, 3, "no value of shape")
    assert items.attrs["summary"] == "177 of 180 materials in 59 element sets: shape in 8 classes"


def test_space_groups_of_the_embedded_data_lie_in_seven_crystal_systems():
    ds = oqmd_icsd()
    ds = take(ds, np.arange(0, ds.sizes["material"], 40))
    task = task_of(target="space_group", coarser="crystal_system")
    items = task.items(ds)
    groups, systems = task._levels(items)
    assert systems.classes == list(CRYSTAL_SYSTEMS)
    named = dict(zip(groups.classes, np.array(systems.classes)[systems.member], strict=True))
    known = {"2": "triclinic", "14": "monoclinic", "62": "orthorhombic", "139": "tetragonal"}
    known |= {"166": "trigonal", "194": "hexagonal", "225": "cubic"}
    assert known.items() <= named.items()
    assert "of one material alone" in items.attrs["summary"]
    assert "  space_group: 213 classes\n" in phasezoo("data", "describe", "oqmd_icsd").out


def test_ranges_of_crystal_systems_hold_every_space_group_once():
    held = [n for first, last in CRYSTAL_SYSTEMS.values() for n in range(first, last + 1)]
    assert held == list(range(1, 231))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"target": "shap"}, r"task.target: 'shap' is not a variable of made up; .* did you mean 'shape'"),
        ({"target": "formula"}, "'formula' of made up holds text; a class is a whole number"),
        ({"target": "hardness"}, r"'hardness' is a number such as .* make two classes of it by 'above'"),
        ({"target": "hardness", "above": 99.0, "coarser": None}, "all 180 materials are of the class 'hardness ≤ 99': there is nothing"),
        ({"above": 4.0, "at_most": 5.0, "coarser": None}, "above and at_most cannot be combined"),
        ({"above": 4.0}, "above and coarser cannot be combined"),
        ({"coarser": "kin"}, "the data set states no 'kin' of shape; did you mean 'kind'"),
        ({"labels": (5,)}, r"task.labels: .* from at least 10"),
        ({"probe": "ridge"}, "'ridge' is not a classifier, which is needed here; take one of element_set_trees"),
        ({"probe": "logistic"}, "'logistic' is not a registered predictor"),
        ({"sample": 4}, "materials have shape; at least 20 are needed"),
    ],
)  # fmt: skip
def test_settings_that_make_no_task_are_refused(settings, message):
    with pytest.raises(UserError, match=message):
        task_of(**settings).items(symbols())


def test_a_classifier_is_refused_where_numbers_are_predicted():
    with pytest.raises(
        UserError, match="'random_forest_classifier' is not a predictor, which is needed"
    ):
        Property(("hardness",), probe="random_forest_classifier")


def test_a_class_of_no_coarser_class_more_labels_than_there_are_and_one_side_alone(items):
    lost = symbols()
    lost["shape"][5] = 9
    with pytest.raises(UserError, match=r"task\.coarser: shape 9 lies in no kind"):
        judged(task_of(), task_of().items(lost), np.zeros((177, 1)))
    with pytest.raises(UserError, match=r"5,000 are more than the \d+ training materials"):
        task_of(labels=(5000,)).require(items, split_of(items))
    task = task_of(target="hardness", coarser=None, above=9.0)
    flat = task.items(materials())
    flat["hardness"][split_of(flat).holdout] = 1.0
    with pytest.raises(
        UserError, match=r"task\.above: 0 of the 36 held-out materials of split 'ra"
    ):
        task.require(flat, split_of(flat))


# the whole way, from the command line


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Finished benchmarks of two encoders: two classes of the embedded data, and many."""
    folder = tmp_path_factory.mktemp("classification")
    tasks = {
        "stable": {"target": "hull_distance", "at_most": 0.0},
        "groups": {"target": "space_group", "coarser": "crystal_system"},
    }
    for name, task in tasks.items():
        target = task["target"]
        content = {
            "name": name,
            "dataset": "oqmd_icsd",
            "task": {"name": "classification", "labels": ["all"], "probe": FOREST, "sample": 60}
            | task,
            "splits": ["random"],
            "seeds": [0],
            "encoders": ["descriptors", "constant"],
            "metrics": [f"{target}/all/accuracy"],
            "resamples": 100,
        }
        file = write_yaml(content, str(folder / f"{name}.yaml"))
        said = phasezoo("benchmark", file, "--no-track", "--runs", folder / "runs")
        assert said.code == 0, said.err
    return folder


def test_the_majority_is_a_row_of_every_table(folder):
    cube = read(folder / "runs" / "groups" / "results.nc")
    table = leaderboard(cube).set_index("encoder")
    train = cube["part"].values[0, 0] == PARTS.index("train")
    truth = cube["truth"].values
    held = truth[cube["part"].values[0, 0] == PARTS.index("holdout")]
    expected = (held == np.bincount(truth[train]).argmax()).mean()
    assert table.loc["constant", "space_group/all/accuracy"] == pytest.approx(expected)


def of_random(cube):
    return next((part, table) for name, part, table in by_strategy(cube) if name == "random")


def test_roc_curves_have_the_area_that_is_reported(folder):
    cube = read(folder / "runs" / "stable" / "results.nc")
    figure = classification_plots.roc_curves(*of_random(cube))
    assert_labelled(figure)
    (axes,) = figure.axes
    assert axes.get_ylabel() == "true positive rate (hull distance ≤ 0)"
    for line in axes.get_lines()[:2]:
        name, _, quoted = str(line.get_label()).rpartition("  ")
        area = np.trapezoid(line.get_ydata(), line.get_xdata())
        reported = float(cube["value"].sel(encoder=name, metric="hull_distance/all/auroc").item())
        assert float(quoted) == pytest.approx(reported, abs=1e-3)
        assert area == pytest.approx(reported, abs=0.02)
    assert (
        classification_plots.roc_curves(*of_random(read(folder / "runs/groups/results.nc"))) is None
    )


def test_the_confusion_matrix_counts_the_hold_out_by_crystal_system(folder):
    for path in (folder / "runs" / "cells").glob("*/cell.nc"):
        cell = xr.load_dataset(path)
        held = cell["part"].values == PARTS.index("holdout")
        assert cell["confusion"].values.sum() == held.sum()
        figure = classification_plots.confusion_matrix(cell)
        assert figure is not None
        axes = figure.axes[0]
        if cell["confusion"].attrs["of"] == "crystal_system":
            assert [t.get_text() for t in axes.get_xticklabels()] == list(CRYSTAL_SYSTEMS)
            accuracy = float(cell["value"].sel(metric="crystal_system/all/accuracy"))
            assert np.trace(cell["confusion"].values) / held.sum() == pytest.approx(accuracy)
        else:
            assert_labelled(classification_plots.roc_curve(cell))
    figures = {path.name for path in (folder / "runs").rglob("*.png")}
    assert {"roc_curve.png", "confusion_matrix.png", "roc_curves_random.png"} <= figures
    cube = read(folder / "runs" / "groups" / "results.nc")
    written = {path.name for path in save_benchmark_figures(cube, task_of(), folder / "again")}
    assert written == {"learning_curves_random.png", "leaderboard_random.png"}
