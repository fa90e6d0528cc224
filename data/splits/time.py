"""The newest share of the reported fields, by order of entry, is held out."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import xarray as xr

from framework.base.errors import UserError
from framework.registry.parameters import Float


def time(
    fields: xr.Dataset, seed: int, fraction: Annotated[float, Float(0.01, 0.9)] = 0.2
) -> dict[str, np.ndarray]:
    """Hold-out masks (n,) by fold: one fold, the same for every seed.

    A field's time is that of its first entry (``order``). Fields without one stay in training.

    Raises:
        UserError: the data set has no order of entry.
    """
    order = fields["order"].values
    known = np.isfinite(order)
    if not known.any():
        raise UserError("split 'time': the data set has no order of entry; take split 'random'")
    newest = np.argsort(np.where(known, -order, np.inf), kind="stable")
    held = np.zeros(len(order), dtype=bool)
    held[newest[: round(fraction * known.sum())]] = True
    return {"": held}
