"""A line knows its room: what the layers cannot see is checked on the syntax tree of every module."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import pytest

from repository import Module, modules
from stagelight import catalogue

if TYPE_CHECKING:
    from collections.abc import Iterator

by_name = pytest.mark.parametrize("module", modules(), ids=lambda module: module.name)

CLOCKS = {
    "time.time",
    "time.time_ns",
    "datetime.now",
    "datetime.utcnow",
    "datetime.datetime.now",
    "uuid.uuid4",
    "uuid4",
}


def used(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Every dotted name that is read, and its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Name):
            yield ast.unparse(node), node.lineno


def imported(tree: ast.Module) -> Iterator[str]:
    """Every module and name that is imported, with dots."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@by_name
def test_only_cli_prints(module: Module) -> None:
    """A library that prints spoils the output of the program that uses it."""
    lines = [line for name, line in used(module.tree) if name == "print"]

    assert not lines or module.room in {"cli", "__main__"}, f"{module.path}:{lines}"


@by_name
def test_only_config_reads_the_environment(module: Module) -> None:
    """A setting has one row, so that doctor and the reference can show all there are."""
    lines = [line for name, line in used(module.tree) if name in {"os.environ", "os.getenv", "environ", "getenv"}]
    lines = [line for line in lines if "os" in imported(module.tree) or "os.environ" in imported(module.tree)]

    assert not lines or module.room == "config", f"{module.path}:{lines}"


@by_name
def test_only_the_clock_tells_the_time(module: Module) -> None:
    """Tests step time and count ids; that holds only if nobody asks the machine behind their back."""
    lines = [line for name, line in used(module.tree) if name in CLOCKS]

    assert not lines or module.room == "_clock", f"{module.path}:{lines}"


def swallows(handler: ast.ExceptHandler) -> bool:
    """Whether it catches all there is and neither raises it again nor hands it on (as to the host's own generator)."""
    caught = "BaseException" if handler.type is None else ast.unparse(handler.type)
    if caught != "BaseException":
        return caught == "Exception"
    nodes = [node for line in handler.body for node in ast.walk(line)]
    passed_on = any(isinstance(node, ast.Name) and node.id == handler.name for node in nodes)
    return not passed_on and not any(isinstance(node, ast.Raise) for node in nodes)


@by_name
def test_only_the_guard_catches_everything(module: Module) -> None:
    """What is swallowed is counted and logged in one place; elsewhere an error has a name."""
    handlers = [node for node in ast.walk(module.tree) if isinstance(node, ast.ExceptHandler)]
    lines = [handler.lineno for handler in handlers if swallows(handler)]

    assert not lines or module.room == "_guard", f"{module.path}:{lines}"


@by_name
def test_metric_names_are_written_in_the_catalogue_alone(module: Module) -> None:
    """A metric that is renamed is renamed once."""
    names = {*catalogue.METRICS, *catalogue.ALERTS}
    constants = [node for node in ast.walk(module.tree) if isinstance(node, ast.Constant)]
    found = {f"{node.value} (line {node.lineno})" for node in constants if node.value in names}

    assert not found or module.room == "catalogue", f"{module.path}: {found}"


@pytest.mark.parametrize(
    "private", ["opentelemetry._logs", "opentelemetry.sdk._logs", "opentelemetry.sdk._shared_internal"]
)
def test_unstable_parts_of_opentelemetry_are_used_in_one_file_each(private: str) -> None:
    """What OpenTelemetry may change without notice is mended in one file when it does."""
    users = {
        module.name
        for module in modules()
        for name in imported(module.tree)
        if name == private or name.startswith(f"{private}.")
    }

    assert len(users) <= 1, f"{private} is used in {sorted(users)}"
