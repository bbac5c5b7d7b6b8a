"""The room's own names."""

from __future__ import annotations

import subprocess
import sys

import pytest

from stagelight import web
from stagelight.web.app import create_app

BROKEN = """
import sys
sys.modules[sys.argv[1]] = None
from stagelight import web
try:
    web.serve
except ImportError as error:
    print(type(error).__name__, error)
"""


def test_names_are_found_when_asked_for():
    """What the room promises is there; what it does not is an ordinary missing attribute."""
    assert web.create_app is create_app
    with pytest.raises(AttributeError, match="no attribute 'nope'"):
        web.nope  # noqa: B018  asking is the test


@pytest.mark.parametrize(
    ("missing", "says"),
    [("uvicorn", "MissingExtraError the page and the receiver needs"), ("email", "ModuleNotFoundError")],
)
def test_missing_package_names_the_extra(missing, says):
    """Without the framework the error names the extra to install; any other missing module is told as it is."""
    done = subprocess.run(
        [sys.executable, "-c", BROKEN, missing], capture_output=True, text=True, check=True, timeout=60
    )

    assert done.stdout.startswith(says)
