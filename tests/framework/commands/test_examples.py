"""The examples in the docstrings of what users call run as they stand."""

import doctest
from pathlib import Path

import pytest

import phasezoo
from framework.runs.saved import SavedRun
from tests.conftest import PATTERN, REPORTED

EXPERIMENT = f"""
dataset: {{name: file, path: fields.txt}}
task: {{name: plausibility, candidates: {{name: pattern, pattern: "{PATTERN}"}}}}
splits: [random]
seeds: [0]
encoders: [element_frequency, pca]
tuning: {{trials: 2}}
"""
OPTIMISATION = """
objectives: [{name: test_function, function: himmelblau}]
samplers: [tpe, random]
trials: 3
seeds: [0, 1]
"""
CALLED = (
    "models", "run", "benchmark", "rank", "select", "explain", "tune", "optimise", "audit",
    "reproduce", "read_experiment",
)  # fmt: skip


@pytest.mark.parametrize(
    "example",
    [*(getattr(phasezoo, name) for name in CALLED), SavedRun.score],
    ids=[*CALLED, "SavedRun.score"],
)
def test_an_example_runs_as_it_stands(example, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("fields.txt").write_text("\n".join(REPORTED) + "\n")
    rows = [f"{field},{4 * ('Cl' in field)}.5" for field in REPORTED]
    Path("gaps.csv").write_text("\n".join(["elements,band_gap", *rows]) + "\n")
    Path("experiment.yaml").write_text(EXPERIMENT)
    Path("optimisation.yaml").write_text(OPTIMISATION)
    if "last" in example.__doc__:
        phasezoo.run("element_frequency", data="fields.txt", pattern=PATTERN)
    names = {name: getattr(phasezoo, name) for name in phasezoo.__all__} | {"Path": Path}
    (found,) = doctest.DocTestFinder(recurse=False).find(example, globs=names)
    assert found.examples
    result = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(found)
    assert result.failed == 0
