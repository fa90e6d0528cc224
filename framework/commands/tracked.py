"""The verbs that keep what they do: benchmark, tune, optimise, tracked by MLflow or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from framework.base.errors import UserError
from framework.contracts.tracker import NOT_TRACKED, Tracker

if TYPE_CHECKING:
    from framework.benchmark.benchmark import Outcome
    from framework.config.experiment import Experiment
    from framework.config.optimisation import Optimisation
    from framework.search.optimisation.outcome import Optimised
    from framework.search.tuning.outcome import Tuned


def tracker(runs: Path, *, track: bool, register: str | None = None) -> Tracker:
    """MLflow, or nothing.

    Args:
        register: name under which the winner of a study is registered in MLflow.

    Raises:
        UserError: a model is to be registered without MLflow.
    """
    if not track:
        if register is not None:
            raise UserError("--register: a model is registered in MLflow; leave --no-track out")
        return NOT_TRACKED
    from framework.tracking.tracker import MlflowTracker

    return MlflowTracker(runs, register)


def benchmark(
    experiment: Experiment, runs: str | Path, *, track: bool = True, **options: Any
) -> Outcome:
    """Compute what is missing of an experiment, and put all of it together.

    Args:
        runs: the folder of all results.
        track: log to MLflow.
        options: further ones of `framework.benchmark.benchmark.benchmark`.

    Raises:
        UserError: the experiment cannot be run as it is, or nothing can be written.
    """
    from framework.benchmark.benchmark import benchmark

    return benchmark(experiment, Path(runs), tracker=tracker(Path(runs), track=track), **options)


def tune(
    experiment: Experiment,
    runs: str | Path,
    *,
    track: bool = True,
    register: str | None = None,
    **options: Any,
) -> Tuned:
    """Search an encoder's settings on validation, then score defaults and winner once.

    Args:
        runs: the folder of all results.
        track: log to MLflow.
        register: name under which the winner is registered in MLflow.
        options: further ones of `framework.search.tuning.tune`.

    Raises:
        UserError: the search cannot be run as it is, the study was started with other settings,
            or the winner is worse than the defaults and was to be registered.

    Example:
        >>> import phasezoo
        >>> experiment = phasezoo.read_experiment("experiments/tune_phase_field_vae.yaml")
        >>> tuned = phasezoo.tune(experiment, "runs", trials=20, track=False)  # doctest: +SKIP
        >>> tuned.best.parameters, tuned.gains()  # doctest: +SKIP
    """
    from framework.search.tuning.tuning import tune

    return tune(
        experiment,
        Path(runs),
        tracker=tracker(Path(runs), track=track, register=register),
        **options,
    )


def optimise(
    experiment: Optimisation, runs: str | Path, *, track: bool = True, **options: Any
) -> Optimised:
    """Search points of a space with several samplers, and put all searches together.

    Args:
        runs: the folder of all results.
        track: log to MLflow.
        options: further ones of `framework.search.optimisation.optimise`.

    Raises:
        UserError: the experiment cannot be run as it is, or a study was started with other
            settings.

    Example:
        >>> import phasezoo
        >>> experiment = phasezoo.read_optimisation("experiments/optimise_test_functions.yaml")
        >>> done = phasezoo.optimise(experiment, "runs", track=False)  # doctest: +SKIP
        >>> done.evaluations.groupby(["objective", "sampler"])["value"].min()  # doctest: +SKIP
    """
    from framework.search.optimisation.optimisation import optimise

    return optimise(experiment, Path(runs), tracker=tracker(Path(runs), track=track), **options)
