"""What a split allows an encoder to know: of every size, nothing held out, nothing from the future;
planted leaks are caught."""

import json
import textwrap
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import zoo.encoders
from framework.base.errors import UserError
from framework.checks import encoders as checks
from framework.contracts.context import require_no_leak
from framework.contracts.dataset import data_set
from framework.contracts.split import divide
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
