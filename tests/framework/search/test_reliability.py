"""Whole commands killed at random moments: nothing finished is lost, nothing is unreadable, and
nothing that they started goes on.

Four kills, and 20 among the slow tests; `PHASEZOO_KILLS=100` for as many as wanted there.
"""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
import xarray as xr
import yaml
from matplotlib.image import imread

from framework.commands import main as cli
from framework.config.experiment import read_experiment
from framework.runs.cell import read_cell
from framework.search.study.study import open_study
from framework.search.study.trials import ended
from framework.search.tuning.plan import plan_tuning
from tests.conftest import PHASEZOO, tiny, write_yaml
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
        study = open_study(plan_tuning(read_experiment(Path("small.yaml")), runs).study)
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
@pytest.mark.parametrize("wanted", [2, KILLS // 2])
@pytest.mark.slow
def test_killed_at_any_moment_nothing_finished_is_lost(verb, wanted, tmp_path, capsys):
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
    while kills < wanted or rounds == 0:
        rounds += 1
        place = tmp_path / f"killed {rounds}"
        place.mkdir()
        with contextlib.chdir(place):
            _desk()
            trials, cells = {}, {}
            code = None
            while code != 0:
                # often enough that a round takes several, and now and then past the end
                patience = rng.uniform(0, duration / 2) if kills < wanted else None
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


ENDS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129, signal.SIGKILL: -9}
"""Exit codes of a command by the signal that it alone gets."""


def ended_by(number: signal.Signals, *, after: float | None) -> subprocess.Popen:
    """A benchmark with two workers, within its runs (or after so many seconds) sent a signal."""
    long = {"name": "autoencoder", "epochs": 1000}
    content = tiny(name="long", encoders=["element_frequency", long], seeds=[0, 1, 2, 3])
    options = "--no-track", "--runs", "runs", "--workers", "2"
    command = [PHASEZOO, "benchmark", write_yaml(content, "long.yaml"), *options]
    # a session of its own: the signals of a terminal reach neither these tests nor its workers
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    if after is None:
        while not [*Path("runs").glob("cells/[!.]*")]:
            assert process.poll() is None
            time.sleep(0.05)
    else:
        time.sleep(after)
    started = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(number)
    process.wait(60)
    alive = psutil.wait_procs(started, timeout=60)[1]
    for left in alive:
        left.kill()
    assert not alive
    return process


@pytest.mark.parametrize(
    "number",
    [
        each if each == signal.SIGTERM else pytest.param(each, marks=pytest.mark.slow)
        for each in ENDS
    ],
)
def test_a_signal_to_the_command_alone_ends_its_workers_too(number, desk):
    process = ended_by(number, after=None)
    assert process.returncode == ENDS[number]
    assert process.stderr.read() == (
        ""
        if number == signal.SIGKILL
        else "phasezoo: interrupted; finished runs are kept. Run the same command to continue.\n"
    )


@pytest.mark.slow
def test_a_signal_at_any_moment_never_leaves_a_command_hanging(tmp_path, monkeypatch):
    rng = random.Random(0)
    for kill in range(KILLS):
        folder = tmp_path / str(kill)
        folder.mkdir()
        monkeypatch.chdir(folder)
        _desk()
        number = rng.choice([*ENDS])
        process = ended_by(number, after=rng.uniform(1.5, 8))
        assert process.returncode == ENDS[number]


def test_an_interrupted_fit_in_this_process_says_so(desk):
    content = tiny(encoders=[{"name": "autoencoder", "epochs": 1000}])
    process = subprocess.Popen(
        [PHASEZOO, "benchmark", write_yaml(content), "--no-track", "--runs", "runs"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not Path("runs").exists():
        assert process.poll() is None
        time.sleep(0.05)
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    assert process.stderr.read().count("\n") == 1
