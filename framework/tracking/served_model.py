"""The winner of a benchmark as an MLflow model: formulas or element sets in, plausibility out.

MLflow copies this file into the model and runs it on loading (models from code), so it needs an
installed phasezoo, and no pickle.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from framework.base.errors import UserError
from framework.runs.saved import SavedRun

COLUMNS = ("formula", "composition", "element_set")
"""Columns of a frame that hold what is to be scored, the first that there is."""


class ServedModel(PythonModel):
    """A finished run behind MLflow's ``predict``."""

    def load_context(self, context: PythonModelContext) -> None:
        """Restore encoder and representation from the run's files."""
        self.saved = SavedRun.open(Path(context.artifacts["run"]))

    # of all hints this is one under which MLflow hands on whatever it was given, without a warning
    def predict(  # type: ignore[override]
        self, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> list[float]:
        """Plausibility of each text (n,), higher = more plausible.

        Args:
            model_input: formulas ("Li6PS5Cl") or element sets ("Li Sn S Cl"): a list, an array,
                a Series, or a frame with a column ``formula``, ``composition`` or
                ``element_set``, or with one column of texts.

        Raises:
            UserError: a text cannot be read or does not fit the model; names it.
        """
        texts = _texts(model_input)
        return [float(score) for score in self.saved.score(texts)] if texts else []


def _texts(given: Any) -> list[str]:
    """What is to be scored, as a list.

    Raises:
        UserError: it is something else.
    """
    if isinstance(given, str):
        raise UserError(f"'{given[:60]}' is one text; give a list of formulas or element sets")
    if isinstance(given, pd.DataFrame):
        given = _column(given)
    if not isinstance(given, list | tuple | pd.Series | np.ndarray):
        raise UserError(
            f"a {type(given).__name__} cannot be read; give a list, a Series or a frame of "
            "formulas or element sets"
        )
    texts = np.asarray(given, dtype=object).ravel().tolist()
    for place, text in enumerate(texts):
        if not isinstance(text, str):
            raise UserError(f"item {place} is {text!r}, not a text; give formulas or element sets")
    return texts


def _column(frame: pd.DataFrame) -> pd.Series[Any]:
    """The column of a frame that holds what is to be scored."""
    named = [name for name in COLUMNS if name in frame.columns]
    columns = named[:1] or [
        name
        for name in frame.columns
        if len(frame) and all(isinstance(value, str) for value in frame[name])
    ]
    if not len(frame) and not named:
        return pd.Series(dtype=object)
    if len(columns) != 1:
        raise UserError(
            f"which column of {', '.join(map(str, frame.columns)) or 'none'} holds the formulas? "
            "Name one of them 'formula'"
        )
    return frame[columns[0]]


set_model(ServedModel())
