"""Torch on one thread."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    pass


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread, so that results are the same to the bit however many runs go side by
    side; networks this small are no faster on more."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
