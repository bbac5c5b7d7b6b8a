"""The examples in docstrings are true."""

from __future__ import annotations

import doctest
import importlib

import pytest

from repository import modules

WITH_EXAMPLES = [module.name for module in modules() if ">>> " in module.path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_of_a_module(name: str) -> None:
    """Whoever types the example sees what the docstring shows."""
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)

    assert result.attempted, f"{name}: no example was found"
    assert result.failed == 0
