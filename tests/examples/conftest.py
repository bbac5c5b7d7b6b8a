"""The example as a package, and its models, trained once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "examples"))

if TYPE_CHECKING:
    from digits.models import Digits
    from digits.pipeline import Service


@pytest.fixture(scope="session")
def digits() -> tuple[Digits, Digits]:
    """Digits to train with, and digits to ask."""
    from digits.models import load

    return load()


@pytest.fixture(scope="session")
def service(digits: tuple[Digits, Digits]) -> Service:
    """The service with its trained models."""
    from digits.models import train
    from digits.pipeline import Service

    return Service(train(digits[0]))
