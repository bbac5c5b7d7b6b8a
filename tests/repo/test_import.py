"""`import stagelight` is light: a program pays for what it uses, when it uses it."""

from __future__ import annotations

import subprocess
import sys

import pytest

ROUNDS = 15
LIMIT_MS = 60.0

HEAVY = {
    *("numpy", "opentelemetry.sdk.metrics", "opentelemetry.exporter", "prometheus_client", "google.protobuf", "grpc"),
    *("fastapi", "starlette", "uvicorn", "jinja2", "click", "rich", "sqlalchemy", "alembic", "requests", "asyncio"),
}
STAGES = "from stagelight import trace_stage, start_trace, end_trace, trace, inject, continue_trace, context"
API = "from opentelemetry import baggage, context, metrics, propagate, trace"
ALL = "from stagelight import *"


def loaded(statement: str) -> set[str]:
    """The modules that a fresh process has imported after `statement`, without those it starts with."""
    code = f"import sys; before = set(sys.modules); {statement}; print(*(set(sys.modules) - before))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return set(run.stdout.split())


def milliseconds_of(statement: str) -> float:
    """What `statement` costs a fresh process in CPU time; wall time would tell of the machine's other work too."""
    code = f"import time; start = time.process_time(); {statement}; print(time.process_time() - start)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return float(run.stdout) * 1000


@pytest.mark.parametrize("statement", ["import stagelight", STAGES])
def test_the_core_loads_no_framework(statement: str) -> None:
    """A program that only decorates its functions loads OpenTelemetry's API, and neither the SDK's metrics nor numpy."""
    weight = {name for name in loaded(statement) if any(name == h or name.startswith(f"{h}.") for h in HEAVY)}

    assert not weight, f"{statement} loads {sorted(weight)}"


def test_all_public_names_load_no_framework() -> None:
    """Fetching every public name still brings neither numpy nor a web framework nor a database."""
    optional = HEAVY - {"opentelemetry.sdk.metrics", "google.protobuf", "asyncio"}
    weight = {name for name in loaded(ALL) if any(name == h or name.startswith(f"{h}.") for h in optional)}

    assert not weight, f"all names load {sorted(weight)}"


def test_importing_takes_no_more_than_sixty_milliseconds() -> None:
    """`import stagelight` over bare Python, measured in fresh processes; the best of many, since noise only adds."""
    took_ms = min(milliseconds_of("import stagelight") for _ in range(ROUNDS))

    print(f"import stagelight: {took_ms:.1f} ms")
    assert took_ms <= LIMIT_MS


def test_stages_add_no_more_than_sixty_milliseconds_to_the_api() -> None:
    """A program that decorates its functions pays that much over OpenTelemetry's API, which every instrumented one loads."""
    pairs = [(milliseconds_of(STAGES), milliseconds_of(API)) for _ in range(ROUNDS)]
    ours_ms, api_ms = (min(column) for column in zip(*pairs, strict=True))

    print(f"{STAGES}: {ours_ms:.1f} ms, of which OpenTelemetry's API {api_ms:.1f} ms")
    assert ours_ms - api_ms <= LIMIT_MS
