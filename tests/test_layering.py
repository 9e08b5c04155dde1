"""The house rules that a reader of one file cannot see: who may import whom, how long a file or a function may be."""

import ast
import graphlib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "attnprobe"
# a room imports from itself and from the rooms before it
ROOMS = ["version", "errors", "shapes", "statistics", "kernels", "plan", "tasks", "zoo", "models", "attention"]
ROOMS += ["runs", "causal", "evaluation", "training", "report", "cli", "__init__"]
BANNED_NAMES = {"utils", "helpers", "common", "base", "misc"}
BANNED_IMPORTS = {"pickle", "__future__"}
LONGEST_FILE, LONGEST_FUNCTION = 400, 60

MODULES = sorted(PACKAGE.rglob("*.py"))
FILES = MODULES + [path for folder in ("tests", "benchmarks", "experiments") for path in (ROOT / folder).rglob("*.py")]


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = {name_of(path) for path in MODULES}


def imports_of(tree: ast.AST) -> Iterator[str]:
    """Dotted names that are imported anywhere in a file, a name taken from a module along with that module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports are absolute"
            assert node.module is not None
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def module_of(name: str) -> str | None:
    """The module of ours that a dotted name belongs to."""
    while name.startswith("attnprobe") and name not in NAMES:
        name = name.rpartition(".")[0]
    return name if name in NAMES else None


def room_of(module: str) -> int:
    return ROOMS.index([*module.split("."), "__init__"][1])


def code_lines(function: ast.FunctionDef | ast.AsyncFunctionDef, lines: list[str]) -> int:
    """Lines of a function that hold code: no docstring, no comments, no blanks."""
    has_docstring = ast.get_docstring(function) is not None
    docstring = function.body[0] if has_docstring else None
    skipped = range(docstring.lineno, (docstring.end_lineno or 0) + 1) if docstring else range(0)
    numbers = range(function.lineno, (function.end_lineno or 0) + 1)
    texts = [lines[number - 1].strip() for number in numbers if number not in skipped]
    return sum(bool(text) and not text.startswith("#") for text in texts)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_room_imports_only_from_itself_and_the_rooms_before_it(path: Path) -> None:
    own = room_of(name_of(path))
    for name in imports_of(ast.parse(path.read_text())):
        module = module_of(name)
        assert module is None or room_of(module) <= own, f"{name_of(path)} imports {module}"


def test_no_module_imports_itself_in_a_circle() -> None:
    graph = {
        name_of(path): {module for name in imports_of(ast.parse(path.read_text())) if (module := module_of(name))}
        for path in MODULES
    }
    assert graph, "no modules were found"
    graphlib.TopologicalSorter(graph).prepare()


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_protocol_can_be_checked_while_tests_run(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ClassDef) and "Protocol" in map(ast.unparse, node.bases):
            assert "runtime_checkable" in map(ast.unparse, node.decorator_list), node.name


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_keeps_the_house_rules(path: Path) -> None:
    text = path.read_text()
    lines, tree = text.splitlines(), ast.parse(text)
    assert len(lines) <= LONGEST_FILE, f"{len(lines)} lines"
    assert not BANNED_NAMES & {*path.relative_to(ROOT).with_suffix("").parts}, "name what it holds"
    for name in imports_of(tree):
        assert name.split(".")[0] not in BANNED_IMPORTS, name
        assert not name.endswith((".*", ".TYPE_CHECKING")), name
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert code_lines(node, lines) < LONGEST_FUNCTION, f"{node.name} is too long"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and PACKAGE in path.parents:
            assert node.func.id != "print", f"line {node.lineno}"


def test_the_rules_see_a_breach() -> None:
    lazy = ast.parse("def late():\n    from attnprobe.models.native import NativeModel")
    assert [module_of(name) for name in imports_of(lazy)] == ["attnprobe.models.native"]
    assert room_of("attnprobe.models.native") > room_of("attnprobe.plan.dims") > room_of("attnprobe.errors")
    text = 'def f():\n    """Says.\n\n    More."""\n    # why\n\n    return 1'
    function = ast.parse(text).body[0]
    assert isinstance(function, ast.FunctionDef)
    assert code_lines(function, text.splitlines()) == 2
