"""Executors of this machine: the same results everywhere, and one dead process costs one piece."""

import itertools
import multiprocessing
import os
import pickle
import signal
import time
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from framework.base.errors import UserError
from framework.execution import processes
from framework.execution.choice import executor_for
from framework.execution.executor import Failure, sparing
from framework.execution.here import Here
from framework.execution.processes import Processes
from tests.framework.execution.pieces import Deed, attempts

WAYS = {"here": Here(), "processes": Processes(2)}


@pytest.fixture(autouse=True)
def quick_workers(monkeypatch):
    """Workers that import only what these tests need."""
    monkeypatch.setattr(processes, "_IMPORTED", ["tests.framework.execution.pieces"])


def ended(executor, work, pieces, report=lambda *_: None):
    with closing(executor.run(work, pieces, report)) as ending:
        return dict(ending)


@pytest.mark.parametrize("executor", WAYS.values(), ids=WAYS)
def test_every_piece_comes_back_once_with_its_result_or_its_failure(executor, tmp_path):
    pieces = ["value 0", "fail 1", "value 2", "refuse 3", "value 4"]
    outcomes = ended(executor, Deed(tmp_path), pieces)
    assert outcomes.keys() == set(pieces)
    expected = ended(Here(), Deed(tmp_path), pieces)
    for number in (0, 2, 4):
        piece = f"value {number}"
        assert outcomes[piece].failure is None
        assert pickle.dumps(outcomes[piece].result) == pickle.dumps(expected[piece].result)
    failed, refused = outcomes["fail 1"].failure, outcomes["refuse 3"].failure
    assert failed.cause.startswith("KeyError: 'fail 1' (pieces.py:")
    assert "Traceback" in failed.traceback
    assert not failed.refused
    assert (refused.cause, refused.refused) == ("refuse 3: give another one", True)


@pytest.mark.parametrize("executor", WAYS.values(), ids=WAYS)
def test_progress_reaches_the_main_process_with_its_piece(executor, tmp_path):
    reports = []
    ended(executor, Deed(tmp_path), ["value 0", "value 1"], lambda *said: reports.append(said))
    assert {("value 0", 2, 2), ("value 1", 2, 2)} <= set(reports)


@pytest.mark.parametrize("executor", WAYS.values(), ids=WAYS)
def test_a_stream_without_end_is_taken_from_as_it_is_worked_on(executor, tmp_path):
    taken = []

    def stream():
        for number in itertools.count():
            taken.append(number)
            yield f"value {number}"

    with closing(executor.run(Deed(tmp_path), stream(), lambda *_: None)) as ending:
        assert len([*itertools.islice(ending, 5)]) == 5
    assert len(taken) <= 5 + 2


def test_a_process_that_dies_costs_only_its_piece(tmp_path):
    pieces = ["value 0", "die 1", "leave 2", "die-once 3", "value 4", "value 5"]
    outcomes = ended(Processes(2), Deed(tmp_path), pieces)
    assert outcomes.keys() == set(pieces)
    assert outcomes["die 1"].failure == Failure(
        "its worker process died (killed, or out of memory)", died=True
    )
    assert outcomes["leave 2"].failure == Failure(
        "its worker process died (exit code 3)", died=True
    )
    assert outcomes["die-once 3"].result == Deed(tmp_path)("value 3", lambda *_: None)
    assert len(set(attempts(tmp_path, "die 1"))) == processes.ATTEMPTS
    assert all(outcomes[f"value {number}"].failure is None for number in (0, 4, 5))


def test_a_closed_stream_ends_its_processes(tmp_path):
    with closing(Processes(2).run(Deed(tmp_path), ["sleep 0", "value 1"], print)) as ending:
        assert next(ending)[0] == "value 1"
    assert not multiprocessing.active_children()
    assert not any(map(psutil.pid_exists, attempts(tmp_path, "sleep 0")))


def _hand_out(folder):
    ended(Processes(2), Deed(folder), ["sleep 0", "sleep 1"])


@pytest.mark.slow
def test_workers_of_a_killed_process_end_with_it(tmp_path):
    main = multiprocessing.get_context("forkserver").Process(target=_hand_out, args=(tmp_path,))
    main.start()
    pieces = [tmp_path / f"sleep {number}" for number in range(2)]
    give_up = time.monotonic() + 60
    while not all(path.exists() and path.read_text() for path in pieces):
        assert time.monotonic() < give_up
        time.sleep(0.05)
    workers = [psutil.Process(*attempts(tmp_path, path.name)) for path in pieces]
    os.kill(main.pid, signal.SIGKILL)
    main.join()
    assert not psutil.wait_procs(workers, timeout=10)[1]


def test_steps_are_left_out_of_reports_but_not_the_last(monkeypatch):
    said = []
    progress = sparing(lambda *step: said.append(step))
    for step in range(1, 1001):
        progress(step, 1000)
    assert said[0] == (1, 1000)
    assert said[-1] == (1000, 1000)
    assert len(said) < 100


def test_a_failure_keeps_its_traceback_in_a_file_that_it_names(tmp_path):
    path = tmp_path / "failures" / "a.txt"
    assert Failure("it is odd", "Traceback: here").kept(path) == f"it is odd; traceback in {path}"
    assert path.read_text() == "Traceback: here"
    assert Failure("its process died", died=True).kept(tmp_path / "b.txt") == "its process died"
    assert not (tmp_path / "b.txt").exists()


def test_options_choose_where_work_runs():
    def kind(*arguments):
        return type(executor_for(*arguments)).__name__

    assert kind(1, None, Path()) == "Here"
    assert kind(2, None, Path()) == "Processes"
    assert kind(2, None, Path(), 1) == "Here"
    assert kind(1, "tcp://a:1", Path()) == "Cluster"
    with pytest.raises(UserError, match=r"--workers 2: a cluster has its own workers"):
        executor_for(2, "tcp://a:1", Path())
