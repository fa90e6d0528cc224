"""One cell of a benchmark, known by the digest of everything that decides its numbers: data, task,
split, seed, encoder with all its settings, and the code of these. A finished run is a folder of
that name."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from framework.base.digest import digest
from framework.registry.registry import DATASETS, ENCODERS, REPRESENTATIONS, SPLITS, TASKS
from framework.registry.source_code import code_digest
from framework.runs.components import task_of

ENGINE = Path(__file__).with_name("execution.py")


@dataclass(frozen=True)
class Run:
    """One cell of a benchmark: everything that decides its numbers, as plain content.

    Attributes:
        settings: what is hashed into the digest.
        encoder, split, seed: its coordinates in results.
    """

    settings: dict[str, Any] = field(repr=False)
    encoder: str
    split: str
    seed: int

    @property
    def digest(self) -> str:
        """16 hex digits; the name of its folder."""
        return digest(self.settings)[:16]

    def folder(self, runs: Path) -> Path:
        return runs / "cells" / self.digest

    def finished(self, runs: Path) -> bool:
        """Whether its results stand; a folder appears only when it is complete."""
        return (self.folder(runs) / "cell.nc").exists()


def code_of(settings: dict[str, Any]) -> str:
    """Digest of the source files that decide a run's numbers: the items that its settings name,
    the engine that executes it, and all that these import of the project."""
    kinds = {
        "encoder": ENCODERS,
        "representation": REPRESENTATIONS,
        "split": SPLITS,
        "dataset": DATASETS,
        "task": TASKS,
    }
    named = [registry.source(settings[part]["name"]) for part, registry in kinds.items()]
    encoder = settings["encoder"]
    parts = ENCODERS.load(encoder["name"]).sources(encoder["parameters"])
    return code_digest(*named, *parts, *task_of(settings["task"]).sources, ENGINE)
