"""Judged predictions as training data."""

from __future__ import annotations

import io
import sys

import pytest

from stagelight.errors import MissingExtraError
from stagelight.feedback import retraining


def test_without_pyarrow_parquet_says_what_to_install(monkeypatch):
    """JSON lines need nothing."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"stagelight\[parquet\]"):
        retraining.write_parquet([], io.BytesIO())
