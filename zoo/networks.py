"""Network blocks that several encoders are built from."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from torch import nn

ACTIVATIONS = {"relu": nn.ReLU, "selu": nn.SELU, "elu": nn.ELU, "tanh": nn.Tanh}


def dense(
    widths: Sequence[int], *, activation: str = "relu", dropout: float = 0.0
) -> nn.Sequential:
    """Dense layers of the given widths, each followed by an activation and dropout."""
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(widths):
        layers += [nn.Linear(before, after), ACTIVATIONS[activation](), nn.Dropout(dropout)]
    return nn.Sequential(*layers)
