"""What is logged to MLflow of a study: a parent run, a child for each trial, the winner."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

from mlflow import entities
from mlflow.entities import Metric
from mlflow.exceptions import MlflowException
from optuna.trial import FrozenTrial, TrialState

from framework.base.digest import digest
from framework.base.errors import UserError
from framework.runs.run import versions
from framework.search.ownership import is_me, is_mine, lives, owner
from framework.search.study import ended
from framework.search.tuning import Search, Tuned, trial_run
from framework.tracking import mlflow as tracking
from framework.tracking.store import store_uri

if TYPE_CHECKING:
    import optuna

STATUS = {
    TrialState.COMPLETE: "FINISHED",
    TrialState.PRUNED: "KILLED",
    TrialState.FAIL: "FAILED",
}


@dataclass
class StudyLog:
    """The runs of one study in MLflow.

    Every command logs the trials of its own workers as they end, beside their work. A store that
    fails meanwhile stops no search: what is missing is logged at the end. Used as a context, the
    study's run ends with what stops the search, too.
    """

    search: Search
    log: tracking.Log
    runs: Path
    done: set[int] = field(default_factory=set)
    broken: bool = False
    versions: dict[str, str] = field(default_factory=versions)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            status = "FAILED" if issubclass(kind, Exception) else "KILLED"
            with suppress(UserError), self.as_user_error():
                self.log.client.set_terminated(self.parent, status)

    @property
    def parent(self) -> str:
        """The id of the study's own run."""
        return self.log.parent

    def log_ended(self, study: optuna.Study) -> None:
        """Log this command's trials that have ended since the last call."""
        mine = [
            (place, trial)
            for place, trial in ended(study)
            if trial.number not in self.done and is_mine(trial.user_attrs["owner"])
        ]
        if mine and not self.broken:
            try:
                self._log(mine)
            except UserError:
                self.broken = True

    def log_rest(self, study: optuna.Study) -> None:
        """Log all trials that are not in the store yet, whoever finished them.

        Another command may do the same meanwhile: of two children of one trial one is deleted.

        Raises:
            UserError: the store failed; the same command logs the rest.
        """
        with self.as_user_error():
            self.done = _logged(self.log)
        self._log([(s, t) for s, t in ended(study) if t.number not in self.done])
        with self.as_user_error():
            _delete_twins(self.log)

    def _log(self, trials: list[tuple[int, FrozenTrial]]) -> None:
        with self.as_user_error():
            for place, trial in trials:
                self._log_trial(place, trial)
                self.done.add(trial.number)

    def _log_trial(self, place: int, trial: FrozenTrial) -> None:
        run, client = trial_run(self.search, trial.params), self.log.client
        assert trial.datetime_start is not None
        assert trial.datetime_complete is not None
        started, over = (
            int(t.timestamp() * 1000) for t in (trial.datetime_start, trial.datetime_complete)
        )
        worker = trial.user_attrs["owner"]
        tags = {
            "kind": "trial",
            "trial": str(trial.number),
            "slot": str(place),
            "worker": f"{worker['host']}:{worker['pid']}",
            "logged_by": json.dumps(owner()),
        }
        if trial.state == TrialState.PRUNED:
            tags["pruned"] = f"after {trial.last_step} of its intermediate values"
        if trial.state == TrialState.FAIL:
            tags["failure"] = trial.user_attrs["cause"][: tracking.LONGEST_TAG]
        name = f"{run.encoder} trial {trial.number}"
        child = tracking.new_child(self.log, run, name, started, tags)
        found = dict(trial.user_attrs.get("values", {}))
        seconds = found.pop("seconds_fit", None)
        # MLflow's compare page draws what is logged first
        metrics = [Metric(f"validation/{key}", value, over, 0) for key, value in found.items()]
        if seconds is not None:
            metrics.append(Metric("seconds/fit", seconds, over, 0))
        watched = f"intermediate/{self.search.tuning.objectives[0]}"
        metrics += [
            Metric(watched, value, over, step) for step, value in trial.intermediate_values.items()
        ]
        tracking.log_values(client, child, tracking.flat(run.settings), metrics)
        content = {"settings": run.settings, "versions": self.versions}
        client.log_dict(child, json.loads(json.dumps(content, default=list)), "trial.json")
        client.set_terminated(child, STATUS[trial.state], end_time=over)

    def as_user_error(self) -> AbstractContextManager[None]:
        """What the store does wrong as one message."""
        mend = f"trials stand in {self.search.study.storage}; run again to log the rest"
        return tracking.as_user_error(store_uri(self.runs), mend)


def open_log(search: Search, runs: Path) -> StudyLog:
    """The study's run in MLflow, found again or begun.

    Raises:
        UserError: the store failed.
    """
    content = digest([search.study.name, search.study.content])[:16]
    names = {"encoder": search.base.encoder, "split": search.base.split}
    tags = {**names, "seed": str(search.base.seed), "sampler": search.study.sampler}
    with tracking.as_user_error(store_uri(runs), "mend it, or do without (--no-track)"):
        log = tracking.open_log(
            search.experiment,
            search.base.settings["dataset"],
            runs,
            "study",
            {"study_digest": content},
            tags,
        )
        log.client.update_run(log.parent, status="RUNNING")
        return StudyLog(search, log, runs, _logged(log))


def close_log(
    own: StudyLog, study: optuna.Study, tuned: Tuned, runs: Path, register: str | None
) -> str:
    """Log what is missing, figures, table, and the winner as a model; the id of the study's run.

    Args:
        register: name under which the winner is registered; not at all where None.

    Raises:
        UserError: the store failed.
    """
    own.log_rest(study)
    client, parent, folder = own.log.client, own.parent, own.search.folder
    with own.as_user_error():
        for name in ("trials.csv", "best.yaml", "figures"):
            if (folder / name).exists():
                tracking.log_path(client, parent, folder / name)
        if tuned.best is None or tuned.chosen is None:
            client.set_terminated(parent, "KILLED")
            return parent
        now = int(time.time() * 1000)
        best = tuned.chosen.user_attrs["values"]
        metrics = [Metric(f"best/validation/{key}", value, now, 0) for key, value in best.items()]
        tracking.log_values(client, parent, {}, metrics)
        client.set_tag(parent, "best_trial", str(tuned.chosen.number))
        outcome = tuned.outcome
        assert outcome is not None
        of_winner = [run for run in outcome.plan if run.encoder == tuned.best.title]
        if of_winner[0].finished(runs):
            cell = of_winner[0]
            tracking.log_winner(own.log, cell.digest, cell.folder(runs))
            if register is not None:
                tracking.register_winner(own.log, register)
        if outcome.results is not None:
            client.set_tag(parent, "mlflow.note.content", tuned.to_markdown())
        client.set_terminated(parent, "FAILED" if outcome.failures else "FINISHED")
    return parent


def _logged(log: tracking.Log) -> set[int]:
    """Numbers of the trials that are logged, or being logged by another command; what a process
    that was killed, or whose store failed, left open is deleted."""
    numbers = set()
    for child in tracking.children(log):
        if "trial" not in child.data.tags:
            continue
        if child.info.status == "RUNNING" and not _is_logged_elsewhere(child):
            _delete(log, child.info.run_id)
        else:
            numbers.add(int(child.data.tags["trial"]))
    return numbers


def _is_logged_elsewhere(child: entities.Run) -> bool:
    by = json.loads(child.data.tags.get("logged_by", "null"))
    return by is not None and not is_me(by) and lives(by, 0)


def _delete_twins(log: tracking.Log) -> None:
    """Of children of the same trial keep one, the same one whoever looks."""
    ids = defaultdict(list)
    for child in tracking.children(log):
        if "trial" in child.data.tags and child.info.status != "RUNNING":
            ids[child.data.tags["trial"]].append(child.info.run_id)
    for twins in ids.values():
        for run_id in sorted(twins)[1:]:
            _delete(log, run_id)


def _delete(log: tracking.Log, run_id: str) -> None:
    try:
        log.client.delete_run(run_id)
    except MlflowException:
        if log.client.get_run(run_id).info.lifecycle_stage != "deleted":  # another was quicker
            raise
