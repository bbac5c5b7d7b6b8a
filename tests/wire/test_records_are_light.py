"""Rooms that only hold records pay nothing for protobuf."""

from __future__ import annotations

import subprocess
import sys

import pytest

from stagelight import wire


def test_records_load_no_protobuf() -> None:
    """`import stagelight.wire.records` leaves protobuf and OpenTelemetry unloaded."""
    code = "import sys, stagelight.wire.records, stagelight.wire.conventions; print(*sys.modules)"

    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()

    assert not [name for name in loaded if name.startswith(("google", "opentelemetry", "numpy"))]


def test_every_public_name_is_found() -> None:
    """Each name of `wire.__all__` loads on first use; another is an AttributeError."""
    assert all(getattr(wire, name) for name in dir(wire))
    with pytest.raises(AttributeError, match="has no attribute 'decode_everything'"):
        wire.decode_everything  # type: ignore[attr-defined]  # noqa: B018
