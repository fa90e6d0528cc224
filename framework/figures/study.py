"""The figures of a study: Optuna's own, where the trials suffice for them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import optuna
from matplotlib.figure import Figure
from optuna.exceptions import ExperimentalWarning
from optuna.trial import TrialState

from framework.figures.canvas import DPI, save


def save_study_figures(study: optuna.Study, objectives: Sequence[str], folder: Path) -> list[Path]:
    """Draw what can be drawn as PNG files: ``history``, ``slice``, ``parallel_coordinates``,
    ``importances`` (fANOVA), ``intermediate_values`` where trials were pruned, and ``pareto_front``
    where there are two or three objectives.

    Importances need several different values, and the others at least one finished trial; what
    cannot be drawn yet is left out.
    """
    import matplotlib.pyplot as plt

    paths = []
    for name, draw in _drawable(study, objectives).items():
        with warnings.catch_warnings(), plt.rc_context({"figure.dpi": DPI}):
            warnings.simplefilter("ignore", ExperimentalWarning)
            warnings.simplefilter("ignore", UserWarning)
            axes = draw()
            figure = _figure_of(axes)
            figure.set_size_inches(max(7.0, figure.get_figwidth()), 4.5)
            paths.append(save(figure, folder / f"{name}.png"))
            plt.close(figure)
    return paths


def _drawable(study: optuna.Study, objectives: Sequence[str]) -> dict[str, Callable[[], Any]]:
    from optuna.importance import FanovaImportanceEvaluator
    from optuna.visualization import matplotlib as drawn

    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    pruned = study.get_trials(deepcopy=False, states=(TrialState.PRUNED,))
    if not complete:
        return {}
    first = objectives[0]

    def value(trial: optuna.trial.FrozenTrial) -> float:
        return float(trial.values[0])

    # with a target of its own Optuna does not draw the best value so far
    target = {"target": value} if len(objectives) > 1 else {}
    of: dict[str, Any] = {"target_name": first, **target}
    figures: dict[str, Callable[[], Any]] = {
        "history": lambda: drawn.plot_optimization_history(study, **of),
        "slice": lambda: drawn.plot_slice(study, **of),
        "parallel_coordinates": lambda: drawn.plot_parallel_coordinate(study, **of),
    }
    if len({value(trial) for trial in complete}) > 1 and len(complete) > 3:
        judge = FanovaImportanceEvaluator(seed=0)
        figures["importances"] = lambda: drawn.plot_param_importances(study, evaluator=judge, **of)
    if pruned:
        figures["intermediate_values"] = lambda: drawn.plot_intermediate_values(study)
    if len(objectives) in (2, 3):
        names = list(objectives)
        figures["pareto_front"] = lambda: drawn.plot_pareto_front(study, target_names=names)
    return figures


def _figure_of(axes: Any) -> Figure:
    """The figure behind one panel, or an array of them."""
    figure = (axes if hasattr(axes, "figure") else axes.flat[0]).figure
    assert isinstance(figure, Figure)
    return figure
