"""The examples in docstrings are true."""

from __future__ import annotations

import doctest
import importlib
from typing import TYPE_CHECKING

import pytest

from repository import modules
from stagelight import setup

if TYPE_CHECKING:
    from collections.abc import Iterator

WITH_EXAMPLES = [module.name for module in modules() if ">>> " in module.path.read_text(encoding="utf-8")]


@pytest.fixture(autouse=True)
def _telemetry_is_off_again() -> Iterator[None]:
    """An example may call `configure()`; the next test shall not notice."""
    yield
    setup.shutdown()


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_of_a_module(name: str) -> None:
    """Whoever types the example sees what the docstring shows."""
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)

    assert result.attempted, f"{name}: no example was found"
    assert result.failed == 0
