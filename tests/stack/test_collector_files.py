"""The collector's configurations: valid, without anything deprecated, and nothing in them that loses data."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
import yaml

from stack_collector import FILES

if TYPE_CHECKING:
    from pathlib import Path

TIERS = ("collector.yaml", "agent.yaml", "gateway.yaml")


def config(name: str) -> dict[str, dict[str, dict[str, object]]]:
    """A file of collector/, with its anchors resolved."""
    return yaml.safe_load((FILES / name).read_text(encoding="utf-8"))


def check(program: str, *files: object) -> subprocess.CompletedProcess[str]:
    """Run what `make collector` runs."""
    command = [FILES / "check.sh", program, *files]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, timeout=60)


def test_every_file_is_valid_and_starts_without_a_word_of_deprecation(collector_program: str) -> None:
    """Each configuration, alone and with the files that go on top of it, is taken by the real collector."""
    done = check(collector_program)

    assert done.returncode == 0, done.stdout + done.stderr
    for path in FILES.glob("*.yaml"):
        if "service" in yaml.safe_load(path.read_text(encoding="utf-8")):
            assert path.name in done.stdout, f"check.sh says nothing of {path.name}"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("exporters: {otlphttp: {endpoint: 'http://127.0.0.1:1'}}", "deprecated"),
        ("exporters: {otlp_http: {endpoint: 'http://127.0.0.1:1', no_such_key: 1}}", "not valid"),
        ("exporters: {otlp_http: {endpoint: 'http://127.0.0.1:1', tls: {ca_file: /nowhere}}}", "does not start"),
    ],
)
def test_the_check_fails_where_it_should(collector_program: str, tmp_path: Path, line: str, said: str) -> None:
    """An old alias, an unknown key and a file that is not there are each told, with exit code 1."""
    path = tmp_path / "odd.yaml"
    exporter = "otlphttp" if "otlphttp" in line else "otlp_http"
    path.write_text(
        "receivers: {otlp: {protocols: {grpc: {endpoint: '127.0.0.1:0'}}}}\n"
        f"{line}\n"
        "service:\n"
        "  telemetry: {metrics: {level: none}}\n"
        f"  pipelines: {{traces: {{receivers: [otlp], exporters: [{exporter}]}}}}\n",
        encoding="utf-8",
    )

    done = check(collector_program, path)

    assert done.returncode == 1
    assert said in done.stdout


@pytest.mark.parametrize("name", TIERS)
def test_what_leaves_waits_on_disk_and_is_never_given_up(name: str) -> None:
    """Every exporter keeps its queue on disk and tries for ever.

    By default the collector drops after five minutes; its balancer drops at once, and tries without a pause where it is
    told to try but not how.
    """
    for exporter, settings in config(name)["exporters"].items():
        retries = settings["retry_on_failure"]
        assert (retries["enabled"], retries["max_elapsed_time"]) == (True, 0), exporter
        assert retries.get("multiplier", 0) > 1 or not exporter.startswith("load_balancing"), exporter
        assert settings["sending_queue"]["storage"] == "file_storage/queue", exporter
    storage = config(name)["extensions"]["file_storage/queue"]
    assert (storage["fsync"], storage["recreate"]) == (True, True)


@pytest.mark.parametrize("name", TIERS)
def test_nothing_is_acknowledged_before_it_is_on_disk(name: str) -> None:
    """Every pipeline that receives is limited by memory first, and has no batch processor, which answers too early.

    Behind the sampler one is in order: the sampler has answered already.
    """
    for pipeline, parts in config(name)["service"]["pipelines"].items():
        processors = parts.get("processors", [])
        if "otlp" in parts["receivers"]:
            assert processors[0] == "memory_limiter", pipeline
        batches = [index for index, processor in enumerate(processors) if processor.startswith("batch")]
        assert all("tail_sampling" in processors[:index] for index in batches), pipeline


@pytest.mark.parametrize("name", TIERS)
def test_only_this_machine_is_listened_to_unless_said_otherwise(name: str) -> None:
    """An address that is not set is loopback."""
    text = (FILES / name).read_text(encoding="utf-8")

    assert "0.0.0.0" not in text
    assert "STAGELIGHT_COLLECTOR_GRPC:-127.0.0.1:" in text


def test_the_slim_collector_is_part_of_the_full_one() -> None:
    """What the tests run on is in the collector for operation too, in the same versions."""
    slim, full = ({row["gomod"] for kind, rows in config(name).items() if kind != "dist" for row in rows}
                  for name in ("builder.slim.yaml", "builder.yaml"))  # fmt: skip

    assert slim < full
