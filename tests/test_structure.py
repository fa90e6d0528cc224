"""Who may import whom, and what starts without torch: the layout that docs/design.md promises."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted(path for top in ("framework", "zoo", "data") for path in (ROOT / top).rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Top-level packages that a file imports anywhere, and the modules of our own."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found | {name.split(".")[0] for name in found}


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


LOGGING = ("tracking", "study_tracking", "optimisation_tracking", "served_model")
MLFLOW = [f"framework/{name}.py" for name in LOGGING]


@pytest.mark.parametrize("path", FILES, ids=name)
def test_imports_go_one_way(path):
    packages = imported(path)
    if name(path).startswith("framework"):
        assert not packages & {"zoo", "data"}
    if name(path).startswith("data"):
        assert "zoo" not in packages
    if name(path) not in MLFLOW:
        assert "mlflow" not in packages
    if name(path) != "data/message_passing.py":
        assert "dgl" not in packages


def test_dgl_waits_until_messages_are_passed():
    tree = ast.parse((ROOT / "data" / "message_passing.py").read_text())
    at_once = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    assert "dgl" not in {alias.name for node in at_once for alias in node.names}


@pytest.mark.parametrize(
    "file", ["metrics", "space", "config", "registry", "errors", "dataset", "results", "plots"]
)
def test_the_plain_part_of_the_engine_never_imports_torch(file):
    packages = imported(ROOT / "framework" / f"{file}.py")
    assert not packages & {"torch", "pytorch_lightning"}


def test_the_engine_names_no_concrete_model():
    models = {path.stem for path in (ROOT / "zoo" / "encoders").glob("[!_]*.py")}
    for path in (ROOT / "framework").glob("*.py"):
        constants = {
            node.value
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        assert not constants & models, f"{path.name} names {constants & models}"


@pytest.mark.parametrize("path", FILES, ids=name)
def test_every_file_says_what_it_is_for(path):
    if path.name != "__init__.py" or path.parent.name == "framework":
        assert ast.get_docstring(ast.parse(path.read_text())), f"{name(path)} has no docstring"
