"""Packages of OpenTelemetry that do not belong together are found."""

from __future__ import annotations

import pytest

from stagelight.doctor import versions

TRIPLE = {"opentelemetry-api": "1.45.2", "opentelemetry-sdk": "1.45.2", "opentelemetry-exporter-otlp": "1.45.2"}


def test_what_is_installed_here_is_good() -> None:
    """The packages that these tests run with are of one release, and named in the finding."""
    found = versions.check(versions.installed())

    assert found.verdict == "good"
    assert f"sdk {versions.installed()['opentelemetry-sdk']}" in found.found


@pytest.mark.parametrize("name", sorted(TRIPLE))
def test_a_missing_package_is_a_failure(name: str) -> None:
    """Without API, SDK or exporter nothing can be sent; the missing one is named."""
    found = versions.check({other: version for other, version in TRIPLE.items() if other != name})

    assert (found.verdict, found.found) == ("failure", f"{name} is not installed")


def test_another_sdk_than_the_api_is_a_failure() -> None:
    """An SDK of another release than the API crashes or loses spans; the advice is the command that mends it."""
    found = versions.check({**TRIPLE, "opentelemetry-sdk": "1.40.0"})

    assert found.verdict == "failure"
    assert found.advice.startswith("pip install --upgrade opentelemetry-api")


@pytest.mark.parametrize(("version", "verdict"), [("0.66b2", "good"), ("0.48b0", "warning"), ("odd", "warning")])
def test_a_beta_package_belongs_to_the_stable_release(version: str, verdict: str) -> None:
    """0.66b goes with 1.45: any other instrumentation is a warning that names it."""
    found = versions.check({**TRIPLE, "opentelemetry-instrumentation": version})

    assert found.verdict == verdict
    assert version in found.found
