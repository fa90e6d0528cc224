"""A random share of the reported fields is held out."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import xarray as xr

from framework.registry.parameters import Float


def random(
    fields: xr.Dataset, seed: int, fraction: Annotated[float, Float(0.01, 0.9)] = 0.2
) -> dict[str, np.ndarray]:
    """Hold-out masks (n,) by fold: one fold, another one for every seed."""
    n = fields.sizes["material"]
    held = np.zeros(n, dtype=bool)
    held[np.random.default_rng(seed).permutation(n)[: round(fraction * n)]] = True
    return {"": held}
