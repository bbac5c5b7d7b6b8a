"""A sink that can be away."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from stagelight import _guard
from stagelight.errors import UnreachableError
from stagelight.sink.codec import id_of
from stagelight.sink.rows import Receipt, Row

if TYPE_CHECKING:
    from collections.abc import Sequence


class FlakySink:
    """Keeps what it is given, in order, unless it is away; refuses what it is told to."""

    def __init__(self) -> None:
        self.away = ""
        self.refuses: set[str] = set()
        self.rows: list[Row] = []
        self.calls = 0
        self.took = threading.Event()

    @property
    def ids(self) -> list[str]:
        return [id_of(row) for row in self.rows]

    def write(self, rows: Sequence[Row]) -> list[Receipt]:
        self.calls += 1
        if self.away:
            raise UnreachableError(self.away)
        self.rows += [row for row in rows if id_of(row) not in self.refuses]
        self.took.set()
        return [
            Receipt("refused", id_of(row), "not wanted")
            if id_of(row) in self.refuses
            else Receipt("stored", id_of(row))
            for row in rows
        ]


@pytest.fixture
def flaky() -> FlakySink:
    return FlakySink()


@pytest.fixture(autouse=True)
def _fresh_counts():
    _guard.forget()
