"""Private parts of Optuna: which ones phasezoo uses, that this version has them, and that they are
used in one file."""

import ast
import inspect
import tomllib
from pathlib import Path

import optuna
import pytest
from optuna.pruners import HyperbandPruner
from optuna.samplers import CmaEsSampler, GPSampler, RandomSampler, TPESampler
from optuna.trial import TrialState
from packaging.requirements import Requirement
from packaging.version import Version

from framework.search.study import optuna_internals
from framework.search.study.optuna_internals import ask, create_running_trial, mark_failed, trial_id
from tests.framework.search.killed import SPACE

ROOT = Path(__file__).parents[4]


def parts():
    """The objects whose private parts are used."""
    study = optuna.create_study()
    trial = study.ask()
    return {
        "Study": study,
        "Study._storage": study._storage,
        "Study._thread_local": study._thread_local,
        "Trial": trial,
        "FrozenTrial": study.trials[0],
        "CmaEsSampler": CmaEsSampler(),
        "TPESampler": TPESampler(),
        "GPSampler": GPSampler(),
        "HyperbandPruner": HyperbandPruner(),
    }


USED = [
    ("Study", "_storage", "no trial can be created with its owner or be given up"),
    ("Study", "_study_id", "no trial can be created with its owner or be read in a bracket"),
    ("Study", "_thread_local", "a trial is drawn without those that ended meanwhile"),
    ("Study", "_get_trials", "samplers read the storage once for every parameter"),
    ("Study._storage", "get_all_trials", "slots are not known within a bracket"),
    ("Study._storage", "create_new_trial", "a killed process leaves trials that nobody owns"),
    ("Study._storage", "set_trial_state_values", "trials of dead processes are never given up"),
    ("Study._thread_local", "cached_all_trials", "a trial is drawn without those that ended"),
    ("Trial", "_trial_id", "trials and their slots cannot be matched"),
    ("FrozenTrial", "_trial_id", "trials and their slots cannot be matched"),
    ("Trial", "_suggest", "a created trial gets no parameters"),
    ("CmaEsSampler", "_search_space", "CMA-ES compares the spaces of all trials for each one"),
    ("TPESampler", "_search_space", "TPE compares the spaces of all trials for each one"),
    ("GPSampler", "_intersection_search_space", "GP compares the spaces of all trials"),
    ("HyperbandPruner", "_get_bracket_id", "a recovered trial changes its bracket"),
    ("HyperbandPruner", "_try_initialization", "a continued study draws its next trial otherwise"),
]


@pytest.mark.parametrize(("where", "name", "breaks"), USED, ids=lambda text: str(text).split()[0])
def test_this_version_of_optuna_has_what_is_used(where, name, breaks):
    assert hasattr(parts()[where], name), (
        f"Optuna {optuna.__version__} has no {where}.{name}: {breaks}; "
        "see framework/search/study/optuna_internals.py"
    )


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (optuna.Trial._suggest, ["self", "name", "distribution"]),
        (HyperbandPruner._get_bracket_id, ["self", "study", "trial"]),
        (HyperbandPruner._try_initialization, ["self", "study"]),
        (optuna.Study._get_trials, ["self", "deepcopy", "states", "use_cache"]),
    ],
    ids=lambda item: getattr(item, "__qualname__", ""),
)
def test_it_is_called_as_it_is_here(function, arguments):
    assert list(inspect.signature(function).parameters) == arguments


def private_names(path):
    """Names with one leading underscore that a file takes from other objects than its own."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and node.attr.startswith("_"):
            own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
            if not own and not node.attr.startswith("__"):
                yield node.attr


def test_the_list_is_complete():
    here = Path(optuna_internals.__file__)
    used = {name for _, name, _ in USED}
    assert set(private_names(here)) <= used
    text = here.read_text()
    assert {name for name in used if name not in text} == set()


@pytest.mark.parametrize("top", ["framework", "zoo", "data", "phasezoo"])
def test_no_other_file_uses_private_parts_of_optuna(top):
    names = {name for _, name, _ in USED if name.startswith("_")}
    for path in (ROOT / top).rglob("*.py"):
        text = path.read_text()
        if "optuna" in text and path != Path(optuna_internals.__file__):
            assert not names & set(private_names(path)), path
            assert "optuna._" not in text and "._file" not in text, path


def test_the_version_is_pinned():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (pin,) = [r for each in project["dependencies"] if (r := Requirement(each)).name == "optuna"]
    assert optuna.__version__ in pin.specifier
    version = Version(optuna.__version__)
    assert f"{version.major}.{version.minor + 1}.0" not in pin.specifier


def test_a_trial_asked_for_here_gets_what_optuna_gives():
    ours, theirs = (optuna.create_study(sampler=RandomSampler(seed=3)) for _ in range(2))
    created = create_running_trial(ours, {"owner": "me"})
    trial, other = ask(ours, created, SPACE), theirs.ask(SPACE)
    assert trial_id(trial) == created and trial.params == other.params
    assert trial.user_attrs == {"owner": "me"}


def test_a_trial_that_has_ended_stays_as_it_is():
    study = optuna.create_study()
    done, open_ = study.ask(), study.ask()
    study.tell(done, 1.0)
    for trial in (done, open_):
        mark_failed(study, trial_id(trial))
    assert [t.state for t in study.trials] == [TrialState.COMPLETE, TrialState.FAIL]
