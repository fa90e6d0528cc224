"""The winner of a benchmark as an MLflow model: formulas or element sets in, plausibility out.

MLflow copies this file into the model and runs it on loading (models from code), so it needs an
installed phasezoo, and no pickle.
"""

from __future__ import annotations

from pathlib import Path

from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from framework.runs.saved import SavedRun


class ServedModel(PythonModel):
    """A finished run behind MLflow's ``predict``."""

    def load_context(self, context: PythonModelContext) -> None:
        """Restore encoder and representation from the run's files."""
        self.saved = SavedRun.open(Path(context.artifacts["run"]))

    # MLflow reads the types of this one argument, and hands the context over beforehand
    def predict(self, model_input: list[str]) -> list[float]:  # type: ignore[override]
        """Plausibility of each text (n,), higher = more plausible.

        Args:
            model_input: formulas ("Li6PS5Cl") or element sets ("Li Sn S Cl").

        Raises:
            UserError: a text cannot be read or does not fit the model; names it.
        """
        return [float(score) for score in self.saved.score(model_input)]


set_model(ServedModel())
