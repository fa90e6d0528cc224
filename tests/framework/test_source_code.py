"""A run's code digest covers what its items import."""

from framework import source_code
from framework.plan import code_of
from framework.registry import ROOT, Registry
from framework.source_code import imported


def names(registry, name):
    return {str(path.relative_to(ROOT)) for path in imported([registry.source(name)])}


def test_imports_are_followed_through_data_and_zoo_but_not_into_the_engine():
    found = names(Registry("encoder", "zoo.encoders"), "concatenated_vae")
    assert {"zoo/variational.py", "zoo/networks.py", "zoo/encoders/diffraction_vae.py"} <= found
    assert "data/representations/composition.py" in found
    assert not {name for name in found if name.startswith("framework")}
    found = names(Registry("representation", "data.representations"), "diffraction")
    parts = ("powder", "scattering", "crystals", "vectors", "cif/files", "cif/symmetry")
    assert {f"data/{part}.py" for part in parts} <= found


def test_a_file_that_imports_in_a_circle_is_followed_once(tmp_path, monkeypatch):
    monkeypatch.setattr(source_code, "ROOT", tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "one.py").write_text("from data import two\n")
    (tmp_path / "data" / "two.py").write_text("def f():\n    import data.one\n    import numpy\n")
    found = imported([tmp_path / "data" / "one.py"])
    assert found == [tmp_path / "data" / "two.py"]


def test_another_encoder_has_another_digest():
    settings = {
        "representation": {"name": "composition"},
        "split": {"name": "random"},
        "task": {"name": "property", "parameters": {"properties": ["band_gap"]}},
    }
    digests = {
        code_of(settings | {"encoder": {"name": name}}) for name in ("magpie", "constant", "pca")
    }
    assert len(digests) == 3
