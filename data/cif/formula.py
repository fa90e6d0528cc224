"""The formula that a block states, against the atoms that its cell has."""

from __future__ import annotations

import re

import numpy as np

from data.cif.text import Block, number
from data.element_sets import ATOMIC_NUMBERS

TAG = "_chemical_formula_sum"

_CLOSE = 0.01
"""Share by which an amount may differ: 'Fe0.999 O' of a refinement is FeO."""

_ELEMENT = re.compile(r"([A-Z][a-z]?)(\d*\.?\d*)")
_ALONE = re.compile(r"([A-Za-z]{1,2})(\d*\.?\d*)")


def stated_formula(block: Block) -> dict[str, float]:
    """Amounts by element as the formula sum has them, deuterium as hydrogen; none where it has
    no formula sum or one that is not a list of elements."""
    text = re.sub(r"[,;~]", " ", block.text(TAG))
    amounts: dict[str, float] = {}
    for part in text.split():
        pairs = _pairs(part, alone=len(text.split()) > 1)
        if not pairs:
            return {}
        for symbol, amount in pairs:
            amounts[symbol] = amounts.get(symbol, 0.0) + amount
    return {symbol: amount for symbol, amount in amounts.items() if amount > 0}


def require_formula(counts: dict[str, int], block: Block) -> None:
    """Refuse sites that are not a whole multiple of the formula sum.

    With Z the multiple is Z; or it is 1 where Z divides the sum, for some programs write the sum
    of the whole cell, 'Na4 Cl4' beside Z = 4.

    Args:
        counts: atoms in the cell by element.

    Raises:
        ValueError: they are not; the message has both.
    """
    stated = stated_formula(block)
    if not stated:
        return
    if absent := sorted(set(stated) - set(counts)):
        raise ValueError(f"no site for {', '.join(absent)}, which {TAG} names")
    if extra := sorted(set(counts) - set(stated)):
        raise ValueError(f"sites of {', '.join(extra)}, which {TAG} '{block.text(TAG)}' lacks")
    symbols = sorted(stated)
    amounts = np.array([stated[symbol] for symbol in symbols])
    sites = np.array([counts[symbol] for symbol in symbols])
    text = " ".join(f"{symbol}{counts[symbol]}" for symbol in symbols)
    multiples = [max(1.0, np.round(sites.sum() / amounts.sum()))]
    if z := block.text("_cell_formula_units_z"):
        multiples = [number(z, "_cell_formula_units_Z")]
        if not (amounts % max(multiples[0], 1.0)).any():
            multiples.append(1.0)
    if not any((np.abs(sites - m * amounts) <= _CLOSE * m * amounts).all() for m in multiples):
        times = f"{multiples[0]:g} (Z) times " if z else "a whole multiple of "
        raise ValueError(f"the sites are {text}, not {times}{TAG} '{block.text(TAG):.40}'")


def _pairs(part: str, *, alone: bool) -> list[tuple[str, float]]:
    """Element and amount of 'Li1', 'LI1' or (not alone) 'LiFePO4'; none where it is another text."""
    match = _ALONE.fullmatch(part) if alone else None
    if match and match[1].capitalize() in (*ATOMIC_NUMBERS, "D"):
        pairs = [(match[1].capitalize(), match[2])]
    else:
        pairs = _ELEMENT.findall(part)
        if "".join(symbol + amount for symbol, amount in pairs) != part:
            return []
    read = [("H" if symbol == "D" else symbol, amount) for symbol, amount in pairs]
    if any(symbol not in ATOMIC_NUMBERS or amount == "." for symbol, amount in read):
        return []
    return [(symbol, float(amount or 1)) for symbol, amount in read]
