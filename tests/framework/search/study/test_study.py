"""A study goes on after whatever happened to it, and counts every slot once."""

import math
import os
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState, create_trial

from framework.base.errors import UserError
from framework.base.processes import is_this
from framework.execution.here import Here
from framework.execution.processes import Processes
from framework.search.study.ownership import STALE, is_mine, lives, owner
from framework.search.study.storage import usable
from framework.search.study.study import open_study
from framework.search.study.trials import ended, given_up, n_free, slots, snapshot
from framework.search.study.work import recover, work
from framework.search.workers import work_through
from tests.framework.search.killed import (
    STARTER,
    Dies,
    DiesOnce,
    curve,
    dies,
    height,
    in_process,
    planned,
    sequence,
)

KINDS = ["journal", pytest.param("sqlite", marks=pytest.mark.slow)]


def kept_in(folder: Path, kind: str) -> str:
    """A storage of a kind."""
    return str(folder / "s.journal") if kind == "journal" else f"sqlite:///{folder / 's.db'}"


def begun_by(study: optuna.Study, own: dict, **attributes: object) -> int:
    """A running trial of some process; its id."""
    trial = create_trial(state=TrialState.RUNNING, user_attrs={"owner": own, **attributes})
    return study._storage.create_new_trial(study._study_id, template_trial=trial)


def state_of(study: optuna.Study, trial_id: int) -> TrialState:
    return study._storage.get_trial(trial_id).state


class TestGoingOn:
    def test_more_trials_continue_the_same_sequence(self, tmp_path):
        whole = planned(tmp_path / "whole", trials=14)
        work(whole, curve)
        plan = planned(tmp_path / "raised", trials=5)
        for trials in (5, 6, 14):
            work(replace(plan, trials=trials), curve)
        assert sequence(plan) == sequence(whole)

    def test_fewer_trials_than_done_add_none(self, tmp_path):
        plan = planned(tmp_path, trials=4)
        work(plan, curve)
        before = sequence(plan)
        work(replace(plan, trials=2), curve)
        assert sequence(plan) == before

    def test_no_trial_is_begun_after_the_deadline(self, tmp_path):
        plan = planned(tmp_path)
        work(plan, curve, deadline=time.time() - 1)
        assert sequence(plan) == []
        work(plan, curve)
        assert len(sequence(plan)) == 6

    def test_interrupted_by_hand_the_slot_is_free_at_once(self, tmp_path):
        def interrupted(trial, params):
            if trial.number == 2:
                raise KeyboardInterrupt
            return curve(trial, params)

        whole = planned(tmp_path / "whole")
        work(whole, curve)
        plan = planned(tmp_path / "interrupted")
        with pytest.raises(KeyboardInterrupt):
            work(plan, interrupted)
        assert n_free(open_study(plan), plan) == 4
        work(plan, curve)
        assert sequence(plan) == sequence(whole)

    def test_slots_of_given_up_trials_beyond_the_end_come_back_when_trials_are_raised(
        self, tmp_path
    ):
        plan = planned(tmp_path, trials=2)
        work(plan, curve)
        study = open_study(plan)
        lost = begun_by(study, {**owner(), "pid": 2**22 + 1})
        work(plan, curve)
        assert state_of(study, lost) == TrialState.FAIL
        work(replace(plan, trials=4), curve)
        assert [place for place, *_ in sequence(plan)] == [0, 1, 2, 3]

    def test_a_snapshot_is_the_study_without_its_storage(self, tmp_path):
        plan = planned(tmp_path, pruner="median", trials=12)
        assert in_process(work, plan, Dies(2)) == -9
        work(plan, curve)
        study = open_study(plan)
        copied = snapshot(study)
        expected, best = ended(study), study.best_trial
        (tmp_path / "study.journal").unlink()
        assert ended(copied) == expected
        assert copied.best_trial == best
        assert copied.directions == study.directions


class TestOtherSettings:
    def test_what_changed_is_named(self, tmp_path):
        run = {"items": "digest of a", "encoder": {"parameters": {"k": 3, "old": 1}}}
        plan = planned(tmp_path, content={"run": run, "tuning": {"seed": 0}})
        work(plan, curve)
        other = {"items": "digest of b", "encoder": {"parameters": {"k": 5, "new": [1, 2]}}}
        with pytest.raises(UserError, match="started with other settings") as refused:
            open_study(replace(plan, content={"run": other, "tuning": {"seed": 0}}))
        message = str(refused.value)
        assert 'run.items: "digest of a" -> "digest of b"' in message
        assert "run.encoder.parameters.k: 3 -> 5" in message
        assert 'run.encoder.parameters.old: 1 -> "absent"' in message
        assert 'run.encoder.parameters.new: "absent" -> [1, 2]' in message
        assert "seed" not in message

    def test_a_refused_study_is_not_written_to(self, tmp_path):
        plan = planned(tmp_path)
        work(plan, curve)
        before = (tmp_path / "study.journal").read_bytes()
        with pytest.raises(UserError):
            open_study(replace(plan, content={}))
        open_study(plan)
        assert (tmp_path / "study.journal").read_bytes() == before

    def test_tuples_and_lists_are_the_same(self, tmp_path):
        open_study(planned(tmp_path, content={"hidden": (1, 2)}))
        open_study(planned(tmp_path, content={"hidden": [1, 2]}))


class TestWhoWorksOnWhat:
    def test_the_trial_of_a_living_process_is_left_to_it(self, tmp_path):
        study = open_study(planned(tmp_path))
        process = STARTER.Process(target=time.sleep, args=(60,))
        process.start()
        held = begun_by(study, {**owner(), "pid": process.pid, "started": time.time()})
        recover(study)
        assert state_of(study, held) == TrialState.RUNNING
        process.kill()
        process.join()
        recover(study)
        assert state_of(study, held) == TrialState.FAIL
        assert given_up(study.trials[-1])

    def test_a_process_number_used_again_is_not_the_old_process(self, tmp_path):
        assert lives(owner(), 0)
        assert not lives({**owner(), "started": owner()["started"] - 60}, 0)
        assert not is_this({**owner(), "started": owner()["started"] - 60})
        assert not lives({**owner(), "started": None}, time.time())
        assert not lives({**owner(), "pid": 2**22 + 1}, time.time())

    def test_a_process_elsewhere_lives_as_long_as_it_is_heard_of(self):
        elsewhere = {**owner(), "host": "elsewhere", "seen": time.time() - 2 * STALE}
        assert not lives(elsewhere, 0)
        assert lives(elsewhere, time.time() - STALE / 2)
        assert not is_mine({**elsewhere, "command_host": "elsewhere"})
        assert is_mine(elsewhere)  # a worker on another machine, for a command on this one

    def test_signs_of_life_are_written_while_a_trial_goes_on(self, tmp_path, monkeypatch):
        monkeypatch.setattr("framework.search.study.work.HEARTBEAT", 0.05)

        def slow(trial, params):
            time.sleep(0.4)
            return curve(trial, params)

        plan = planned(tmp_path, trials=1)
        before = time.time()
        work(plan, slow)
        assert before < open_study(plan).trials[0].user_attrs["seen"] <= time.time()

    def test_what_a_process_brings_after_it_was_given_up_is_not_counted(self, tmp_path):
        plan = planned(tmp_path, trials=3)
        study = open_study(plan)

        def away(trial, params):
            if trial.number == 1:  # another machine saw no sign of life, and took the slot over
                study._storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
            return (params["n"],)

        def away_while_reporting(trial, params):
            away(trial, params)
            return curve(trial, params)

        for objective in (away, away_while_reporting):
            work(plan, objective)
        assert [place for place, *_ in sequence(plan)] == [0, 1, 2]
        assert [given_up(trial) for trial in study.trials] == [False, True, False, False]

    @pytest.mark.parametrize("kind", KINDS)
    def test_processes_that_meet_in_a_slot_count_once(self, tmp_path, kind):
        """Eight slots of dead processes, and four that find them at the same moment."""
        plan = planned(tmp_path, storage=kept_in(tmp_path, kind), trials=16)
        study = open_study(plan)
        for _ in range(8):
            begun_by(study, {**owner(), "pid": 2**22 + 1})
        processes = [STARTER.Process(target=work, args=(plan, height)) for _ in range(4)]
        for process in processes:
            process.start()
        for process in processes:
            process.join(60)
        assert [process.exitcode for process in processes] == [0] * 4
        assert [place for place, *_ in sequence(plan)] == list(range(16))


class TestFailures:
    def test_a_failed_trial_has_its_cause_and_the_others_go_on(self, tmp_path):
        def failing(trial, params):
            if trial.number == 1:
                raise UserError("the loss is no longer finite")
            if trial.number == 2:
                return params["no such setting"]
            if trial.number == 3:
                return (math.nan,)
            return curve(trial, params)

        plan = planned(tmp_path)
        work(plan, failing)
        trials = [trial for _, trial in ended(open_study(plan))]
        assert [t.state.name for t in trials] == ["COMPLETE", *["FAIL"] * 3, *["COMPLETE"] * 2]
        causes = [t.user_attrs["cause"] for t in trials[1:4]]
        assert causes[0] == "the loss is no longer finite"
        assert causes[1].startswith("KeyError: 'no such setting' (test_study.py:")
        assert causes[2] == "the objective returned NaN"

    def test_an_infinite_value_is_a_value(self, tmp_path):
        plan = planned(tmp_path, trials=12)
        work(plan, lambda trial, params: (-math.inf if trial.number == 1 else params["x"],))
        assert sequence(plan)[1][3] == [-math.inf]
        assert len(sequence(plan)) == 12


class TestWorkers:
    @pytest.mark.parametrize("kind", KINDS)
    def test_one_of_four_is_killed_within_a_trial(self, tmp_path, kind):
        plan = planned(tmp_path, storage=kept_in(tmp_path, kind), trials=12)
        study = open_study(plan)
        looks = []
        work_through(
            plan,
            DiesOnce(tmp_path, 4),
            study,
            Processes(4),
            look=lambda s: looks.append(len(ended(s))),
        )
        assert [place for place, *_ in sequence(plan)] == list(range(12))
        (lost,) = [
            (place, trial.user_attrs["owner"]["pid"])
            for place, trial in zip(slots(study.trials), study.trials, strict=True)
            if given_up(trial) and trial.params  # a rival for a slot gives up before it draws
        ]
        holder = dict(ended(study))[lost[0]]
        assert holder.user_attrs["owner"]["pid"] != lost[1]
        workers = Counter(trial.user_attrs["owner"]["pid"] for _, trial in ended(study))
        assert len(workers) >= 3, workers  # another began in the place of the one that was killed
        assert lost[1] not in workers
        assert all(is_mine(trial.user_attrs["owner"]) for trial in study.trials)
        assert os.getpid() not in workers
        assert looks == sorted(looks)
        assert looks[-1] == 12

    def test_where_all_die_the_command_says_so_and_does_not_hang(self, tmp_path):
        plan = planned(tmp_path, trials=3)
        with pytest.raises(UserError, match="no trial ended in between: its worker process died"):
            work_through(plan, dies, open_study(plan), Processes(2))
        work_through(plan, curve, open_study(plan), Here())
        assert len(sequence(plan)) == 3

    def test_the_last_trial_of_another_command_is_waited_for(self, tmp_path):
        plan = planned(tmp_path, trials=3)
        slow = STARTER.Process(target=work, args=(plan, _slow))
        slow.start()
        study = open_study(plan)
        while not study.trials:
            time.sleep(0.02)
        work_through(plan, curve, study, Here())
        slow.join(30)
        assert [place for place, *_ in sequence(plan)] == [0, 1, 2]
        commands = {trial.user_attrs["owner"]["pid"] for trial in study.trials}
        assert commands == {slow.pid, os.getpid()}

    def test_a_killed_command_takes_its_worker_along(self, tmp_path):
        """Its worker ends the trial that it is in, and begins no other."""
        plan = planned(tmp_path, trials=50)
        assert in_process(_command, plan, tmp_path) == -9
        study = open_study(plan)
        give_up = time.monotonic() + 30
        while any(t.state == TrialState.RUNNING for t in study.trials):
            recover(study)
            assert time.monotonic() < give_up
            time.sleep(0.1)
        stood = len(study.trials)
        time.sleep(1)
        assert len(study.trials) == stood < 50

    def test_a_worker_that_finds_its_storage_gone_says_why(self, tmp_path):
        plan = planned(tmp_path, trials=4)
        study = open_study(plan)
        (tmp_path / "study.journal").rename(tmp_path / "away")
        (tmp_path / "study.journal").mkdir()
        with (
            pytest.raises(UserError, match=r"study storage .* cannot be used"),
            usable(plan.storage),
        ):
            work_through(plan, curve, study, Processes(2))
        (tmp_path / "study.journal").rmdir()
        (tmp_path / "away").rename(tmp_path / "study.journal")
        work(plan, curve)
        assert len(sequence(plan)) == 4


def _slow(trial, params):
    time.sleep(0.5)
    return curve(trial, params)


def _command(plan, folder):
    """A command whose worker is in its third trial when the command is killed."""

    def look(study):
        if len(ended(study)) >= 2:
            os.kill(os.getpid(), 9)

    work_through(plan, _slow, open_study(plan), Processes(2), look=look)


def test_a_death_is_no_failure_of_the_trial(tmp_path):
    plan = planned(tmp_path)
    assert in_process(work, plan, Dies(1)) == -9
    study = open_study(plan)
    assert study.trials[0].state == TrialState.RUNNING
    recover(study)
    assert ended(study) == []
