"""What a study draws depends on seed, slot and finished trials alone: a killed one goes on to the bit."""

import signal

import pytest
from optuna.distributions import FloatDistribution
from optuna.search_space import IntersectionSearchSpace
from optuna.trial import TrialState, create_trial

from framework.base.errors import UserError
from framework.search.study.optuna_internals import _WholeSpace
from framework.search.study.plan import grid
from framework.search.study.sampling import pruner
from framework.search.study.study import open_study
from framework.search.study.trials import slots
from framework.search.study.work import work
from tests.framework.search.killed import (
    FEW,
    SPACE,
    START,
    Dies,
    curve,
    in_process,
    planned,
    sequence,
    work_until_write,
)

LONG_ENOUGH = {"tpe": 16, "gp": 13, "cmaes": 24, "random": 8, "grid": 12}
"""Trials after which a sampler has left its random start."""

SLOW = pytest.mark.slow
OFTEN = {(sampler, how) for sampler in ("gp", "cmaes") for how in ("median", "hyperband")}
"""Pairs that take seconds and add little to the others."""


@pytest.mark.parametrize(
    ("sampler", "how"),
    [
        pytest.param(sampler, how, marks=SLOW if (sampler, how) in OFTEN else ())
        for sampler in LONG_ENOUGH
        for how in ("none", "median", "hyperband")
    ],
)
def test_a_study_killed_again_and_again_equals_an_undisturbed_one(tmp_path, sampler, how):
    changes = {
        "sampler": sampler,
        "pruner": how,
        "trials": LONG_ENOUGH[sampler],
        "space": FEW if sampler == "grid" else SPACE,
    }
    whole = planned(tmp_path / "whole", **changes)
    work(whole, curve)
    killed = planned(tmp_path / "killed", **changes)
    for call in (1, 2, changes["trials"] // 2):
        assert in_process(work, killed, Dies(call)) == -signal.SIGKILL
    work(killed, curve)
    assert sequence(killed) == sequence(whole)
    assert len(sequence(whole)) == changes["trials"]
    assert len(open_study(killed).trials) == changes["trials"] + 3
    states = {state for _, state, *_ in sequence(whole)}
    assert states == ({"COMPLETE"} if how == "none" else {"COMPLETE", "PRUNED"})


@pytest.mark.parametrize("every", [11, pytest.param(1, marks=pytest.mark.slow)])
def test_a_kill_at_any_write_to_the_journal_changes_nothing(tmp_path, every):
    """Every write, whole or torn, of the first three trials and the making of the study."""
    changes = {"trials": 4, "pruner": "hyperband", "seed": 3}
    whole = planned(tmp_path / "whole", **changes)
    work(whole, curve)
    expected = sequence(whole)
    for write in range(1, 44, every):
        for torn in (False, True):
            killed = planned(tmp_path / f"{write}{torn}", **changes)
            assert in_process(work_until_write, killed, write, torn) == -signal.SIGKILL
            work(killed, curve)
            assert sequence(killed) == expected, (write, torn)


@pytest.mark.parametrize("sampler", LONG_ENOUGH)
def test_the_first_trial_is_the_defaults(tmp_path, sampler):
    plan = planned(tmp_path, sampler=sampler, trials=2, space=FEW)
    work(plan, curve)
    assert sequence(plan)[0][2] == {name: START[name] for name in FEW}
    assert sequence(plan)[1][2] != sequence(plan)[0][2]


@pytest.mark.parametrize("sampler", ["tpe", pytest.param("gp", marks=pytest.mark.slow), "cmaes"])
def test_a_sampler_finds_more_than_chance(tmp_path, sampler):
    """A seed made anew for every trial must not cost the sampler its memory."""
    best = {}
    for name in (sampler, "random"):
        plan = planned(tmp_path / name, sampler=name, trials=30, seed=1)
        work(plan, curve)
        best[name] = max(values[0] for _, _, _, values, _ in sequence(plan))
    assert best[sampler] > best["random"]


@pytest.mark.parametrize("sampler", ["tpe", "gp", "random"])
def test_several_objectives_are_searched(tmp_path, sampler):
    def both(trial, params):
        return params["n"] - abs(params["x"]), params["x"] ** 2

    plan = planned(tmp_path, maximise=(True, False), sampler=sampler, trials=12)
    work(plan, both)
    front = open_study(plan).best_trials
    assert front
    assert len({tuple(trial.values) for trial in front}) < 12


def test_another_seed_is_another_sequence(tmp_path):
    drawn = []
    for seed in (0, 1, 0):
        plan = planned(tmp_path / str(len(drawn)), seed=seed, trials=3)
        work(plan, curve)
        drawn.append(sequence(plan))
    assert drawn[0] == drawn[2]
    assert drawn[0][1:] != drawn[1][1:]


@pytest.mark.parametrize("include_pruned", [True, False])
def test_the_space_that_trials_share_is_what_optuna_finds_by_comparing_them(
    tmp_path, include_pruned
):
    plan = planned(tmp_path, trials=3)
    study = open_study(plan)

    def ended_as(state):
        made = create_trial(
            state=state,
            params=START,
            distributions=SPACE,
            values=[1.0] if state.value == 1 else None,
        )
        study.add_trial(made)

    found = []
    for state in (TrialState.FAIL, TrialState.PRUNED, TrialState.COMPLETE):
        ended_as(state)
        ours = _WholeSpace(plan.space, include_pruned).calculate(study)
        theirs = IntersectionSearchSpace(include_pruned).calculate(study)
        assert list(ours.items()) == list(theirs.items())
        found.append(bool(ours))
    assert found == [False, include_pruned, True]


def test_a_grid_ends_when_every_point_was_tried(tmp_path):
    space = {"n": FEW["n"].__class__(1, 3), "kind": FEW["kind"]}
    plan = planned(tmp_path, sampler="grid", trials=1000, space=space)
    work(plan, curve)
    tried = [params for _, _, params, *_ in sequence(plan)[1:]]
    assert tried == grid(space)
    assert len(tried) == 9


def test_a_grid_of_something_continuous_is_refused():
    with pytest.raises(UserError, match=r"'x' is continuous; give it 'choices'"):
        grid({"x": FloatDistribution(0, 1)})


def test_a_slot_is_the_number_without_what_was_recovered():
    def numbered(number, **attributes):
        trial = create_trial(state=TrialState.RUNNING, user_attrs=attributes)
        trial.number = number
        return trial

    trials = [numbered(0), numbered(1), numbered(2, slot=1), numbered(3), numbered(4, slot=0)]
    assert slots([*trials, numbered(5)]) == [0, 1, 1, 2, 0, 3]


def test_without_pruner_nothing_is_pruned(tmp_path):
    plan = planned(tmp_path, trials=12)
    work(plan, curve)
    assert not pruner("none").prune(open_study(plan), open_study(plan).trials[-1])
    assert {state for _, state, *_ in sequence(plan)} == {"COMPLETE"}
