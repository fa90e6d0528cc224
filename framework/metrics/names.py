"""What metrics are called, and which way is better."""

from __future__ import annotations

import re

from framework.metrics.classification import CLASSIFICATION
from framework.metrics.ranking import METRICS
from framework.metrics.regression import REGRESSION

LOWER_IS_BETTER = ("mae", "rmse")


def higher_is_better(metric: str) -> bool:
    """Whether more of a metric is better; ``metric`` may carry what it is of: 'band_gap/50/mae'."""
    return metric.rpartition("/")[2] not in LOWER_IS_BETTER


def spoken(metric: str) -> str:
    """A metric's name as one would say it."""
    *of, metric = metric.split("/")
    text = re.sub(r"_at_(\d+)pct", r" at \1 %", metric).replace("_", " ")
    text = re.sub("^auroc", "AUROC", text)
    text = {"mae": "MAE", "rmse": "RMSE", "r2": "R²", "f1": "F1"}.get(text, text)
    text = text.replace("top 5", "top-5").replace("macro f1", "macro F1")
    return f"{text} of {of[0].replace('_', ' ')}, {of[1]} labels" if of else text


def known_metrics() -> list[str]:
    """Of all tasks; which of them a task measures, and of what, is checked with its plan."""
    return [*METRICS, *REGRESSION, *CLASSIFICATION]
