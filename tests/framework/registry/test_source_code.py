"""A run's code digest covers what its items import."""

import pytest

from framework.registry import source_code
from framework.registry.registry import ENCODERS, REPRESENTATIONS, ROOT
from framework.registry.source_code import code_digest, imported
from framework.runs.run import ENGINE, code_of


def names(registry, name):
    return {str(path.relative_to(ROOT)) for path in imported([registry.source(name)])}


def test_imports_are_followed_through_data_zoo_and_the_engine_but_not_into_figures():
    found = names(ENCODERS, "concatenated_vae")
    assert {"zoo/variational.py", "zoo/networks.py", "zoo/encoders/diffraction_vae.py"} <= found
    assert "data/representations/composition.py" in found
    assert "framework/neural/training.py" in found
    assert not {name for name in found if name.startswith("framework/figures")}
    found = names(REPRESENTATIONS, "diffraction")
    parts = ("powder", "scattering", "crystals", "vectors", "cif/files", "cif/symmetry")
    assert {f"data/{part}.py" for part in parts} <= found


def test_the_engine_behind_a_run_is_found_and_not_listed():
    found = {str(path.relative_to(ROOT)) for path in imported([ENGINE])}
    assert {f"framework/audit/{part}.py" for part in ("audit", "isotropy")} <= found
    assert "framework/metrics/ranking.py" in found


BEFORE = """
def f(x):
    return x + 1
"""


@pytest.mark.parametrize(
    ("after", "same"),
    [
        (
            '"""A docstring."""\n# a comment\ndef f(x):\n    """Another."""\n\n    return (x + 1)\n',
            True,
        ),
        ('A = 1\n"""What it is."""\n' + BEFORE, False),
        (BEFORE.replace("1", "2"), False),
        (BEFORE.replace("+", "-"), False),
    ],
)
def test_comments_docstrings_and_layout_leave_a_digest_as_it_is(tmp_path, after, same):
    one, other = tmp_path / "one.py", tmp_path / "other.py"
    one.write_text(BEFORE)
    other.write_text(after)
    assert (code_digest(one) == code_digest(other)) == same


def test_a_file_that_imports_in_a_circle_is_followed_once(tmp_path, monkeypatch):
    monkeypatch.setattr(source_code, "ROOT", tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "one.py").write_text("from data import two\n")
    (tmp_path / "data" / "two.py").write_text("def f():\n    import data.one\n    import numpy\n")
    found = imported([tmp_path / "data" / "one.py"])
    assert found == [tmp_path / "data" / "two.py"]


def test_another_encoder_has_another_digest():
    settings = {
        "dataset": {"name": "oqmd_icsd"},
        "representation": {"name": "composition"},
        "split": {"name": "random"},
        "task": {"name": "property", "parameters": {"properties": ["band_gap"]}},
    }
    digests = {
        code_of(settings | {"encoder": {"name": name, "parameters": {}}})
        for name in ("magpie", "constant", "pca")
    }
    assert len(digests) == 3
