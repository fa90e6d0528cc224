"""Every command of the README is run, in order, as a reader would."""

import contextlib
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from unittest.mock import patch

import pytest

import zoo.encoders
from framework.registry.registry import ENCODERS
from tests.conftest import phasezoo

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def command_of(line):
    """Those that fit the best encoder, or several encoders, take long."""
    command = line.split("#")[0].strip()
    takes_long = re.match(r"phasezoo (rank --|select|explain|benchmark my_benchmark)", command)
    return pytest.param(command, marks=pytest.mark.slow) if takes_long else command


COMMANDS = [
    command_of(line)
    for block in blocks("sh")
    for line in block.splitlines()
    if line.startswith("phasezoo") and line.strip() != "phasezoo ui"
]


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    """The reader's folder: the encoders of the project, the reader's own among them, and files."""
    folder = tmp_path_factory.mktemp("reader")
    own = folder / "zoo" / "encoders"
    shutil.copytree(ROOT / "zoo" / "encoders", own)
    shutil.copytree(ROOT / "experiments", folder / "experiments")
    (folder / "my_candidates.txt").write_text("Li Sn S Cl\nLi-Mg-O-N\nLi,Zn,Se,I\n")
    fields = (ROOT / "docs" / "my_fields.csv").read_text()
    (folder / "my_fields.csv").write_text(fields)
    for block in blocks("yaml"):
        (folder / block.split()[1]).write_text(block)
    (own / "shallow.py").write_text(blocks("python")[0])
    with (
        contextlib.chdir(folder),
        patch.object(ENCODERS, "folder", own),
        patch.object(zoo.encoders, "__path__", [*zoo.encoders.__path__, str(own)]),
    ):
        yield folder


def test_the_two_commands_are_targets_of_the_makefile():
    targets = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)
    named = [line.split()[1] for b in blocks("sh") for line in b.splitlines() if "make " in line]
    assert {"benchmark", "test"} <= set(named) <= set(targets)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_readme_works(command, reader):
    arguments = shlex.split(command)[1:]
    said = phasezoo(*arguments)
    assert said.code == 0, said.err
    assert said.out
    if "rank" in arguments:
        lines = (reader / arguments[arguments.index("--out") + 1]).read_text().splitlines()
        assert lines[0] == "rank,elements,score,percentile,nearest_reported"
        assert len(lines) > 1
    if "audit" in arguments:
        assert "collapsed" in said.out
    if "reproduce" in arguments:
        assert "equal to the bit" in said.out
    if "tune" in arguments:
        assert "tuned - default" in said.out


def test_the_dashboard_shows_the_study(reader):
    """After the commands above, as `optuna-dashboard` in the text."""
    (name,) = re.findall(r"`optuna-dashboard (\S+)`", README)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [Path(sys.executable).with_name("optuna-dashboard"), name, "--port", str(port)]
    with subprocess.Popen(command, cwd=reader, stderr=subprocess.PIPE, text=True) as process:
        try:
            for line in process.stderr:
                if "Listening" in line:
                    break
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/studies") as answer:
                studies = json.load(answer)["study_summaries"]
        finally:
            process.terminate()
    assert [study["study_name"] for study in studies] == ["my_tuning/autoencoder"]


def test_the_notebook_lines_work(reader):
    exec(blocks("python")[1], {})


def test_the_list_of_models_is_current():
    command = [sys.executable, "docs/build_readme.py", "--check"]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"PYTHONPATH": "."}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
