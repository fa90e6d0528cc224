"""What one trial of a tuning does: fit one setting, and judge it by the validation part alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import Trial

from framework.base.threads import single_threaded
from framework.contracts.task import Fit
from framework.runs.execution import Progress, fit
from framework.runs.finished import RUNS
from framework.runs.run import Run
from framework.search.study.sampling import REPORTS
from framework.search.tuning.plan import TuningPlan

WATCHED = 20_000
"""Unexplored items, drawn once, against which a trial's validation fields are ranked."""
GLANCED_AT = 4_000
"""The first of these, for the intermediate values that pruning looks at."""


@single_threaded()
def values_of(
    run: Run, watch: Callable[[Fit], Progress] | None = None, runs: Path = RUNS
) -> dict[str, float]:
    """Fit one setting; every metric on validation, and seconds_fit. The hold-out is not scored.

    Args:
        watch: told of the fit when it starts.
        runs: the folder of all results.
    """
    done = fit(run, watch, runs)
    return {**done.task.validate(done, WATCHED), "seconds_fit": done.seconds}


@dataclass(frozen=True)
class FitTrial:
    """The function of a tuning's trials: values of the objectives, or `optuna.TrialPruned`."""

    plan: TuningPlan

    def __call__(self, trial: Trial, params: dict[str, Any]) -> tuple[float, ...]:
        watch = None if self.plan.study.pruner == "none" else self._watching(trial)
        values = values_of(self.plan.run_of(params), watch, self.plan.runs)
        trial.set_user_attr("values", values)
        return tuple(values[name] for name in self.plan.tuning.objectives)

    def _watching(self, trial: Trial) -> Callable[[Fit], Progress]:
        metric = self.plan.tuning.objectives[0]
        if metric == "seconds_fit":
            return lambda _: lambda done, total: None

        def watch(started: Fit) -> Progress:
            reported = 0

            def report(done: int, total: int) -> None:
                nonlocal reported
                step = done * REPORTS // total
                if step == reported or done == total:
                    return
                reported = step
                with started.encoder.as_it_stands():
                    glance = started.task.validate(started, GLANCED_AT)
                trial.report(glance[metric], step)
                if trial.should_prune():
                    raise optuna.TrialPruned

            return report

        return watch
