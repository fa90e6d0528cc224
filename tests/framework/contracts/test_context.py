"""What a split allows an encoder to know: of every size, nothing held out, nothing from the future;
planted leaks are caught."""

import json
import re
import textwrap
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

import zoo.encoders
from framework.base.errors import UserError
from framework.checks import encoders as checks
from framework.contracts.context import require_no_leak, smaller_sets
from framework.contracts.dataset import data_set
from framework.contracts.split import PARTS, RELATIVES, Split, divide
from framework.contracts.task import Task
from framework.registry.conformity import require_conforming
from framework.registry.registry import ENCODERS, SPLITS, load_file
from framework.runs import context as engine
from tests.conftest import PATTERN, REPORTED, phasezoo, tiny, write_yaml
from zoo.tasks.plausibility import Plausibility

OTHERS = ("Li O", "Cl Na", "K O", "Al Li Na O", "Cl K Li O S")
"""Reported sets of other sizes than those of the pattern."""

TASK = {"candidates": {"name": "pattern", "pattern": PATTERN}}


class Rows:
    def __init__(self, index):
        self.index = np.asarray(index)

    def __len__(self):
        return len(self.index)

    def take(self, index):
        return Rows(self.index[index])


@pytest.fixture(scope="module")
def dataset():
    """Each set once, later ones in reverse alphabetical order, one of each kind of unknown time."""
    sets = sorted(" ".join(sorted(text.split())) for text in (*REPORTED, *OTHERS))
    year = np.arange(len(sets), 0, -1.0)
    year[[sets.index("K O"), 7]] = np.nan
    told = dict.fromkeys(("title", "source", "licence", "citation"), "made up")
    variables = {
        "formula": ("material", np.full(len(sets), "", dtype="U20")),
        "element_set": ("material", np.array(sets)),
        "year": ("material", year),
    }
    return data_set(variables, name="made_up", time="year", **told)


@pytest.fixture(scope="module", params=["random", "time"])
def divided(request, dataset):
    """Items, split and all samples, by either split."""
    items = Plausibility(**TASK).items(dataset)
    fields = items.isel(material=items["reported"].values)
    held = SPLITS.load(request.param)(fields, 0)[""]
    split = divide(items, held, label=request.param, validation_fraction=0.1, seed=0)
    return items, split, Rows(np.arange(items.sizes["material"]))


def test_all_sizes_are_known_and_nothing_held_out_or_from_the_future(dataset, divided):
    items, split, samples = divided
    found = Plausibility(**TASK).context(dataset, items, split, samples)
    sets, year = dataset["element_set"].values.astype(str), dataset["year"].values
    hidden = set(items["element_set"].values[np.concatenate([split.validation, split.holdout])])
    allowed = set(sets) - hidden
    if split.label == "time":
        first = items["order"].values[split.holdout].min()
        assert split.cut == first
        allowed &= set(sets[year < first])
    else:
        assert split.cut is None and set(OTHERS) <= allowed
    assert set(found.reported) == allowed and len(found.reported) == len(allowed)
    entered = dict(zip(sets, year, strict=True))
    np.testing.assert_array_equal(found.order, [entered[name] for name in found.reported])
    np.testing.assert_array_equal(found.unlabelled.index, split.unexplored)


def planted(context, items, split, *, reported=None, order=0.0, unlabelled=None):
    """The context with one set more among the reported ones, or one item among the candidates."""
    if reported is not None:
        names, orders = np.append(context.reported, reported), np.append(context.order, order)
        context = replace(context, reported=names, order=orders)
    index = split.unexplored if unlabelled is None else np.append(split.unexplored, unlabelled)
    return replace(context, unlabelled=Rows(index)), items, split, index


def test_a_planted_leak_of_each_kind_is_caught(dataset, divided):
    items, split, samples = divided
    context = Plausibility(**TASK).context(dataset, items, split, samples)
    names = items["element_set"].values.astype(str)
    require_no_leak(*planted(context, items, split))
    for leak in (split.holdout[0], split.validation[0]):
        with pytest.raises(AssertionError, match="holds a held-out set as reported"):
            require_no_leak(*planted(context, items, split, reported=names[leak]))
        with pytest.raises(AssertionError, match="holds a held-out set among the candidates"):
            require_no_leak(*planted(context, items, split, unlabelled=leak))
    with pytest.raises(AssertionError, match="holds a reported set as unlabelled"):
        require_no_leak(*planted(context, items, split, unlabelled=split.train[0]))
    with pytest.raises(AssertionError, match="holds other candidates than it says"):
        require_no_leak(
            replace(context, unlabelled=Rows(split.unexplored[1:])), items, split, split.unexplored
        )
    late = [split.cut, 1e9, np.nan] if split.cut is not None else []
    for order in late:
        with pytest.raises(AssertionError, match="entered with the first held-out one, or later"):
            require_no_leak(*planted(context, items, split, reported="He Ne", order=order))


@pytest.fixture(scope="module")
def strict(dataset):
    """A division whose context lacks all that holds a held-out set or is part of one."""
    items = Plausibility(**TASK).items(dataset)
    fields = items.isel(material=items["reported"].values)
    held = SPLITS.load("random")(fields, 0)[""]
    options = {"label": "strict", "validation_fraction": 0.1, "seed": 0}
    split = divide(items, held, **options, withheld=RELATIVES)
    return items, split, Rows(np.arange(items.sizes["material"]))


def test_supersets_and_subsets_of_held_out_sets_can_be_withheld_each_alone(dataset, strict):
    items, split, samples = strict
    reported = {frozenset(text.split()) for text in dataset["element_set"].values.astype(str)}
    index = np.concatenate([split.validation, split.holdout])
    hidden = [frozenset(text.split()) for text in items["element_set"].values[index]]
    kept = reported - set(hidden)
    larger = {each for each in kept if any(each > one for one in hidden)}
    smaller = {each for each in kept if any(each < one for one in hidden)}
    assert larger and smaller
    for kinds, lacks in (
        ((), set()),
        (("supersets",), larger),
        (("subsets",), smaller),
        (RELATIVES, larger | smaller),
    ):
        one = replace(split, withheld=kinds)
        given = Plausibility(**TASK).context(dataset, items, one, samples).reported
        assert {frozenset(text.split()) for text in given} == kept - lacks, kinds


def test_a_planted_superset_or_subset_is_caught_where_it_is_withheld(dataset, strict):
    items, split, samples = strict
    context = Plausibility(**TASK).context(dataset, items, split, samples)
    one = sorted(str(items["element_set"].values[split.holdout[0]]).split())
    leaks = {"supersets": " ".join(sorted([*one, "Xe"])), "subsets": " ".join(one[:-1])}
    for kind, leak in leaks.items():
        for withheld in ((kind,), RELATIVES):
            strictly = replace(split, withheld=withheld)
            with pytest.raises(AssertionError, match=f"the context holds {kind} of held-out sets"):
                require_no_leak(*planted(context, items, strictly, reported=leak))
        (other,) = set(RELATIVES) - {kind}
        require_no_leak(*planted(context, items, replace(split, withheld=(other,)), reported=leak))


@pytest.fixture(scope="module")
def smaller(dataset):
    """A division that learns from sets of fewer elements alone."""
    items = Plausibility(**TASK).items(dataset)
    fields = items.isel(material=items["reported"].values)
    held = SPLITS.load("lower_arity")(fields, 0)[""]
    options = {"label": "lower_arity", "validation_fraction": 0.1, "seed": 0}
    split = divide(items, held, **options, smaller=True)
    return items, split, Rows(np.arange(items.sizes["material"]))


def test_smaller_sets_are_all_that_is_given_where_they_alone_are_learned_from(dataset, smaller):
    items, split, samples = smaller
    assert len(split.train) == 0
    assert len(split.validation) + len(split.holdout) == items["reported"].values.sum()
    given = Plausibility(**TASK).context(dataset, items, split, samples).reported
    k = min(str(text).count(" ") for text in items["element_set"].values)
    everything = dataset["element_set"].values.astype(str)
    assert set(given) == {text for text in everything if text.count(" ") < k}


def test_a_planted_set_as_large_as_an_item_is_caught(dataset, smaller):
    items, split, samples = smaller
    context = Plausibility(**TASK).context(dataset, items, split, samples)
    for leak in ("Ar He Ne", "Ar He Kr Ne"):
        with pytest.raises(AssertionError, match="the context holds a set as large as an item"):
            require_no_leak(*planted(context, items, split, reported=leak))
    learns = replace(split, train=split.holdout[:1], holdout=split.holdout[1:])
    with pytest.raises(AssertionError, match="items are learned from"):
        require_no_leak(context, items, learns, split.unexplored)


def test_what_is_learned_from_are_the_parts_of_items():
    """Against a loop over all parts."""
    rng = np.random.default_rng(0)
    symbols = np.array(["Li", "Na", "K", "O", "S", "Cl", "F"])

    def some(n: int, sizes: tuple[int, ...]) -> list[str]:
        drawn = [rng.choice(symbols, rng.choice(sizes), replace=False) for _ in range(n)]
        return sorted({" ".join(sorted(each)) for each in drawn})

    names = np.array(some(12, (4,)))
    items = xr.Dataset({"element_set": ("material", names)})
    reported = np.array([*some(60, (1, 2, 3, 4, 5)), "Xe", "O Xe"])
    fields = [set(text.split()) for text in names]
    expected = [
        text
        for text in reported
        if len(each := set(text.split())) > 1 and any(each < field for field in fields)
    ]
    assert 0 < len(expected) < len(reported)
    assert smaller_sets(items, reported).tolist() == expected


def test_a_split_that_is_by_time_tells_its_cut_whatever_it_is_called(dataset):
    items = Plausibility(**TASK).items(dataset)
    order = items["order"].values[items["reported"].values]
    for held, cut in (
        (order > 40, order[order > 40].min()),
        (order >= 30, 30.0),
        ((order > 40) & (order < 60), None),  # the future stays in training
        (~(order < 40), None),  # some held-out ones are of unknown time
    ):
        split = divide(items, held, label="mine", validation_fraction=0.1, seed=0)
        assert split.cut == cut


# the whole way: an encoder that asks

ASKS = '''
"""Counts the reported sets that hold an element set or are held by it."""

import numpy as np

from framework.contracts.encoder import Encoder


class Asks(Encoder):
    representation = "phase_field"
    uses_context = True

    def fit(self, samples, validation=None):
        self.known_ = np.array(sorted(self.context.reported))
        self.n_unlabelled_ = len(self.context.unlabelled)
        return self

    def transform(self, samples):
        assert self.context is not None
        return np.column_stack([self.score_samples(samples), np.arange(len(samples)) % 2])

    def score_samples(self, samples):
        self.require_fitted()
        return samples.elements.numpy().sum(axis=1) + len(self.known_) / 1000
'''


@pytest.fixture
def asks(desk, monkeypatch):
    """The throw-away encoder `asks`, beside a data set of several sizes."""
    (desk / "encoders").mkdir()
    (desk / "encoders" / "asks.py").write_text(textwrap.dedent(ASKS))
    source = ENCODERS.folder / "element_frequency.py"
    (desk / "encoders" / "element_frequency.py").write_text(source.read_text())
    monkeypatch.setattr(ENCODERS, "folder", desk / "encoders")
    monkeypatch.setattr(zoo.encoders, "__path__", [str(desk / "encoders")])
    (desk / "sets.txt").write_text("\n".join([*REPORTED, *OTHERS]) + "\n")
    return desk


def test_an_encoder_that_asks_gets_it_in_runs_rankings_and_audits(asks):
    from framework.runs.saved import SavedRun

    content = tiny(encoders=["asks", "element_frequency"])
    said = phasezoo("benchmark", write_yaml(content), "--no-track")
    assert said.code == 0, said.err
    settings = {
        path.parent: json.loads(path.read_text()) for path in asks.glob("runs/cells/*/run.json")
    }
    (own,) = (folder for folder, one in settings.items() if one["encoder"]["name"] == "asks")
    (other,) = (folder for folder in settings if folder != own)
    assert "context" in settings[own] and "context" not in settings[other]
    saved = SavedRun.open(own)
    assert set(OTHERS) <= set(saved.encoder.known_) and saved.encoder.n_unlabelled_ == 52
    assert len(saved.encoder.known_) < 65  # the hold-out and the validation part are missing
    assert phasezoo("audit", own.name).code == 0
    space = ["--data", "sets.txt", "--pattern", PATTERN]
    assert phasezoo("rank", own.name, "--out", "run.csv").code == 0
    said = phasezoo("rank", "asks", *space, "--out", "all.csv")
    assert said.code == 0, said.err
    assert ".065" in (asks / "all.csv").read_text()  # all that is reported

    # a reported set of another size more: other data, another run
    (asks / "sets.txt").write_text("\n".join([*REPORTED, *OTHERS, "Ba O"]) + "\n")
    said = phasezoo("benchmark", write_yaml(content), "--no-track")
    assert said.code == 0, said.err
    assert len(list(asks.glob("runs/cells/*"))) == 3
    assert "the data have changed since this run was planned" in phasezoo("rank", own.name).message


def test_with_and_without_related_sets_stand_in_one_table(asks):
    strict = {"name": "random", "label": "strict", "withhold": ["supersets", "subsets"]}
    content = tiny(encoders=["asks", "element_frequency"], splits=["random", strict])
    said = phasezoo("benchmark", write_yaml(content), "--no-track", "--runs", "runs")
    assert said.code == 0, said.err
    runs = [json.loads(path.read_text()) for path in asks.glob("runs/cells/*/run.json")]
    ways = sorted(
        (run["encoder"]["name"], *run["split"].get("withhold", ["nothing"])) for run in runs
    )
    # what the context lacks decides nothing for an encoder that has none: one run for both
    assert ways == [
        ("asks", "nothing"),
        ("asks", "subsets", "supersets"),
        ("element_frequency", "nothing"),
    ]
    with xr.open_dataset("runs/tiny/results.nc") as cube:
        assert set(cube["split"].values) == {"random", "strict"}
        assert np.isfinite(cube["value"].sel(metric="auroc")).all()
    said = phasezoo("benchmark", write_yaml(content), "--no-track", "--runs", "runs")
    assert said.code == 0 and len(list(asks.glob("runs/cells/*"))) == 3
    for folder in asks.glob("runs/cells/*"):
        assert phasezoo("audit", folder.name).code == 0


def test_what_is_withheld_decides_what_is_learned_from_smaller_sets(asks):
    strict = {"name": "lower_arity", "label": "strict", "withhold": ["subsets"]}
    content = tiny(encoders=["element_frequency"], splits=["lower_arity", strict])
    said = phasezoo("benchmark", write_yaml(content), "--no-track")
    assert said.code == 2 and "split 'lower_arity': 0 reported sets" in said.message
    (asks / "sets.txt").write_text("\n".join([*REPORTED, *OTHERS, "Rb Xe", "Kr Rb Xe"]) + "\n")
    content = tiny(encoders=["element_frequency"], splits=["lower_arity"])
    assert phasezoo("benchmark", write_yaml(content), "--no-track").code == 0
    (run,) = (json.loads(path.read_text()) for path in asks.glob("runs/cells/*/run.json"))
    assert "context" in run  # the digest of all data: other sets, another run


def test_what_cannot_be_withheld_is_refused(asks):
    for withhold, message in (
        (["neighbours"], r"splits\[0\].withhold: 'neighbours' is out of range; .*'supersets'"),
        ("subsets", r"splits\[0\].withhold: 'subsets' is not of type"),
    ):
        content = tiny(encoders=["asks"], splits=[{"name": "random", "withhold": withhold}])
        said = phasezoo("benchmark", write_yaml(content), "--no-track")
        assert said.code == 2
        assert re.search(message, said.message)


def test_smaller_sets_are_learned_from_and_baselines_need_not_know(asks):
    from framework.runs.saved import SavedRun

    content = tiny(encoders=["asks", "element_frequency"], splits=["lower_arity"])
    said = phasezoo("benchmark", write_yaml(content), "--no-track", "--runs", "runs")
    assert said.code == 0, said.err
    for folder in asks.glob("runs/cells/*"):
        saved = SavedRun.open(folder)
        if saved.settings["encoder"]["name"] == "asks":
            assert set(saved.encoder.known_) == {"Li O", "Cl Na", "K O"}
        else:
            counts = np.exp(saved.encoder.log_count_) - 1
            assert counts[[3, 8, 11, 17, 19]].round(6).tolist() == [1, 2, 1, 1, 1]
        assert phasezoo("audit", folder.name).code == 0
        assert phasezoo("rank", folder.name, "--out", "run.csv").code == 0
    (asks / "sets.txt").write_text("\n".join([*REPORTED, "Ba O"]) + "\n")
    said = phasezoo("benchmark", write_yaml(content), "--no-track")
    assert said.code == 2
    assert "0 reported sets of two or more elements are part of a field" in said.message
    assert "take another split" in said.message


def test_a_task_without_smaller_sets_refuses_to_learn_from_them():
    from framework.runs.components import task_of

    settings = {"name": "property", "parameters": {"properties": ("hardness",)}}
    none = np.empty(0, int)
    split = Split("mine", none, none, none, none, smaller=True)
    with pytest.raises(UserError, match=r"split 'mine' learns from .* task 'property' does not"):
        task_of(settings).smaller_sets(None, None, split)


def test_an_encoder_that_asks_is_checked_with_a_context(tmp_path):
    path = tmp_path / "asks.py"
    path.write_text(textwrap.dedent(ASKS))
    cls = load_file(path)
    found = list(checks.check(cls, checks.items_for(cls, "oqmd_icsd")))
    assert [problem for _, problem in found if problem] == [] and len(found) == len(checks.CHECKS)


def test_an_encoder_that_does_not_ask_costs_nothing(monkeypatch):
    monkeypatch.setattr(engine, "DATASETS", None)
    encoder = ENCODERS.load("element_frequency")()
    engine.give_context(encoder, {}, None, None, None)
    assert encoder.context is None


def test_a_task_may_have_none_to_give_and_must_write_the_rest_of_its_contract():
    from framework.runs.components import task_of

    settings = {"name": "property", "parameters": {"properties": ("hardness",)}}
    assert task_of(settings).context(None, None, None, None) is None
    with pytest.raises(UserError, match="lacks items, judge, metrics, validate"):
        require_conforming("task", type("Half", (Task,), {"name": "half"}), "half.py")
    with pytest.raises(UserError, match=r"make it a subclass of framework\.contracts\.task\.Task"):
        require_conforming("task", SimpleNamespace, "half.py")


def test_a_finished_run_turns_scores_into_probabilities(finished):
    from framework.runs.cell import calibration_of, read_cell

    for folder in finished.glob("cells/*"):
        cell = read_cell(folder)
        calibration = calibration_of(folder)
        assert calibration is not None
        part, scores = cell["part"].values, cell["score"].values.astype(float)
        ranked = part >= PARTS.index("holdout")
        share = (part == PARTS.index("holdout")).sum() / ranked.sum()
        assert calibration.prior == pytest.approx(share)
        probability = calibration.probability(scores)
        order = np.argsort(scores, kind="stable")
        assert (np.diff(probability[order]) >= -1e-12).all()
        assert cell["first"].values[-1] <= ranked.sum()
        assert (np.diff(cell["expected_hits"].values) >= 0).all()
