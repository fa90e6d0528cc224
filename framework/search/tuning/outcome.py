"""What a tuning came to: its trials, the winner, and what the winner gains on the hold-out."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import optuna
import pandas as pd
from optuna.trial import FrozenTrial, TrialState

from framework.base.errors import UserError
from framework.base.files import whole
from framework.benchmark.benchmark import Outcome
from framework.benchmark.leaderboard import against, difference, leaderboard, to_markdown
from framework.config.schema import Component
from framework.search.study.trials import ended
from framework.search.tuning.plan import TuningPlan
from framework.search.tuning.space import from_optuna


@dataclass
class Tuned:
    """What a tuning came to.

    Attributes:
        plan: what was searched.
        best: the setting chosen, as a component of an experiment; None while trials are missing.
        chosen: the trial of that setting.
        finished, pruned, failed: numbers of trials.
        concurrent: trials that ran while another one did.
        outcome: defaults, tuned and the other encoders on the hold-out; None with `best`.
        tracked: what the tracker knows the study by; None where nothing is kept.
        causes: of the trials that failed, a line each.
    """

    plan: TuningPlan
    best: Component | None = None
    chosen: FrozenTrial | None = None
    finished: int = 0
    pruned: int = 0
    failed: int = 0
    concurrent: int = 0
    outcome: Outcome | None = None
    tracked: str | None = None
    causes: list[str] = field(default_factory=list)

    @property
    def ended(self) -> int:
        """Trials that count."""
        return self.finished + self.pruned + self.failed

    def differences(self) -> dict[str, dict[str, Any]]:
        """Tuned minus default on the hold-out, for every metric of the experiment."""
        if self.outcome is None or self.outcome.results is None or self.outcome.failures:
            return {}
        cube, best = self.outcome.results, self.best
        assert best is not None
        names = cube.attrs["metrics"].split()
        return {name: difference(cube, best.title, self.plan.default_title, name) for name in names}

    def gains(self) -> dict[str, str]:
        """The differences in words."""
        return {name: ", ".join(against(row)) for name, row in self.differences().items()}

    def timing(self) -> str:
        """What of this tuning depends on how fast trials ran, in a sentence; "" where nothing."""
        study, parts = self.plan.study, []
        if self.concurrent and study.sampler not in ("random", "grid"):
            parts.append(f"which settings were tried (sampler {study.sampler})")
        if self.concurrent and study.pruner != "none":
            parts.append(f"which trials were pruned (pruner {study.pruner})")
        reason = (
            f"{self.concurrent} of {self.ended} trials ran at the same time as another, so "
            f"{' and '.join(parts)} depended on which trials had ended by then; a search by one "
            "worker can be repeated exactly"
        )
        sentences = [reason] if parts else []
        if "seconds_fit" in self.plan.tuning.objectives:
            sentences.append("seconds_fit is measured, so a repeated search may choose otherwise")
        return "; ".join(sentences)

    def to_markdown(self) -> str:
        """The table default / tuned, what the tuning gained, and what of it depends on timing."""
        if self.outcome is None or self.outcome.results is None:
            return ""
        cube = self.outcome.results
        lines = [f"- {name}: tuned - default = {gain}" for name, gain in self.gains().items()]
        if timing := self.timing():
            lines.append(f"- timing: {timing}")
        return "\n".join([*lines, "", to_markdown(leaderboard(cube), cube)])


def outcome_of(plan: TuningPlan, study: optuna.Study) -> Tuned:
    """How a study stands, and where it has all of its trials, the setting that it chooses.

    Raises:
        UserError: all trials have ended and none succeeded.
    """
    trials = [trial for _, trial in ended(study)]
    n = Counter(trial.state for trial in trials)
    failed = [trial for trial in trials if trial.state == TrialState.FAIL]
    tuned = Tuned(
        plan,
        finished=n[TrialState.COMPLETE],
        pruned=n[TrialState.PRUNED],
        failed=n[TrialState.FAIL],
        concurrent=sum(concurrent(trials)),
        causes=[f"trial {trial.number}: {trial.user_attrs['cause']}" for trial in failed],
    )
    if tuned.ended < plan.study.slots:
        return tuned
    if not tuned.finished:
        first = (tuned.causes or ["all pruned"])[0]
        raise UserError(f"none of {len(trials)} trials succeeded; the first: {first}")
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    front = study.best_trials if len(plan.tuning.objectives) > 1 else complete
    up = plan.study.maximise[0]
    tuned.chosen = max(front, key=lambda t: (t.values[0] if up else -t.values[0], -t.number))
    setting = plan.run_of(tuned.chosen.params).settings["encoder"]["parameters"]
    tuned.best = Component(
        name=plan.encoder.name, label=f"{plan.encoder.title} tuned", parameters=setting
    )
    return tuned


def concurrent(trials: Sequence[FrozenTrial]) -> list[bool]:
    """Which trials ran while another one did, in the order given."""
    spans = [_span(trial) for trial in trials]
    flags = [False] * len(trials)
    last: int | None = None  # of those that started, the one that ended last
    for i in sorted(range(len(trials)), key=spans.__getitem__):
        if last is not None and spans[i][0] < spans[last][1]:
            flags[i] = flags[last] = True
        if last is None or spans[i][1] > spans[last][1]:
            last = i
    return flags


def _span(trial: FrozenTrial) -> tuple[datetime, datetime]:
    assert trial.datetime_start is not None
    assert trial.datetime_complete is not None
    return trial.datetime_start, trial.datetime_complete


def write_trials(plan: TuningPlan, study: optuna.Study) -> None:
    """All trials as a table: slot, number, state, values, settings, whether another one ran at the
    same time, cause of a failure."""
    trials = ended(study)
    beside = concurrent([trial for _, trial in trials])
    rows = [
        {
            "slot": slot,
            "trial": trial.number,
            "state": trial.state.name.lower(),
            **dict(zip(plan.tuning.objectives, trial.values or (), strict=False)),
            **{name: json.dumps(value) for name, value in from_optuna(trial.params).items()},
            "concurrent": flag,
            "cause": trial.user_attrs.get("cause", ""),
        }
        for (slot, trial), flag in zip(trials, beside, strict=True)
    ]
    with whole(plan.folder / "trials.csv") as at:
        pd.DataFrame(rows).to_csv(at, index=False)
