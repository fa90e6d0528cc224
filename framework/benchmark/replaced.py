"""Whether the results that a folder holds are of other settings than those that will replace them."""

from __future__ import annotations

from pathlib import Path

from framework.base.errors import UserError
from framework.config.experiment import Experiment, read_experiment

_NO_RESULT = ("description", "published", "tuning")
"""Parts of an experiment that decide no number of its table."""


def replaced_settings(experiment: Experiment, folder: Path) -> list[str]:
    """The parts of an experiment in which it differs from the one whose results a folder holds;
    empty where it holds none, or none that can be read."""
    path = folder / "experiment.yaml"
    if not path.exists():
        return []
    try:
        earlier = read_experiment(path).model_dump()
    except UserError:  # damaged, or of an older layout
        return []
    now = experiment.model_dump()
    return [name for name in now if name not in _NO_RESULT and now[name] != earlier[name]]
