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

    Times are held out whole, the newest ones: as many as come nearest to the fraction, so that no
    time is on both sides. A field's time is that of its first entry (``order``). Fields without
    one stay in training.

    Raises:
        UserError: the data set has no order of entry, or one time alone.
    """
    order = fields["order"].values
    known = np.isfinite(order)
    if not known.any():
        raise UserError("split 'time': the data set has no order of entry; take split 'random'")
    times, counts = np.unique(order[known], return_counts=True)
    if len(times) < 2:
        raise UserError(
            f"split 'time': all {known.sum()} fields with a time have the same one, {times[0]:g}, "
            "so that none is newer; take split 'random'"
        )
    newer = np.cumsum(counts[:0:-1])  # of all times but the oldest, how many fields are as new
    nearest = int(np.argmin(abs(newer - round(fraction * known.sum()))))
    return {"": known & (order >= times[-1 - nearest])}
