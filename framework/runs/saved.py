"""A finished run opened again: its encoder and representation as they were fitted."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import xarray as xr

from framework.base.errors import UserError, placed
from framework.contracts.encoder import Encoder
from framework.contracts.representation import Representation
from framework.registry.registry import ENCODERS, REPRESENTATIONS
from framework.runs.components import construct
from framework.runs.finished import find_run
from framework.runs.settings import read_settings


@dataclass(frozen=True)
class SavedRun:
    """What a run's folder holds.

    Attributes:
        settings: everything that decided its numbers (`run.json`).
        folder: where it lies.
    """

    settings: dict[str, Any]
    encoder: Encoder
    representation: Representation
    folder: Path

    @classmethod
    def open(cls, folder: Path) -> Self:
        """The run of a folder.

        Raises:
            UserError: the folder is not a run, or a file in it is missing, truncated, of another
                model or of other settings.
        """
        settings = read_settings(folder / "run.json")
        shown_as, fitted = settings["representation"], settings["encoder"]
        representation = REPRESENTATIONS.load(shown_as["name"])(**shown_as["parameters"])
        representation.restore(_intact(folder / representation.checkpoint))
        cls_of_encoder = ENCODERS.load(fitted["name"])
        encoder = construct(cls_of_encoder, fitted["parameters"], representation, settings["seed"])
        encoder.restore(_intact(folder / encoder.checkpoint))
        return cls(settings, encoder, representation, folder)

    def score_items(self, items: xr.Dataset) -> np.ndarray:
        """Plausibility (n,) of materials."""
        return self.encoder.score_samples(self.representation.transform(items))

    def score(self, texts: Sequence[str]) -> np.ndarray:
        """Plausibility (n,) of what a person types: formulas or element sets.

        Raises:
            UserError: one of them cannot be read or does not fit the run.

        Example:
            >>> from framework.runs.finished import last_run
            >>> saved = SavedRun.open(last_run(Path("runs")))
            >>> common, rare = saved.score(["Li-Na-O", "K-Cs-S"])
            >>> bool(common > rare)
            True
        """
        return self.score_items(self.representation.parse(texts))


def begin(encoder: Encoder, run: str, runs: Path) -> None:
    """Let an encoder begin with what a finished run has learned.

    Raises:
        UserError: there is no such run, or the encoder cannot begin with it.
    """
    folder = find_run(run, runs)
    with placed(str(folder)):
        encoder.begin_with(SavedRun.open(folder).encoder)


def _intact(checkpoint: Path) -> Path:
    """Refuse an archive with flipped bytes: torch would take them for weights."""
    if not zipfile.is_zipfile(checkpoint):
        return checkpoint  # missing or no archive at all: `restore` explains
    broken: object
    try:
        with zipfile.ZipFile(checkpoint) as archive:
            broken = archive.testzip()
    except Exception as error:  # a damaged archive raises a dozen kinds
        broken = error
    if broken is not None:
        raise UserError(f"{checkpoint}: not a readable checkpoint (damaged: {broken}); fit again")
    return checkpoint
