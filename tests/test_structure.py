"""Who may import whom, what starts without torch, how long files and functions are: the layout
that docs/design.md promises."""

import ast
import graphlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TOPS = ("phasezoo", "framework", "zoo", "data")
FILES = sorted(path for top in TOPS for path in (ROOT / top).rglob("*.py"))

WINGS = (
    ("base",),
    ("contracts", "metrics"),
    ("execution", "registry", "config"),
    ("audit", "neural"),
    ("checks", "runs", "figures"),
    ("benchmark", "search", "screening", "selection"),
    ("tracking",),
    ("commands",),
)
"""From the ground up; a wing imports from its own row and from those below it."""

RANK = {wing: rank for rank, row in enumerate(WINGS) for wing in row}
PLAIN = ("base", "contracts", "registry", "config", "metrics")
"""Wings that never reach torch."""

LONGEST_FILE, LONGEST_FUNCTION = 300, 50


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module(path): path for path in FILES}


@cache
def imported(path: Path) -> frozenset[str]:
    """All that a file imports anywhere in it, lazily or for its types: our own modules, and the
    top-level packages of others."""
    return frozenset(_imports(ast.parse(path.read_text())))


def _imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [each if each in MODULES else node.module for each in inner]
        else:
            continue
        for each in names:
            yield each if each in MODULES else each.partition(".")[0]


@cache
def reached(start: str) -> frozenset[str]:
    """All that importing a module may import, directly or not."""
    seen, waiting = set[str](), [start]
    while waiting:
        current = waiting.pop()
        if current not in seen:
            seen.add(current)
            waiting += imported(MODULES[current]) if current in MODULES else []
    return frozenset(seen)


def wing_of(module: str) -> str | None:
    top, *rest = module.split(".")
    return rest[0] if top == "framework" and rest and rest[0] in RANK else None


@pytest.mark.parametrize("path", FILES, ids=name)
def test_imports_go_one_way(path):
    packages = {each.partition(".")[0] for each in imported(path)}
    if name(path).startswith("framework"):
        assert not packages & {"phasezoo", "zoo", "data"}
    if name(path).startswith("zoo"):
        assert "phasezoo" not in packages
    if name(path).startswith("data"):
        assert not packages & {"phasezoo", "zoo"}
    if not name(path).startswith("framework/tracking/"):
        assert "mlflow" not in packages
    if name(path) != "data/message_passing.py":
        assert "dgl" not in packages


@pytest.mark.parametrize("path", [p for p in FILES if wing_of(module(p))], ids=name)
def test_no_wing_imports_one_above_it(path):
    own = wing_of(module(path))
    above = {
        each
        for each in imported(path)
        if (wing := wing_of(each)) is not None and RANK[wing] > RANK[own]
    }
    assert not above, f"{name(path)} imports from above: {sorted(above)}"


def test_no_module_imports_itself_in_a_circle():
    ours = {each: [m for m in imported(path) if m in MODULES] for each, path in MODULES.items()}
    graphlib.TopologicalSorter(ours).prepare()  # raises CycleError with the circle


def test_no_wing_imports_itself_in_a_circle():
    between: dict[str, set[str]] = {wing: set() for wing in RANK}
    for each, path in MODULES.items():
        if (own := wing_of(each)) is not None:
            between[own] |= {w for m in imported(path) if (w := wing_of(m)) not in (None, own)}
    graphlib.TopologicalSorter(between).prepare()


@pytest.mark.parametrize("path", [p for p in FILES if wing_of(module(p)) in PLAIN], ids=name)
def test_the_plain_wings_never_reach_torch(path):
    heavy = reached(module(path)) & {"torch", "pytorch_lightning", "mlflow"}
    assert not heavy


def test_every_folder_of_the_engine_has_its_row():
    folders = {path.parent.name for path in (ROOT / "framework").glob("*/__init__.py")}
    assert folders <= set(RANK)


def test_dgl_waits_until_messages_are_passed():
    tree = ast.parse((ROOT / "data" / "message_passing.py").read_text())
    at_once = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    assert "dgl" not in {alias.name for node in at_once for alias in node.names}


def test_the_engine_names_no_concrete_model():
    models = {path.stem for path in (ROOT / "zoo" / "encoders").glob("[!_]*.py")}
    for path in (ROOT / "framework").rglob("*.py"):
        constants = {
            node.value
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        assert not constants & models, f"{path.name} names {constants & models}"


@pytest.mark.parametrize("path", FILES, ids=name)
def test_every_file_says_what_it_is_for(path):
    assert ast.get_docstring(ast.parse(path.read_text())), f"{name(path)} has no docstring"


@pytest.mark.parametrize("path", FILES, ids=name)
def test_files_and_functions_stay_short(path):
    text = path.read_text()
    lines = text.splitlines()
    assert len(lines) <= LONGEST_FILE or "# long:" in text, f"{name(path)}: {len(lines)} lines"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            length = _body_lines(node)
            excused = "# long:" in "\n".join(lines[node.lineno - 2 : node.end_lineno])
            assert length <= LONGEST_FUNCTION or excused, f"{name(path)}: {node.name}: {length}"


def _body_lines(node: ast.FunctionDef) -> int:
    """Lines of a function without its docstring."""
    text = ast.get_docstring(node, clean=False)
    return node.end_lineno - node.lineno + 1 - (text.count("\n") + 1 if text else 0)


def test_the_design_notes_draw_every_file():
    drawn = (ROOT / "docs" / "design.md").read_text().split("```")[1]
    registered = {"encoders", "predictors", "tasks", "objectives", "metrics", "published"}
    registered |= {"datasets", "representations", "splits", "candidates"}
    for path in FILES:
        top, *folders = path.relative_to(ROOT).parts[:-1]
        one_of_many = top != "framework" and set(folders) & registered
        if top == "phasezoo" or path.stem.startswith("__") or one_of_many:
            continue
        assert path.name in drawn, f"docs/design.md lacks {name(path)}"
        assert all(f"{folder}/" in drawn for folder in folders)
    files = {word.strip(",") for word in drawn.split() if word.strip(",").endswith(".py")}
    assert files <= {path.name for path in FILES}, "docs/design.md draws files that are gone"
