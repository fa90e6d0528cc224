"""Processes that are killed, and the small studies they work on: shared by the tests of tuning.

The processes are forked from a server that has imported everything, so that one starts in
milliseconds and a kill meets its work, not its imports.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from framework.search.study.journal import Journal
from framework.search.study.plan import StudyPlan
from framework.search.study.study import open_study
from framework.search.study.trials import ended
from framework.search.study.work import work

STARTER = multiprocessing.get_context("forkserver")
STARTER.set_forkserver_preload(
    ["framework.neural.encoder", "framework.commands.main", "framework.figures.study", __name__]
)

SPACE = {
    "x": FloatDistribution(-5.0, 5.0),
    "rate": FloatDistribution(1e-4, 1.0, log=True),
    "n": IntDistribution(1, 20),
    "kind": CategoricalDistribution(["plain", "odd", "[1, 2]"]),
}
START = {"x": 1.0, "rate": 0.01, "n": 3, "kind": "plain"}
FEW = {name: SPACE[name] for name in ("n", "kind")}


def planned(folder: Path, **changes: Any) -> StudyPlan:
    """A study of a plain function, in a journal."""
    space = changes.pop("space", SPACE)
    settings = {
        "name": "s",
        "storage": str(folder / "study.journal"),
        "maximise": (True,),
        "space": space,
        "start": {name: START[name] for name in space},
        "content": {"run": {"data": "a"}},
        "trials": 6,
        **changes,
    }
    return StudyPlan(**settings)


def curve(trial: optuna.Trial, params: dict[str, Any]) -> Sequence[float]:
    """Climbs with every step to a height that depends on all parameters."""
    height = -((params.get("x", 0) - 2) ** 2) - abs(math.log10(params.get("rate", 1e-2)) + 2)
    height += params["n"] / 10 - len(params["kind"]) / 7
    for step in range(1, 10):
        trial.report(height * (1 + 1 / step), step)
        if trial.should_prune():
            raise optuna.TrialPruned
    return (height,)


def height(trial: optuna.Trial, params: dict[str, Any]) -> Sequence[float]:
    """The same without steps: a database is slow to write them."""
    return (params["n"] - params["x"] ** 2,)


@dataclass(frozen=True)
class Dies:
    """Kills its process within its n-th call of an objective."""

    call: int
    objective: Callable[..., Sequence[float]] = curve
    calls: list[None] = ()  # type: ignore[assignment]

    def __call__(self, trial: optuna.Trial, params: dict[str, Any]) -> Sequence[float]:
        object.__setattr__(self, "calls", [*self.calls, None])
        if len(self.calls) == self.call:
            trial.report(0.5, 1)
            trial.storage.set_trial_system_attr(trial._trial_id, "completed_rung_0", 1e6)
            os.kill(os.getpid(), signal.SIGKILL)
        return self.objective(trial, params)


def in_process(target: Callable[..., Any], *arguments: Any) -> int:
    """How a process that calls this ended: 0, or the negative number of a signal."""
    process = STARTER.Process(target=target, args=arguments)
    process.start()
    process.join(120)
    assert process.exitcode is not None, "it hangs"
    return process.exitcode


def work_until_write(plan: StudyPlan, write: int, torn: bool) -> None:
    """Work, and die with the n-th write to the journal: after half of its line, or right after."""
    append, writes = Journal.append_logs, [0]

    def counted(self: Journal, logs: list[dict[str, Any]]) -> None:
        writes[0] += 1
        if writes[0] == write and torn:
            with Path(plan.storage).open("ab") as file:
                file.write(b'{"op_code":4,"worker_id":"abc')
        else:
            append(self, logs)
        if writes[0] == write:
            os.kill(os.getpid(), signal.SIGKILL)

    Journal.append_logs = counted  # type: ignore[method-assign]
    work(plan, curve)


def sequence(plan: StudyPlan) -> list[tuple[Any, ...]]:
    """What happened in each slot, to the bit."""
    return [
        (place, trial.state.name, trial.params, trial.values, trial.intermediate_values)
        for place, trial in ended(open_study(plan))
    ]


@dataclass(frozen=True)
class DiesOnce:
    """Waits for its fellows, then kills the first process that comes here."""

    folder: Path
    workers: int

    def __call__(self, trial: optuna.Trial, params: dict[str, Any]) -> Sequence[float]:
        (self.folder / f"worker-{os.getpid()}").touch()
        give_up = time.monotonic() + 60
        while len([*self.folder.glob("worker-*")]) < self.workers and time.monotonic() < give_up:
            time.sleep(0.02)
        try:
            (self.folder / "killed").touch(exist_ok=False)
        except FileExistsError:
            time.sleep(0.1)  # so that every worker gets some
            return height(trial, params)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError


def dies(trial: optuna.Trial, params: dict[str, Any]) -> Sequence[float]:
    """An objective that nobody survives."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError
