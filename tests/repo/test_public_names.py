"""The top package: its names are there whenever they are asked for, whatever else was imported before."""

from __future__ import annotations

import ast
import subprocess
import sys
from types import ModuleType

import pytest

import stagelight
from repository import PACKAGE, modules

CONTRACT = {
    *("configure", "trace_stage", "start_trace", "end_trace", "trace", "inject", "continue_trace", "context"),
    *("log_prediction", "log_feedback", "log_truth", "alog_prediction", "alog_feedback", "alog_truth"),
    *("CounterFactory", "GaugeFactory", "HistogramFactory"),
}

IMPORT_ALL_THEN_LOOK = """
import importlib, sys, types
import stagelight
for name in sys.argv[1:]:
    importlib.import_module(name)
for name in stagelight.__all__:
    value = getattr(stagelight, name)
    assert not isinstance(value, types.ModuleType), f"{name} became a module"
    assert callable(value) or isinstance(value, str), name
print(len(stagelight.__all__))
"""


def test_the_contract_s_names_are_public() -> None:
    """What users import from the top is what the contract lists, plus the version."""
    assert set(stagelight.__all__) == CONTRACT | {"__version__"}


@pytest.mark.parametrize("name", sorted(CONTRACT))
def test_each_name_is_fetched_and_callable(name: str) -> None:
    """`from stagelight import …` finds the thing itself, not a module of the same name."""
    value = getattr(stagelight, name)

    assert callable(value)
    assert not isinstance(value, ModuleType)
    assert name in dir(stagelight)


def test_no_room_takes_the_place_of_a_function() -> None:
    """After every submodule has been imported, as test runners and type checkers do, the names still call functions."""
    names = [module.name for module in modules() if module.room != "__main__" and ".migrations" not in module.name]
    run = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL_THEN_LOOK, *names], capture_output=True, text=True, check=False, timeout=60
    )

    assert run.returncode == 0, run.stderr
    assert int(run.stdout) == len(stagelight.__all__)


def test_an_unknown_name_is_an_ordinary_attribute_error() -> None:
    """A typing mistake reads as it does with any other module."""
    with pytest.raises(AttributeError, match="module 'stagelight' has no attribute 'trace_stages'"):
        _ = stagelight.trace_stages  # type: ignore[attr-defined]  # it is what is tested


def test_checkers_see_what_is_fetched() -> None:
    """The imports written for type checkers are exactly the names that are fetched, from the same rooms."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    written = {node.module: {a.name for a in node.names} for node in block.body if isinstance(node, ast.ImportFrom)}

    assert written == {room: set(names) for room, names in stagelight._ROOMS.items()}
