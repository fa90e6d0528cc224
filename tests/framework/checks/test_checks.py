"""The contract suites over all registered splits, data sets, candidate sources and metrics; and
planted offenders, each told what is wrong with it."""

import numpy as np
import pytest

from framework.base.errors import UserError
from framework.checks import datasets, items, metrics, splits
from framework.contracts.dataset import data_set
from framework.contracts.task import Task
from framework.metrics.regression import RegressionMetric
from framework.registry.metrics import BUILT_IN, metric_of
from framework.registry.parameters import REQUIRED, parameters
from framework.registry.registry import CANDIDATES, DATASETS, METRICS, SPLITS
from framework.runs.data import DATASET
from tests.conftest import phasezoo


@pytest.fixture(scope="module")
def materials():
    return items.materials_for_splits(DATASET)


@pytest.fixture
def file(tmp_path):
    """A file that any reader of element sets or formulas reads."""
    path = tmp_path / "formulas.csv"
    path.write_text("formula,hardness (GPa)\nLi3PS4,1.5\nNaCl,2.0\nLi2ZnS2Cl,3.0\n")
    return path


def problems(found):
    return [problem for _, problem in found if problem]


@pytest.mark.parametrize("name", SPLITS.names())
def test_every_split_holds_its_contract(name, materials):
    found = list(splits.check(SPLITS.load(name), materials))
    assert problems(found) == [] and len(found) == len(splits.CHECKS)


OF_OTHER_FILES = {
    *("cif_folder", "crystal_csv", "korolev2020", "mp_transport", "phase_select", "vasylenko2021")
}
"""Readers of files that are not made here; their own tests hold them to the contract."""


@pytest.mark.parametrize("name", sorted(set(DATASETS.names()) - OF_OTHER_FILES))
def test_every_data_set_holds_its_contract(name, file):
    item = DATASETS.load(name)
    needs = [n for n, p in parameters(item).items() if p.default is REQUIRED]
    if name == "element_set_list":
        file.write_text("Li P S\nCl Na\nCl Li S Zn\n")
    found = list(datasets.check(item, dict.fromkeys(needs, str(file))))
    assert problems(found) == [] and len(found) == len(datasets.CHECKS)


@pytest.mark.parametrize("name", CANDIDATES.names())
def test_every_candidate_source_holds_its_contract(name, tmp_path):
    reported = ["Cl Li S Zn", "Cl Na O Zn", "F Li Na O", "Li P S", "Br K O Zn"]
    item, settings = CANDIDATES.load(name), {}
    if "path" in parameters(item):
        (tmp_path / "sets.txt").write_text("Cl K O Zn\nCl Li O Zn\nCl Li S Zn\n")
        settings = {"path": str(tmp_path / "sets.txt")}
    found = list(datasets.check_candidates(item, reported, settings))
    assert problems(found) == [] and len(found) == len(datasets.CANDIDATE_CHECKS)


@pytest.mark.parametrize("name", [*BUILT_IN, *METRICS.names()])
def test_every_metric_holds_its_contract(name):
    assert problems(metrics.check(metric_of(name))) == []


def same(fields, seed: int):
    return {"": np.arange(fields.sizes["material"]) < 5}


def test_a_plain_split_of_a_users_file_is_checked_from_the_command_line(tmp_path):
    path = tmp_path / "halves.py"
    path.write_text(
        '"""Half of it."""\nimport numpy as np\n\n\ndef halves(fields, seed: int):\n'
        '    return {"": np.arange(fields.sizes["material"]) % 2 == seed % 2}\n'
    )
    said = phasezoo("check", path)
    assert said.code == 0 and "halves holds all 7 checks" in said.out


SPLIT_OFFENDERS = {
    "nothing": (lambda fields, seed: {"": np.zeros(fields.sizes["material"], bool)}, "holds out nothing"),
    "everything": (lambda fields, seed: {"": np.ones(fields.sizes["material"], bool)}, "leaves 0 fields"),
    "positions": (lambda fields, seed: {"": np.arange(5)}, "not a bool array"),
    "no_dict": (lambda fields, seed: np.zeros(3, bool), "no dict of masks"),
    "slash": (lambda fields, seed: {"a/b": same(fields, 0)[""]}, "printable name without '/'"),
    "chance": (
        lambda fields, seed: {"": np.random.default_rng().random(fields.sizes["material"]) < 0.5},
        "two calls with one seed differ",
    ),
    "no_seed": (lambda fields: {}, "not fields, seed"),
}  # fmt: skip


@pytest.mark.parametrize("name", SPLIT_OFFENDERS)
def test_a_split_that_breaks_its_contract_is_told_why(name, materials):
    split, problem = SPLIT_OFFENDERS[name]
    (found,) = problems(splits.check(split, materials))
    assert problem in found


def test_a_split_that_changes_the_fields_is_told(materials):
    def greedy(fields, seed: int):
        fields["element_set"].values[0] = "taken"
        return same(fields, seed)

    (found,) = problems(splits.check(greedy, materials))
    assert "it changes the fields" in found


def made(**changes):
    """A data set as a function, with its attributes changed afterwards."""
    unit = {"long_name": "hardness", "units": "GPa"}

    def read():
        found = data_set(
            {
                "formula": ("material", ["LiCl", "NaCl"]),
                "element_set": ("material", ["Cl Li", "Cl Na"]),
                "hardness": ("material", np.array([1.0, 2.0]), unit),
            },
            name="made", title="Made", source="a test", licence="none", citation="",
            properties=["hardness"],
        )  # fmt: skip
        found.attrs |= changes
        return found

    return read


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"licence": " "}, "its attribute 'licence' is empty"),
        ({"extra": [1, 2]}, "its attributes extra are not plain"),
        ({"digest": "0"}, "its digest is not that of its content"),
        ({"properties": "softness"}, "the property 'softness' is not a variable"),
        ({"n_unusable": 3}, "does not count"),
    ],
)
def test_a_data_set_that_breaks_its_contract_is_told_why(changes, problem):
    assert problems(datasets.check(made())) == []
    (found,) = problems(datasets.check(made(**changes)))
    assert problem in found


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"higher_is_better": True}, "is higher_is_better right?"),
        ({"random": lambda true: 0.0}, "its value under random order is stated as 0"),
        ({"compute": lambda drawn: np.full(len(drawn.times), np.nan)}, "its value is nan"),
        ({"compute": lambda drawn: drawn.errors[:1] * drawn.n}, "in one order of the items"),
        ({"label": ""}, "its label is empty"),
    ],
)
def test_a_metric_that_breaks_its_contract_is_told_why(changes, problem):
    content = {**vars(metric_of("mae")), "name": "mine", **changes}
    (found,) = problems(metrics.check(RegressionMetric(**content)))
    assert problem in found


def test_a_kind_without_checks_is_named(tmp_path):
    class Judging(Task):
        """A task that does nothing."""

    with pytest.raises(UserError, match="have no checks; run an experiment"):
        items.check(Judging, DATASET, {}, "judging.py")
