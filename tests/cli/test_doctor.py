"""`stagelight doctor` as people and scripts see it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from servers import refusing
from serving import served

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest
    from click.testing import Result

    Call = Callable[..., Result]


def test_a_script_reads_the_verdict(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With --json the verdict, the exit code and each finding are one JSON object, and the process ends with that code."""
    with served(tmp_path) as server:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.url)
        result = call("doctor", "--json")

    told = json.loads(result.stdout)
    assert (told["verdict"], told["exit_code"], result.exit_code) == ("good", 0, 0), told
    assert set(told["findings"][0]) == {"hop", "verdict", "found", "advice", "seconds"}


def test_people_see_a_line_for_each_hop_and_what_to_do(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """Marks tell good from bad, the advice stands below its finding, and a failure ends with 2."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", refusing())

    result = call("doctor")

    assert result.exit_code == 2
    lines = result.stdout.splitlines()
    failed = next(n for n, line in enumerate(lines) if line.startswith("✗ connection"))
    assert lines[0].startswith("✓ versions")
    assert "Start `stagelight serve`" in lines[failed + 1]


def test_a_warning_ends_with_1(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """Telemetry that is switched off is no failure, but wants a look."""
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")

    result = call("doctor")

    assert result.exit_code == 1
    assert "! variables" in result.stdout
