"""The property task: what is labelled, what is ranked, what is refused."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr
from sklearn.metrics import mean_absolute_error, roc_auc_score

from data.datasets.oqmd_icsd import oqmd_icsd
from framework.base.errors import UserError
from framework.benchmark.figures import by_strategy
from framework.benchmark.results import leaderboard, read, to_markdown
from framework.contracts.dataset import content_digest, data_set
from framework.contracts.encoder import Encoder
from framework.contracts.learner import Learner
from framework.contracts.predictor import Classifier, Predictor
from framework.contracts.split import PARTS, divide
from framework.figures import regression as property_plots
from framework.metrics.ranking import RANKING
from framework.metrics.regression import REGRESSION
from framework.runs.items import divided
from framework.runs.plan import plan
from tests.conftest import phasezoo, write_yaml
from tests.framework.figures.drawn import assert_labelled
from zoo.tasks.property import Property

pytestmark = pytest.mark.usefixtures("blank_figures")

SETS = 60


def materials(**changes):
    """180 materials of 60 element sets, three polymorphs of each; hardness and glow."""
    rng = np.random.default_rng(0)
    symbols = ["Li", "Na", "K", "Rb", "Cs", "Mg", "Ca", "Sr", "Ba", "Zn", "Cd", "Al"]
    anions = ["O", "S", "Se", "F", "Cl"]
    pairs = [(a, b) for a in symbols for b in anions][:SETS]
    formulas = np.repeat([f"{a}{b}" for a, b in pairs], 3)
    sets = np.repeat([" ".join(sorted(pair)) for pair in pairs], 3)
    about = {"long_name": "made up", "units": "GPa"}
    values = {
        "hardness": rng.normal(10, 3, 3 * SETS),
        "glow": np.maximum(rng.normal(size=3 * SETS), 0),
    } | changes
    variables = {
        "formula": ("material", formulas),
        "element_set": ("material", sets),
        **{name: ("material", own, about) for name, own in values.items()},
    }
    told = dict.fromkeys(("title", "source", "licence", "citation"), "made up")
    return data_set(variables, name="made_up", properties=list(values), **told)


def split_of(items, seed=0):
    names = np.unique(items["element_set"].values)
    held = np.isin(items["element_set"].values, names[seed::5])
    return divide(items, held, label="random", validation_fraction=0.1, seed=seed)


class Rows:
    """Samples that are their own numbers."""

    def __init__(self, index):
        self.index = np.asarray(index)

    def __len__(self):
        return len(self.index)

    def take(self, index):
        return Rows(self.index[index])


class Given(Encoder):
    """Has the latent vectors that it is given (n, d)."""

    def __init__(self, latents, seed=0):
        self.latents, self.seed = latents, seed

    def fit(self, samples, validation=None): ...

    def score_samples(self, samples): ...

    def transform(self, samples):
        return self.latents[samples.index]


def fit_of(task, items, latents, seed=0):
    """A finished fit of an encoder whose latent vectors are given."""
    encoder, samples = Given(latents, seed), Rows(np.arange(len(latents)))
    return SimpleNamespace(
        items=items, split=split_of(items), encoder=encoder, samples=samples, task=task
    )


def judged(task, items, latents, resamples=50):
    done = fit_of(task, items, latents)
    return task.judge(done, resamples), done.split


@pytest.fixture(scope="module")
def items():
    return Property(("hardness", "glow")).items(materials())


def test_a_perfect_latent_space_predicts_perfectly_and_an_empty_one_the_mean(items):
    task = Property(("hardness",), labels=(20, "all"))
    truth = items["hardness"].values
    perfect, split = judged(task, items, truth[:, None])
    assert perfect.evaluation.values["hardness/all/mae"] < 1e-2
    assert perfect.evaluation.values["hardness/all/auroc"] == 1
    empty, _ = judged(task, items, np.zeros((len(truth), 1)))
    for n, labelled in ((20, task.labelled(truth, split, 0, 20)), ("all", split.train)):
        expected = mean_absolute_error(
            truth[split.holdout], np.full(len(split.holdout), truth[labelled].mean())
        )
        assert empty.evaluation.values[f"hardness/{n}/mae"] == pytest.approx(expected)
        assert empty.evaluation.values[f"hardness/{n}/auroc"] == 0.5


def test_every_metric_stands_under_property_labels_and_name(items):
    task = Property(("hardness", "glow"), labels=(20, "all"))
    rng = np.random.default_rng(1)
    found, _ = judged(task, items, rng.normal(size=(180, 4)))
    assert tuple(found.evaluation.values) == task.metrics
    assert len(task.metrics) == 2 * 2 * (len(REGRESSION) + len(RANKING) - 1)
    assert found.evaluation.replicates.shape == (len(task.metrics), 50)
    assert set(found.validation) == set(task.metrics)
    assert found.variables["prediction"][1].shape == (2, 2, 180)
    for name in task.metrics:
        low, high = found.evaluation.low[name], found.evaluation.high[name]
        assert low <= high or np.isnan([low, high]).all()
        assert np.isfinite(low) or not name.endswith(("mae", "rmse", "r2", "spearman"))


def test_nothing_of_the_hold_out_reaches_the_probe(items):
    """Other true values in the hold-out and in validation change no prediction."""
    task = Property(("hardness",), labels=(20, "all"))
    latents = np.random.default_rng(2).normal(size=(180, 4))
    first, split = judged(task, items, latents)
    other = items.copy(deep=True)
    unseen = np.concatenate([split.holdout, split.validation])
    other["hardness"][unseen] = other["hardness"].values[unseen][::-1]
    second, _ = judged(task, other, latents)
    np.testing.assert_array_equal(first.scores, second.scores)


class Remembers(Given):
    """Learns end to end: says the mean of the labels that it was given, or the shares of their
    classes, and notes what it saw."""

    def learner_input(self, samples):
        return samples

    def learner(self, probe, samples, others):
        self.seen = {"train": samples.index, "others": others, "labelled": []}
        return Shares(self.seen) if isinstance(probe, Classifier) else Mean(self.seen)


class Notes(Learner):
    def __init__(self, seen):
        self.seen = seen

    def fit(self, inputs, labels, groups):
        self.seen["labelled"].append((inputs.index, labels))
        self.classes_, counts = np.unique(labels, return_counts=True)
        self.mean, self.shares = labels.mean(), counts / len(labels)
        return self


class Mean(Notes, Predictor):
    def predict(self, inputs):
        return np.full(len(inputs), self.mean)

    def uncertainty(self, inputs):
        return np.arange(len(inputs), dtype=float)


class Shares(Notes, Classifier):
    def predict_proba(self, inputs):
        return np.tile(self.shares, (len(inputs), 1))


def test_an_encoder_that_learns_end_to_end_takes_the_place_of_the_probe(items):
    """With the probe's labels, and the other property in the training part alone."""
    task = Property(("hardness", "glow"), labels=(20, "all"))
    done = fit_of(task, items, np.zeros((180, 1)))
    done.encoder = Remembers(np.zeros((180, 1)))
    found, split = task.judge(done, 50), done.split
    seen = done.encoder.seen  # of the last property, glow
    np.testing.assert_array_equal(seen["train"], split.train)
    np.testing.assert_array_equal(seen["others"][:, 0], items["hardness"].values[split.train])
    values = items["glow"].values
    for (index, labels), n in zip(seen["labelled"], task.labels, strict=True):
        np.testing.assert_array_equal(index, task.labelled(values, split, 0, n))
        np.testing.assert_array_equal(labels, values[index])
    expected = mean_absolute_error(
        values[split.holdout], np.full(len(split.holdout), labels.mean())
    )
    assert found.evaluation.values["glow/all/mae"] == pytest.approx(expected)
    assert task.validate(done, 10) == pytest.approx(found.validation, nan_ok=True)
    dims, stated = found.variables["uncertainty"]
    assert dims == ("property", "labels", "candidate")
    np.testing.assert_array_equal(stated[1, 1], np.arange(180))


def test_settings_are_chosen_by_the_same_validation_figures_as_are_reported(items):
    task = Property(("hardness", "glow"), labels=(20,))
    latents = np.random.default_rng(3).normal(size=(180, 4))
    found, _ = judged(task, items, latents)
    done = fit_of(task, items, latents)
    assert task.validate(done, 10) == pytest.approx(found.validation, nan_ok=True)


def test_few_labels_are_among_many_and_all_from_the_training_part(items):
    task, split, values = Property(("hardness",)), split_of(items), items["hardness"].values
    few, many, whole = (task.labelled(values, split, 3, n) for n in (20, 50, "all"))
    assert set(few) < set(many) < set(whole) == set(split.train)
    assert set(few) != set(task.labelled(values, split, 4, 20))


def test_polymorphs_stand_on_one_side(items):
    split = split_of(items)
    sets = [set(items["element_set"].values[getattr(split, part)]) for part in PARTS[:3]]
    assert not sets[0] & sets[1] and not sets[0] & sets[2] and not sets[1] & sets[2]
    embedded = Property(("band_gap",), sample=50).items(oqmd_icsd())
    assert len(set(embedded["element_set"].values.astype(str))) == 50
    assert len(embedded["band_gap"]) > 50 and embedded.sizes["site"] == embedded["n_sites"].sum()


def test_hits_are_the_top_share_the_lowest_or_all_above_a_value(items):
    values = items["glow"].values
    top = Property(("glow",), hits=0.2)._hits("glow", values)
    assert top.sum() == 36 and values[top].min() >= values[~top].max()
    low = Property(("hardness",), lowest=("hardness",))
    hits = low._hits("hardness", items["hardness"].values)
    assert hits.sum() == 18 and hits[np.argmin(items["hardness"].values)]
    above = Property(("glow",), above={"glow": 0.0})
    np.testing.assert_array_equal(above._hits("glow", values), values > 0)
    latents = np.random.default_rng(4).normal(size=(180, 3))
    found, split = judged(Property(("glow",), labels=("all",), above={"glow": 0.0}), items, latents)
    expected = roc_auc_score(values[split.holdout] > 0, found.scores[split.holdout])
    assert found.evaluation.values["glow/all/auroc"] == pytest.approx(expected)


def test_a_material_counts_for_the_properties_that_it_has():
    glow, hardness = np.arange(180.0), np.arange(180.0)
    glow[[7, 20]], hardness[7] = np.nan, np.nan
    task, ds = Property(("hardness", "glow"), (20, "all")), materials(glow=glow, hardness=hardness)
    items = task.items(ds)
    assert items.attrs["summary"].endswith("60 element sets: hardness of 179, glow of 178")
    (row,) = task.unfit_rows(ds)
    assert (row.line, row.reason) == (8, "no value of hardness and glow")
    latents = np.nan_to_num(items["hardness"].values)[:, None]
    found, split = judged(task, items, latents)
    whole = task.labelled(items["glow"].values, split, 0, "all")
    assert len(whole) == np.isfinite(items["glow"].values[split.train]).sum()
    assert all(np.isfinite(value) for value in found.evaluation.values.values())
    assert found.evaluation.values["glow/all/r2"] > 0.99


def test_the_order_of_the_materials_does_not_matter():
    ds = materials()
    turned = ds.isel(material=np.random.default_rng(0).permutation(3 * SETS))
    both = [Property(("hardness",)).items(each) for each in (ds, turned)]
    assert content_digest(both[0]) == content_digest(both[1])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"properties": ("hardnes",)},
            "'hardnes' is not a property of made up; did you mean 'hardn",
        ),
        ({"properties": ("formula",)}, "'formula' holds text"),
        ({"properties": ()}, "task.properties: .* is empty"),
        ({"labels": (50, 20)}, r"task.labels: \[50, 20\] must rise"),
        ({"labels": ("all", 50)}, "must rise"),
        ({"labels": (5,)}, "from at least 10"),
        ({"labels": (20, 20)}, "lists one twice"),
        ({"lowest": ("glow",)}, "'glow' is not in properties"),
        (
            {"above": {"hardness": 1}, "lowest": ("hardness",)},
            "cannot be in lowest and in above",
        ),
        ({"sample": 0}, "0 element sets are none"),
        ({"sample": 4}, "12 materials have hardness; at least 20 are needed"),
        ({"probe": "rigde"}, "'rigde' is not a registered predictor; did you mean 'ridge'"),
        ({"probe": {"name": "ridge", "folds": 1}}, "task.probe.folds: 1 is out of range"),
    ],
)
def test_settings_that_make_no_task_are_refused(settings, message):
    with pytest.raises(UserError, match=message):
        Property(**{"properties": ("hardness",)} | settings).items(materials())


def test_a_property_that_is_the_same_for_all_is_refused():
    with pytest.raises(UserError, match="'glow' is 3 for all 180 materials: there is nothing"):
        Property(("glow",)).items(materials(glow=np.full(180, 3.0)))


def test_more_labels_than_materials_and_a_hold_out_without_hits_are_refused(items):
    with pytest.raises(
        UserError,
        match=r"task.labels: 5,000 are more than the \d+ training materials of split 'random' with hardness",
    ):
        Property(("hardness",), labels=(5000,)).require(items, split_of(items))
    asked, task = ["glow/20/auroc"], Property(("glow",), (20,), above={"glow": 99.0})
    with pytest.raises(UserError, match="0 of the 36 held-out materials of split 'random' are hi"):
        task.require(items, split_of(items), asked)


def test_without_hits_errors_are_measured_and_ranking_metrics_are_unknown(items):
    task = Property(("glow",), (20,), above={"glow": 99.0})
    split = split_of(items)
    task.require(items, split, task.default_metrics)
    answers = np.zeros((1, 1, items.sizes["material"], 2))
    measured = task.evaluation(items, split, 0, answers, 100)
    held = items["glow"].values[split.holdout]
    assert measured.values["glow/20/mae"] == pytest.approx(np.abs(held).mean())
    assert np.isnan(measured.values["glow/20/auroc"]) and np.isnan(measured.low["glow/20/auroc"])
    watched = task.validation(items, split, 0, answers)
    assert watched["glow/20/mae"] == pytest.approx(
        np.abs(items["glow"].values[split.validation]).mean()
    )
    assert np.isnan(watched["glow/20/auroc"])


# the whole way, from the command line


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A finished benchmark of three encoders on a user's file of formulas."""
    folder = tmp_path_factory.mktemp("property")
    ds = materials()
    rows = zip(ds["formula"].values, ds["hardness"].values, strict=True)
    path = folder / "mine.csv"
    path.write_text("formula,hardness (GPa)\n" + "\n".join(f"{f},{v}" for f, v in rows) + "\n")
    content = {
        "name": "mine",
        "dataset": {"name": "formula_csv", "path": str(path)},
        "task": {"name": "property", "properties": ["hardness"], "labels": [20, "all"]},
        "splits": ["random"],
        "seeds": [0],
        "encoders": [{"name": "composition_vae", "epochs": 2}, "magpie", "constant"],
        "metrics": ["hardness/all/mae", "hardness/20/spearman"],
        "resamples": 100,
    }
    file = write_yaml(content, str(folder / "mine.yaml"))
    said = phasezoo("benchmark", file, "--no-track", "--runs", folder / "runs")
    assert said.code == 0, said.err
    return folder


def test_the_table_has_intervals_paired_differences_and_the_audit(folder):
    cube = read(folder / "runs" / "mine" / "results.nc")
    table = leaderboard(cube)
    errors = table["hardness/all/mae"].values
    assert (np.diff(errors) >= 0).all()  # less is better, best first
    assert (table["hardness/all/mae_low"] <= errors).all()
    best = table[table["verdict"] == "best baseline"]["encoder"].item()
    baselines = table[table["encoder"].isin(["magpie", "constant"])]
    assert best == baselines["encoder"].iloc[0]
    own = table.set_index("encoder").loc["composition_vae"]
    assert own["verdict"] in ("beats", "below", "no significant difference")
    expected = own["hardness/all/mae"] - baselines["hardness/all/mae"].iloc[0]
    assert own["difference"] == pytest.approx(expected)
    audits = table.set_index("encoder")["audit"]
    assert audits["constant"] == "collapsed" and audits["magpie"] == "alive"
    text = to_markdown(table, cube)
    assert "held-out materials" in text and "hardness/20/spearman" in text


def test_figures_label_their_axes_with_units_and_draw_what_was_predicted(folder):
    cell = next((folder / "runs" / "cells").iterdir()) / "cell.nc"
    own = xr.load_dataset(cell)
    figure = property_plots.parity(own)
    assert_labelled(figure)
    (axes,) = figure.axes
    assert axes.get_xlabel() == "true hardness (GPa)"
    held = own["part"].values == PARTS.index("holdout")
    drawn, _ = axes.get_lines()
    np.testing.assert_array_equal(drawn.get_xdata(), own["truth"].values[0, held])
    np.testing.assert_array_equal(drawn.get_ydata(), own["prediction"].values[0, -1, held])
    cube = read(folder / "runs" / "mine" / "results.nc")
    figure = property_plots.learning_curves(*next(by_strategy(cube))[1:])
    assert_labelled(figure)
    (axes,) = figure.axes
    assert axes.get_ylabel() == "MAE of hardness (GPa)"
    line = next(each for each in axes.get_lines() if each.get_label() == "magpie")
    expected = cube["value"].sel(encoder="magpie", metric=["hardness/20/mae", "hardness/all/mae"])
    np.testing.assert_allclose(line.get_ydata(), expected.values.ravel())


def test_figures_and_latent_dimensions_are_kept(folder):
    runs = folder / "runs"
    names = {path.name for path in (runs / "mine").rglob("*.png")}
    assert {"learning_curves_random.png", "leaderboard_random.png"} <= names
    kept = {path.parent.parent for path in runs.glob("cells/*/figures/parity.png")}
    assert len(kept) == 3
    cells = [xr.load_dataset(path / "cell.nc") for path in kept]
    vae = [cell for cell in cells if cell.attrs["encoder"] == "composition_vae"]
    for cell in vae:
        assert cell["latent_kl"].shape == cell["latent_variance"].shape == (24,)


def test_metrics_of_another_task_are_refused(folder):
    text = (folder / "mine.yaml").read_text().replace("hardness/all/mae", "hardness/30/mae")
    (folder / "other.yaml").write_text(text)
    said = phasezoo("benchmark", folder / "other.yaml", "--no-track", "--runs", folder / "runs")
    assert "'hardness/30/mae' is not measured by task 'property'; did you mean" in said.message


def test_a_run_is_known_by_the_property_task_and_divides_as_planned(folder):
    from framework.config.experiment import read_experiment

    runs = plan(read_experiment(folder / "mine.yaml"))
    assert len({run.digest for run in runs}) == 3
    items, split = divided(runs[0].settings)
    assert items.sizes["material"] == len(split.codes)


def test_a_run_without_unexplored_fields_has_nothing_to_rank(folder):
    runs = folder / "runs"
    run = next((runs / "cells").iterdir()).name
    said = phasezoo("rank", run, "--runs", runs)
    assert "is a run of task 'property', which has no unexplored fields to list" in said.message


def test_all_that_tie_with_the_last_hit_are_hits():
    task = Property(("hardness",), hits=0.2)
    values = np.array([1.0, 5, 5, 5, 2, 0, 3, 4, 1, 2])
    hits = task._hits("hardness", values)
    assert hits.tolist() == [False, True, True, True] + 6 * [False]
    order = np.random.default_rng(0).permutation(10)
    assert np.array_equal(task._hits("hardness", values[order]), hits[order])
