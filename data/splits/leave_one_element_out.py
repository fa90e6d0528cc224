"""All reported fields with one element are held out, element by element."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import xarray as xr

from data.candidates.pattern import require_elements
from framework.base.errors import UserError
from framework.registry.parameters import Int


def leave_one_element_out(
    fields: xr.Dataset,
    seed: int,
    elements: tuple[str, ...] | None = None,
    min_fields: Annotated[int, Int(1, 10_000)] = 20,
) -> dict[str, np.ndarray]:
    """Hold-out masks (n,) by element, the same for every seed.

    Args:
        elements: which ones; by default all that stand in at least ``min_fields`` fields.

    Raises:
        UserError: an element is misspelt or in no field, or none is in enough fields.
    """
    require_elements(elements or (), "split 'leave_one_element_out': elements")
    sets = [set(str(text).split()) for text in fields["element_set"].values]
    counts: dict[str, int] = {}
    for each in sets:
        for symbol in each:
            counts[symbol] = counts.get(symbol, 0) + 1
    frequent = tuple(sorted(s for s, n in counts.items() if n >= min_fields))
    chosen = frequent if elements is None else elements
    if absent := [symbol for symbol in chosen if symbol not in counts]:
        raise UserError(
            f"split 'leave_one_element_out': {', '.join(absent)} is in no reported field; those "
            f"that are: {', '.join(sorted(counts))}"
        )
    if elements is not None and not elements:
        raise UserError(
            "split 'leave_one_element_out': elements is empty; name some, or leave it out for all "
            f"in at least {min_fields} fields"
        )
    if not chosen:
        raise UserError(
            f"split 'leave_one_element_out': no element is in {min_fields} fields or more "
            f"(most: {max(counts.values())}); lower min_fields"
        )
    return {symbol: np.array([symbol in each for each in sets]) for symbol in chosen}
