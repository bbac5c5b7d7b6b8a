"""Every public name says what it is for, every test says what it proves, and nothing grows too long to read."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import pytest

from repository import ROOT, Module, files, modules

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LONGEST_MODULE = 400  #: Lines.
LONGEST_FUNCTION = 60  #: Lines, its docstring not counted.
FEWEST_WORDS = 4  #: Of a sentence about behaviour.

Function = ast.FunctionDef | ast.AsyncFunctionDef
by_name = pytest.mark.parametrize("module", modules(), ids=lambda module: module.name)
TEST_FILES = [path for path in files() if path.match("tests/**/test_*.py") or path.match("tests/*/test_*.py")]


def is_overload(node: ast.AST) -> bool:
    """Whether it is one of several signatures; the implementation carries the docstring."""
    return isinstance(node, Function) and any("overload" in ast.unparse(d) for d in node.decorator_list)


def is_setter(node: ast.AST) -> bool:
    """Whether it is the writing half of a property."""
    return isinstance(node, Function) and any(ast.unparse(d).endswith(".setter") for d in node.decorator_list)


def public(body: list[ast.stmt]) -> Iterator[Function | ast.ClassDef]:
    """The public functions and classes of a module or class, and those of public classes inside it."""
    for node in body:
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
            if not is_overload(node) and not is_setter(node):
                yield node
            if isinstance(node, ast.ClassDef):
                yield from public(node.body)


@by_name
def test_every_public_name_has_a_docstring(module: Module) -> None:
    """A reader finds at least one sentence on each module, public class, function and method."""
    silent = [f"{node.name} (line {node.lineno})" for node in public(module.tree.body) if not ast.get_docstring(node)]

    assert ast.get_docstring(module.tree), f"{module.path} has no docstring"
    assert not silent, f"{module.path}: no docstring on {', '.join(silent)}"


def own_lines(function: Function) -> int:
    """Lines of `function` without its docstring: an example that runs shall not count against it."""
    first = function.body[0]
    documented = ast.get_docstring(function) is not None
    docstring = (first.end_lineno or first.lineno) - first.lineno + 1 if documented else 0
    return (function.end_lineno or function.lineno) - function.lineno + 1 - docstring


@by_name
def test_modules_and_functions_can_be_read_in_one_go(module: Module) -> None:
    """A module over 400 lines is two rooms, and a function over 60 is two stories."""
    lines = len(module.path.read_text(encoding="utf-8").splitlines())
    functions = [node for node in ast.walk(module.tree) if isinstance(node, Function)]
    long = {node.name: own_lines(node) for node in functions if own_lines(node) > LONGEST_FUNCTION}

    assert lines <= LONGEST_MODULE, f"{module.path} has {lines} lines"
    assert not long, f"{module.path}: too long: {long}"


@pytest.mark.parametrize("path", TEST_FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_test_says_what_it_proves(path: Path) -> None:
    """Whoever sees a test fail reads a sentence about behaviour before any code."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    tests = [node for node in ast.walk(tree) if isinstance(node, Function) and node.name.startswith("test_")]
    poor = []
    for test in tests:
        sentence = " ".join((ast.get_docstring(test) or "").split("\n\n")[0].split())
        if len(sentence.split()) < FEWEST_WORDS or not sentence.endswith((".", "?", "!", ":")):
            poor.append(f"{test.name}: {sentence!r}")

    assert not poor, f"{path}: no sentence in {poor}"
