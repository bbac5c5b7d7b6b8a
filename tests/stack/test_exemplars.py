"""From a slow bucket to a trace that shows why: exemplars come through, and lead somewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from serving import served
from stack import eventually
from stack_prometheus import APPLICATIONS, place
from stage_program import asked
from stagelight.catalogue.stages import STAGE_DURATION

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stack_collector import Collector
    from stack_prometheus import Prometheus


def test_an_exemplar_of_a_stage_names_a_trace_that_the_backend_holds(
    collector: Callable[..., Collector], prometheus: Callable[..., Prometheus], tmp_path: Path
) -> None:
    """What Prometheus keeps beside a stage's histogram is the id of a trace which `stagelight serve` shows, spans and all.

    Without tail sampling: a sampler may drop the trace that an exemplar names. Prometheus 2.42 does not keep an exemplar
    that was there when it scraped the series for the first time; that is why the program is asked again.
    """
    with served(tmp_path) as backend:
        through = collector("collector.yaml", "prometheus2.yaml", STAGELIGHT_TRACES_ENDPOINT=backend.url)
        found = prometheus({APPLICATIONS: place(through.scrape)})
        with asked(OTEL_SERVICE_NAME="shop", OTEL_EXPORTER_OTLP_ENDPOINT=through.http) as shop:
            first = shop.ask()
            found.scraped(f"{STAGE_DURATION.name}_bucket")
            second = shop.ask()
            exemplars = eventually(
                lambda: found.exemplars(f'{STAGE_DURATION.name}_bucket{{stage="answer"}}'), what="an exemplar"
            )

        assert {exemplar["trace_id"] for exemplar in exemplars} <= {first, second}
        for exemplar in exemplars:
            spans = eventually(
                lambda trace=exemplar["trace_id"]: backend.client.get(f"/api/traces/{trace}").json().get("spans"),
                what="the exemplar's trace",
            )
            assert exemplar["span_id"] in {span["span_id"] for span in spans}
            assert {span["name"] for span in spans} == {"answer", "retrieve"}
