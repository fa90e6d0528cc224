"""All fields are held out or watched; what is learned from are reported sets of fewer elements."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import xarray as xr

from data.splits.random import random as a_random_share
from framework.contracts.split import from_smaller_sets
from framework.registry.parameters import Float


@from_smaller_sets
def lower_arity(
    fields: xr.Dataset, seed: int, fraction: Annotated[float, Float(0.01, 0.9)] = 0.67
) -> dict[str, np.ndarray]:
    """Hold-out masks (n,) by fold: one fold, another one for every seed.

    Args:
        fraction: share of the fields that is held out, drawn at random; the others are the
            validation part.
    """
    return a_random_share(fields, seed, fraction)
