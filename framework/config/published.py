"""Published figures of a system, as an experiment carries them."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import (
    Field,
)

from framework.config.schema import Strict


class FromCube(Strict):
    """Where our figure stands in the benchmark's results."""

    encoder: str
    split: str
    metric: str


class PublishedFigure(Strict):
    """A figure that somebody published, and what of ours stands beside it.

    ``ours`` is a key that the system's file in zoo/published gives, or a place in the results.
    """

    figure: str
    value: float
    unit: str = ""
    source: str = ""
    ours: str | FromCube


class Published(Strict):
    """The published figures of one system."""

    called: ClassVar[str] = "published figures"

    source: str
    system: str | None = None
    figures: Annotated[list[PublishedFigure], Field(min_length=1)]
