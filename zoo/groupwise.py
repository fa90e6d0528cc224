"""Rows that are worked out group by group, such as folds, and put back in their order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray


def groupwise(
    of: NDArray[Any], part: Callable[[Any, NDArray[np.bool_]], NDArray[np.float32]]
) -> NDArray[np.float32]:
    """One row (n, d) for each item, in order.

    Args:
        of: the group of each item (n,), at least one.
        part: from a group and which items are in it (n,) to their rows.
    """
    names = np.unique(of)
    parts = [part(name, of == name) for name in names]
    out = np.empty((len(of), parts[0].shape[1]), np.float32)
    for name, rows in zip(names, parts, strict=True):
        out[of == name] = rows
    return out
