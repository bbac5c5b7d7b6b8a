"""A real Prometheus against the catalogue: what it has, what it lacks, what was renamed on its way."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import httpx
import pytest
import yaml

from ports import free_ports
from stack import Server, answers, eventually
from stagelight.egress import Client
from stagelight.errors import UnreachableError
from stagelight.generate import live, promql

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Shown = Callable[[str], None]

GOOD = """\
# TYPE stagelight_stage_calls_total counter
stagelight_stage_calls_total{stage="a",outcome="ok",tenant="t",workspace="w",otel_scope_name="stagelight"} 1
# TYPE stagelight_stages_active gauge
stagelight_stages_active{stage="a",pod="p"} 1
# TYPE otelcol_exporter_queue_size gauge
otelcol_exporter_queue_size{exporter="x"} 1
"""
ODD = """\
stagelight_stage_duration_seconds_milliseconds_bucket{le="1"} 1
stagelight_feedback_total{kind="explicit"} 1
stagelight_spans_ratio_total{fate="failed"} 1
stagelight_shop_orders_total 1
shop_orders_total 1
"""


@pytest.fixture(scope="module")
def prometheus(program: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Shown]]:
    """A Prometheus that scrapes a page of this test: its address, and how to change the page."""
    page = {"text": ""}

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(page["text"].encode())

        def log_message(self, *_arguments: object) -> None:
            pass

    target = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=target.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    folder = tmp_path_factory.mktemp("prometheus")
    jobs = [{"job_name": "shop", "static_configs": [{"targets": [f"127.0.0.1:{target.server_port}"]}]}]
    (folder / "prometheus.yml").write_text(
        yaml.safe_dump({"global": {"scrape_interval": "250ms"}, "scrape_configs": jobs})
    )
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    server = Server(
        [
            program("prometheus"),
            f"--config.file={folder}/prometheus.yml",
            f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        log=folder / "log",
        ready=lambda: answers(f"{url}/-/ready"),
    )
    number = iter(range(1, 100))

    def show(text: str) -> None:
        mark = f"round_{next(number)}"
        page["text"] = f"{text}{mark} 1\n"
        asked = {"params": {"query": mark}, "trust_env": False}
        eventually(lambda: httpx.get(f"{url}/api/v1/query", **asked).json()["data"]["result"], what="a scrape")

    server.start()
    yield url, show
    server.kill()
    target.shutdown()
    thread.join()
    target.server_close()


def test_what_is_there_and_what_is_not(prometheus: tuple[str, Shown]) -> None:
    """Metrics with their labels are fine, whatever exporters add; one that nothing recorded is unseen, which is not wrong."""
    url, show = prometheus
    show(GOOD)
    found = {finding.metric: finding for finding in live.compare(Client(url))}

    assert found["stagelight_stage_calls_total"] == live.Finding("stagelight_stage_calls_total", "fine")
    assert found["stagelight_stages_active"] == live.Finding("stagelight_stages_active", "fine", "also has pod")
    assert found["otelcol_exporter_queue_size"].verdict == "fine"
    assert found["up"].verdict == "fine"
    assert found["stagelight_feedback_total"].verdict == "unseen"
    assert found["otelcol_exporter_queue_capacity"].verdict == "unseen"
    assert set(promql.exposed().values()) == set(found)
    assert not any(finding.wrong for finding in found.values())


def test_what_was_renamed_on_its_way_is_found(prometheus: tuple[str, Shown]) -> None:
    """A unit that was appended, a label that is missing, a metric of ours that nobody declared."""
    url, show = prometheus
    show(GOOD + ODD)
    wrong = {finding.metric: finding for finding in live.compare(Client(url)) if finding.wrong}

    assert set(wrong) == {
        "stagelight_stage_duration_seconds",
        "stagelight_feedback_total",
        "stagelight_spans_total",
        "stagelight_shop_orders_total",
    }
    duration = wrong["stagelight_stage_duration_seconds"]
    assert duration.verdict == "renamed"
    assert "stagelight_stage_duration_seconds_milliseconds_bucket" in duration.says
    assert wrong["stagelight_feedback_total"].says == "without signal; has no other"
    assert (wrong["stagelight_spans_total"].verdict, wrong["stagelight_shop_orders_total"].verdict) == (
        "renamed",
        "unknown",
    )


def test_the_command_shows_it_and_ends_with_one(prometheus: tuple[str, Shown]) -> None:
    """`stagelight generate check-live URL` in a terminal and for programs."""
    from click.testing import CliRunner

    from stagelight.cli.main import cli

    url, show = prometheus
    show(GOOD + ODD)
    text = CliRunner().invoke(cli, ["generate", "check-live", url, "--all"], prog_name="stagelight")
    data = CliRunner().invoke(cli, ["generate", "check-live", url, "--json"], prog_name="stagelight")

    assert text.exit_code == data.exit_code == 1
    assert "stagelight_shop_orders_total" in text.stdout
    assert "are as the catalogue says" in text.stderr
    assert '"verdict": "renamed"' in data.stdout


def test_somebody_who_is_not_prometheus_is_told_so(prometheus: tuple[str, Shown]) -> None:
    """A page that answers 200 with something else is not taken for an empty Prometheus; nobody at all is out of reach."""
    from click.testing import CliRunner

    from stagelight.cli.main import cli

    url, _ = prometheus
    with pytest.raises(UnreachableError, match=r"does not answer as Prometheus does \(HTTP 404\)"):
        live.compare(Client(f"{url}/graph"))
    (port,) = free_ports(1)
    result = CliRunner().invoke(cli, ["generate", "check-live", f"http://127.0.0.1:{port}"], prog_name="stagelight")
    assert result.exit_code == 3
    assert "Is this Prometheus' own address" in result.stderr
