"""What several test files share: the command line in-process and for real, and a tiny experiment.

The tiny space is M-M'-A over eight cations and four anions: 112 fields, 60 of them reported.
"""

from __future__ import annotations

import os

# two processes with as many threads as cores each would wait for one another
os.environ.setdefault("OMP_NUM_THREADS", "1")

import contextlib
import io
import itertools
import random
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import yaml

from framework.commands import main as cli

PHASEZOO = Path(sys.executable).with_name("phasezoo")

FIELDS = tuple(
    f"{first} {second} {anion}"
    for first, second in itertools.combinations(("Li", "Na", "K", "Mg", "Ca", "Sr", "Zn", "Al"), 2)
    for anion in ("O", "S", "Cl", "F")
)
REPORTED = tuple(random.Random(0).sample(FIELDS, 60))
PATTERN = "M-M'-A"


refused: set[tuple[str, ...]] = set()
"""Commands that were refused, each with its message: what was typed may stand in a file."""
elsewhere: list[int] = []
"""How many there were in each process that ran tests beside this one."""


@dataclass(frozen=True)
class Said:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def message(self) -> str:
        """The one message of a user's mistake; fails where the command ended otherwise."""
        assert self.code == 2, f"exit code {self.code}\n{self.out}\n{self.err}"
        assert self.err.startswith("phasezoo: ") and self.err.count("phasezoo: ") == 1, self.err
        assert "Traceback" not in self.err + self.out
        assert self.out == ""
        return self.err.removeprefix("phasezoo: ").rstrip("\n")


def phasezoo(*arguments: object) -> Said:
    """The command line in this process; a traceback is exit code 70."""
    out, err = io.StringIO(), io.StringIO()
    with (
        patch.object(sys, "argv", ["phasezoo", *map(str, arguments)]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            cli.main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        except Exception:
            traceback.print_exc()
            code = 70
    refused.update([(*map(str, arguments), err.getvalue())] if code == 2 else [])
    return Said(code, out.getvalue(), err.getvalue())


def pytest_configure() -> None:
    """Ctrl+C means what it does in a terminal: a shell ignores it for what it starts in the
    background."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The README's commands first: the longest file, which one process goes through."""
    items.sort(key=lambda item: item.path.name != "test_readme.py")


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["refused"] = len(refused)


def pytest_testnodedown(node: Any) -> None:
    elsewhere.append(getattr(node, "workeroutput", {}).get("refused", 0))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if count := len(refused) + sum(elsewhere):
        terminalreporter.write_line(
            f"{count} different bad inputs ended with one message and exit code 2"
        )


def phasezoo_process(*arguments: object, **changes: str) -> Said:
    """The command line as a process of its own."""
    done = subprocess.run(
        [PHASEZOO, *map(str, arguments)],
        capture_output=True,
        text=True,
        env=os.environ | changes,
        timeout=120,
    )
    return Said(done.returncode, done.stdout, done.stderr)


def tiny(**changes: object) -> dict:
    """An experiment that runs in less than a second; None takes a key out."""
    content = {
        "dataset": {"name": "file", "path": "sets.txt"},
        "task": {"name": "plausibility", "candidates": {"name": "pattern", "pattern": PATTERN}},
        "splits": ["random"],
        "seeds": [0],
        "encoders": ["element_frequency"],
        "resamples": 100,
    }
    return {k: v for k, v in (content | changes).items() if v is not None}


def write_yaml(content: object, name: str = "tiny.yaml") -> Path:
    """A YAML file in the working directory."""
    path = Path(name)
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return path


@pytest.fixture
def desk(tmp_path, monkeypatch) -> Path:
    """An empty working directory but for ``sets.txt``, the reported fields of the tiny space."""
    monkeypatch.chdir(tmp_path)
    Path("sets.txt").write_text("\n".join(REPORTED) + "\n", encoding="utf-8")
    return tmp_path


@contextlib.contextmanager
def figures_left_blank() -> Iterator[None]:
    """Figures of runs become files without a picture: drawing takes longer than most of these
    runs. What stands in a figure is tested on its own, and the README's commands draw all of them.
    """
    from matplotlib.figure import Figure

    def blank(_: Figure, at: Path) -> None:
        at.write_bytes(b"\x89PNG")

    with patch.object(Figure, "savefig", blank):
        yield


@pytest.fixture(scope="module")
def blank_figures() -> Iterator[None]:
    with figures_left_blank():
        yield


@pytest.fixture(scope="session")
def blank_store(tmp_path_factory) -> Path:
    """An empty MLflow store, to be copied: it takes seconds to make its tables."""
    from framework.tracking.tracker import MlflowTracker

    folder = tmp_path_factory.mktemp("blank")
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("MLFLOW_TRACKING_URI", raising=False)
        MlflowTracker(folder).require()
    return folder / "mlflow.db"


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Path:
    """A folder of results: three encoders on the tiny space, two of them baselines; read only."""
    folder = tmp_path_factory.mktemp("finished")
    with contextlib.chdir(folder), figures_left_blank():
        Path("sets.txt").write_text("\n".join(REPORTED) + "\n", encoding="utf-8")
        encoders = ["element_frequency", "pca", {"name": "autoencoder", "epochs": 2}]
        content = tiny(
            encoders=encoders, dataset={"name": "file", "path": str(folder / "sets.txt")}
        )
        said = phasezoo("benchmark", write_yaml(content), "--no-track", "--runs", "runs")
        assert said.code == 0, said.err
    return folder / "runs"
