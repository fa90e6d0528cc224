"""What a tracker is told of a study: its trials as they end, and what they came to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from framework.base.digest import digest
from framework.base.versions import versions
from framework.benchmark.benchmark import Outcome
from framework.config.experiment import Experiment
from framework.contracts.tracker import (
    Piece,
    Point,
    Record,
    State,
    Summary,
    Tracked,
    Winner,
    Work,
)
from framework.runs.records import common_tags, source_of, unservable
from framework.runs.run import Run
from framework.search.study.ownership import is_mine
from framework.search.study.plan import StudyPlan
from framework.search.study.trials import ended

STATES = {
    TrialState.COMPLETE: State.FINISHED,
    TrialState.PRUNED: State.STOPPED,
    TrialState.FAIL: State.FAILED,
}


def work_of(experiment: Experiment, base: Run, study: StudyPlan) -> Work:
    """A study as a tracker sees it, known by its name and content.

    Args:
        base: the run of the defaults.
    """
    return Work(
        kind="study",
        name=experiment.name,
        group=experiment.task.name,
        identity={"study_digest": digest([study.name, study.content])[:16]},
        common=common_tags(experiment, base),
        tags={
            "encoder": base.encoder,
            "split": base.split,
            "seed": str(base.seed),
            "sampler": study.sampler,
        },
        settings=experiment.model_dump(mode="json"),
        kept_in=study.storage,
        unservable=unservable(base),
    )


@dataclass
class Trials:
    """Tells a tracker of the trials of one study.

    Every command tells those of its own workers as they end, beside their work, and at the end
    all of them, whoever finished them: a tracker keeps each once.

    Attributes:
        watched: the name of the intermediate values.
        run_of: the run of a setting.
    """

    tracked: Tracked
    watched: str
    run_of: Callable[[Mapping[str, Any]], Run]
    _told: set[int] = field(default_factory=set)

    def tell_mine(self, study: optuna.Study) -> None:
        """Tell of this command's trials that have ended since the last call."""
        trials = [(slot, t) for slot, t in ended(study) if t.number not in self._told]
        self._tell([(slot, t) for slot, t in trials if is_mine(t.user_attrs["owner"])])

    def tell_all(self, study: optuna.Study) -> None:
        """Tell of all trials that have ended."""
        self._tell(ended(study))

    def _tell(self, trials: Sequence[tuple[int, FrozenTrial]]) -> None:
        for slot, trial in trials:
            self.tracked.ended(self._piece(slot, trial))
            self._told.add(trial.number)

    def _piece(self, slot: int, trial: FrozenTrial) -> Piece:
        run, worker = self.run_of(trial.params), trial.user_attrs["owner"]
        tags = {
            "encoder": run.encoder,
            "split": run.split,
            "seed": str(run.seed),
            "slot": str(slot),
            "worker": f"{worker['host']}:{worker['pid']}",
        }
        if trial.state == TrialState.PRUNED:
            tags["pruned"] = f"after {trial.last_step} of its intermediate values"
        return Piece(
            kind="trial",
            key=str(trial.number),
            name=f"{run.encoder} trial {trial.number}",
            tags=tags,
            state=STATES[trial.state],
            cause=trial.user_attrs.get("cause", ""),
            record=lambda: self._record(run, trial),
        )

    def _record(self, run: Run, trial: FrozenTrial) -> Record:
        assert trial.datetime_start is not None
        assert trial.datetime_complete is not None
        measured = dict(trial.user_attrs.get("values", {}))
        seconds = {"seconds/fit": measured.pop("seconds_fit")} if measured else {}
        intermediate = [Point(*pair) for pair in trial.intermediate_values.items()]
        return Record(
            settings=run.settings,
            # MLflow's compare page draws what comes first
            metrics={f"validation/{name}": value for name, value in measured.items()} | seconds,
            curves={f"intermediate/{self.watched}": intermediate} if intermediate else {},
            documents={"trial.json": {"settings": run.settings, "versions": versions()}},
            data=source_of(run.settings),
            started=trial.datetime_start.timestamp(),
            ended=trial.datetime_complete.timestamp(),
        )


def summary_of(
    chosen: FrozenTrial | None,
    outcome: Outcome | None,
    folder: Path,
    *,
    text: str = "",
    winner: Winner | None = None,
) -> Summary:
    """What a study has come to.

    Args:
        chosen: the best trial; None while trials are missing.
        outcome: defaults and winner on the hold-out; None with `chosen`.
        folder: of the study.
        text: the table of both.
    """
    files = [folder / name for name in ("trials.csv", "best.yaml", "figures")]
    if chosen is None or outcome is None:
        return Summary(State.STOPPED, files=files)
    best = chosen.user_attrs["values"]
    return Summary(
        State.FAILED if outcome.failures else State.FINISHED,
        text,
        metrics={f"best/validation/{name}": value for name, value in best.items()},
        tags={"best_trial": str(chosen.number)},
        files=files,
        winner=winner,
    )
