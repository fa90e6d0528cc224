"""Whole commands killed at random moments: nothing finished is lost, nothing is unreadable.

20 kills; `PHASEZOO_KILLS=100` for as many as wanted.
"""

import contextlib
import json
import os
import random
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
import yaml
from matplotlib.image import imread

from framework.commands import main as cli
from framework.config.experiment import read_experiment
from framework.runs.cell import read_cell
from framework.search import tuning
from framework.search.study import ended, open_study
from tests.conftest import tiny, write_yaml
from tests.framework.search.killed import STARTER

KILLS = int(os.environ.get("PHASEZOO_KILLS", "20"))
NETWORK = {"name": "autoencoder", "hidden": [8], "epochs": 3}
CONTENT = tiny(
    name="small",
    encoders=[NETWORK, "element_frequency"],
    validation_fraction=0.3,
    tuning={"trials": 12, "space": {"latent_dim": {"low": 1, "high": 4}}},
)
COMMANDS = {
    "tune": ("tune", "small.yaml", "--runs", "runs", "--no-track"),
    "benchmark": ("benchmark", "small.yaml", "--runs", "runs", "--no-track"),
}


def command(arguments: tuple[str, ...]) -> None:
    """The command line, silent; what it ends with is the end of its process."""
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    sys.argv = ["phasezoo", *arguments]
    cli.main()


def lived(arguments: tuple[str, ...], seconds: float | None) -> int:
    """How the command ended, killed after so many seconds."""
    process = STARTER.Process(target=_there, args=(str(Path.cwd()), arguments))
    process.start()
    process.join(seconds)
    if process.exitcode is None:
        process.kill()
        process.join()
    return process.exitcode


def _there(folder: str, arguments: tuple[str, ...]) -> None:
    os.chdir(folder)
    command(arguments)


def finished() -> tuple[dict, dict]:
    """Trials by slot, cells by digest: all that a kill may not take. Reads every file."""
    runs = Path("runs")
    for path in runs.rglob("*"):
        hidden = any(part.startswith(".") for part in path.parts)
        read = READERS.get(path.suffix)
        if path.is_file() and read is not None and not hidden:
            read(path)
    trials = {}
    if (runs / "small" / "tuning").exists():
        study = open_study(tuning.prepare(read_experiment(Path("small.yaml")), runs).study)
        trials = {slot: (t.state, t.params, t.values) for slot, t in ended(study)}
    cells = {path.name: read_cell(path) for path in runs.glob("cells/[!.]*")}
    return trials, cells


READERS = {
    ".nc": lambda path: xr.load_dataset(path).close(),
    ".json": lambda path: json.loads(path.read_text()),
    ".yaml": lambda path: yaml.safe_load(path.read_text()),
    ".csv": lambda path: pd.read_csv(path),
    ".npz": lambda path: [np.load(path)[name] for name in np.load(path).files],
    ".png": lambda path: imread(path),
}


@pytest.mark.parametrize("verb", COMMANDS)
def test_killed_at_any_moment_nothing_finished_is_lost(verb, tmp_path, capsys):
    rng = random.Random(0)
    whole = tmp_path / "whole"
    whole.mkdir()
    with contextlib.chdir(whole):
        _desk()
        start = time.perf_counter()
        assert lived(COMMANDS[verb], None) == 0
        duration = time.perf_counter() - start
        expected = finished()
        cubes = {p.name: p.read_bytes() for p in Path("runs").glob("small*/leaderboard.csv")}

    kills, rounds, moments = 0, 0, Counter()
    while kills < KILLS // 2 or rounds == 0:
        rounds += 1
        place = tmp_path / f"killed {rounds}"
        place.mkdir()
        with contextlib.chdir(place):
            _desk()
            trials, cells = {}, {}
            code = None
            while code != 0:
                # often enough that a round takes several, and now and then past the end
                patience = rng.uniform(0, duration / 2) if kills < KILLS // 2 else None
                code = lived(COMMANDS[verb], patience)
                assert code in (0, -9)
                kills += code == -9
                before = trials, cells
                trials, cells = finished()
                moments[f"{len(trials)} trials, {len(cells)} runs"] += code == -9
                assert before[0].items() <= trials.items()
                for digest, cell in before[1].items():
                    xr.testing.assert_identical(cells[digest], cell)
            assert trials == expected[0]
            assert cells.keys() == expected[1].keys()
            for digest, cell in expected[1].items():
                xr.testing.assert_equal(cells[digest], cell)
            for name, content in cubes.items():
                assert [p.read_bytes() for p in Path("runs").glob(f"small*/{name}")] == [content]
    with capsys.disabled():
        print(
            f"\n{verb}: {kills} kills in {rounds} rounds of {duration:.1f} s, at "
            f"{len(moments)} different states; 0 of {len(expected[0])} trials and 0 of "
            f"{len(expected[1])} runs lost, results equal"
        )


def _desk() -> None:
    from tests.conftest import REPORTED

    Path("sets.txt").write_text("\n".join(REPORTED) + "\n")
    write_yaml(CONTENT, "small.yaml")
