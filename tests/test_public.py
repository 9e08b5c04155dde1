"""The public names: each is there, is typed, and costs nothing until it is used."""

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import attnprobe
from attnprobe.version import VERSION

SOURCE = Path(__file__).parents[1] / "src"
STUB = ast.parse((SOURCE / "attnprobe" / "__init__.pyi").read_text())


def test_importing_the_package_loads_no_library() -> None:
    code = f"import sys; sys.path.insert(0, {str(SOURCE)!r}); import attnprobe; dir(attnprobe); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert not {"torch", "numpy", "pandas", "transformers", "attnprobe.plan"} & set(done.stdout.split())


@pytest.mark.parametrize("name", attnprobe.__all__)
def test_every_public_name_is_there_and_documented(name: str) -> None:
    value = getattr(attnprobe, name)

    assert name in dir(attnprobe)
    assert name == "__version__" or value.__doc__


def test_type_checkers_are_told_the_same_names_from_the_same_places() -> None:
    imported = {
        alias.asname: (node.module, alias.name)
        for node in STUB.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    listed = next(node.value for node in STUB.body if isinstance(node, ast.Assign))

    assert sorted(ast.literal_eval(listed)) == sorted(attnprobe.__all__)
    assert sorted([*imported, "__version__"]) == sorted(attnprobe.__all__)
    for shown, (module, name) in imported.items():
        assert shown == name
        assert getattr(import_module(str(module)), name) is getattr(attnprobe, name)
    assert (SOURCE / "attnprobe" / "py.typed").exists()


def test_a_name_that_is_not_there_is_said_not_to_be() -> None:
    with pytest.raises(AttributeError, match="module 'attnprobe' has no attribute 'pach_heads'"):
        attnprobe.pach_heads  # noqa: B018


def test_the_version_is_told() -> None:
    assert attnprobe.__version__ == VERSION


def test_there_are_few_names_and_none_is_a_module() -> None:
    assert len(attnprobe.__all__) <= 68
    modules = {path.stem for path in (SOURCE / "attnprobe").iterdir()}
    assert not modules & set(attnprobe.__all__)
