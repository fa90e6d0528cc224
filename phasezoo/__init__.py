"""phasezoo: honest benchmarks of materials encoders, and a zoo of them.

These names are the public ones; they keep their meaning within a minor version, and what goes
away is announced one minor version ahead. Everything else may change.

In a notebook: ``from phasezoo import explain, models, rank, run, select``. In a model file:
``from phasezoo import Int, NeuralEncoder``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from framework.base.errors import UserError as UserError
    from framework.commands.audit import audit as audit
    from framework.commands.benchmark import benchmark as benchmark
    from framework.commands.explain import explain as explain
    from framework.commands.models import models as models
    from framework.commands.optimise import optimise as optimise
    from framework.commands.rank import rank as rank
    from framework.commands.reproduce import reproduce as reproduce
    from framework.commands.run import run as run
    from framework.commands.select import select as select
    from framework.commands.tune import tune as tune
    from framework.config.experiment import read_experiment as read_experiment
    from framework.config.optimisation import read_optimisation as read_optimisation
    from framework.contracts.encoder import Encoder as Encoder
    from framework.contracts.objective import Objective as Objective
    from framework.contracts.predictor import Classifier as Classifier
    from framework.contracts.predictor import Predictor as Predictor
    from framework.contracts.representation import Representation as Representation
    from framework.neural.encoder import NeuralEncoder as NeuralEncoder
    from framework.registry.parameters import Choice as Choice
    from framework.registry.parameters import Float as Float
    from framework.registry.parameters import Int as Int
    from framework.runs.saved import SavedRun as SavedRun

_WHERE = {
    "Choice": "framework.registry.parameters",
    "Classifier": "framework.contracts.predictor",
    "Encoder": "framework.contracts.encoder",
    "Float": "framework.registry.parameters",
    "Int": "framework.registry.parameters",
    "NeuralEncoder": "framework.neural.encoder",
    "Objective": "framework.contracts.objective",
    "Predictor": "framework.contracts.predictor",
    "Representation": "framework.contracts.representation",
    "SavedRun": "framework.runs.saved",
    "UserError": "framework.base.errors",
    "audit": "framework.commands.audit",
    "benchmark": "framework.commands.benchmark",
    "explain": "framework.commands.explain",
    "models": "framework.commands.models",
    "optimise": "framework.commands.optimise",
    "rank": "framework.commands.rank",
    "read_experiment": "framework.config.experiment",
    "read_optimisation": "framework.config.optimisation",
    "reproduce": "framework.commands.reproduce",
    "run": "framework.commands.run",
    "select": "framework.commands.select",
    "tune": "framework.commands.tune",
}

__all__ = sorted(_WHERE)


def __getattr__(name: str) -> Any:
    """A public name, or the version; imported when it is first asked for."""
    if name == "__version__":
        from importlib.metadata import version

        return version("phasezoo")
    if name not in _WHERE:
        raise AttributeError(f"module 'phasezoo' has no attribute '{name}'")
    return getattr(import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
