"""The three factories: declared instruments by name, new ones with the same checks."""

from __future__ import annotations

import pytest

from stagelight.catalogue import feedback
from stagelight.catalogue.labels import TENANT
from stagelight.catalogue.stages import STAGE_DURATION, STAGES_ACTIVE
from stagelight.errors import InstrumentError
from stagelight.telemetry import CounterFactory, GaugeFactory, HistogramFactory, factories
from stagelight.telemetry.instruments import counter, gauge, histogram
from stagelight.testing import in_memory


def test_a_declared_name_gives_the_declared_instrument():
    """Where the catalogue declares the name, the factory returns that very instrument, whatever the help says."""
    row = feedback.FEEDBACK
    assert CounterFactory(row.name, "Other words.", row.label_names) is counter(row)
    assert GaugeFactory(STAGES_ACTIVE.name, "", ["stage"]) is gauge(STAGES_ACTIVE)
    assert HistogramFactory(STAGE_DURATION.name, "", STAGE_DURATION.label_names) is histogram(STAGE_DURATION)


def test_the_order_of_labels_does_not_matter():
    """The same labels in another order are the same labels."""
    row = feedback.FEEDBACK
    assert CounterFactory(row.name, "", row.label_names[::-1]) is counter(row)


def test_a_new_name_makes_one_instrument():
    """Where the catalogue does not know the name, a new instrument is made, once, and it counts."""
    made = CounterFactory("tests_factory_total", "Counts.", ["tenant", "colour"])

    assert made is CounterFactory("tests_factory_total", "Counts.", ["tenant", "colour"])
    assert made.row.labels[0] is TENANT
    assert made.row.labels[1].bound == factories.BOUND
    with in_memory() as memory:
        made.labels(tenant="a", colour="red").inc()
        assert memory.value("tests_factory_total", tenant="a", colour="red") == 1


def test_a_metric_always_has_a_description():
    """Prometheus' own check fails on a metric without help, so an empty one is made of the name."""
    assert GaugeFactory("tests_without_help", " ").row.help == "tests without help"


def test_buckets_may_be_chosen():
    """A histogram takes its own bounds, and keeps them: other bounds are an error."""
    made = HistogramFactory("tests_factory_seconds", "Takes.", buckets=[1, 2])

    assert made.row.buckets == (1.0, 2.0)
    with pytest.raises(InstrumentError, match="buckets"):
        HistogramFactory("tests_factory_seconds", "Takes.", buckets=[1, 3])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: CounterFactory("tests_bad", "x"), "did you mean 'tests_bad_total'"),
        (lambda: GaugeFactory("tests_bad_total", "x"), "counters, and they alone, end in _total"),
        (lambda: GaugeFactory("tests.bad", "x"), "would be renamed"),
        (lambda: GaugeFactory("tests_bad", "x", ["a b"]), "'a b' would be renamed"),
        (lambda: GaugeFactory("tests_bad", "x", "tenant"), "takes a list of names"),
        (lambda: GaugeFactory("tests_bad", "x", ["request_id"]), "a series for every request"),
        (lambda: HistogramFactory("tests_bad", "x", ["le"]), "belongs to Prometheus"),
        (lambda: GaugeFactory("tests_bad", "x", ["__name__"]), "belongs to Prometheus"),
        (lambda: HistogramFactory("tests_bad", "x", buckets=[2, 1]), "have to rise"),
        (lambda: HistogramFactory("tests_bad", "x", buckets=[1, 1]), "have to rise"),
        (lambda: GaugeFactory(feedback.FEEDBACK.name, "x"), "declared as a counter, not as a gauge"),
        (lambda: CounterFactory(STAGES_ACTIVE.name, "x", ["stage"]), "declared as a gauge, not as a counter"),
        (lambda: CounterFactory(feedback.FEEDBACK.name, "x", ["kind"]), "with labels .* asked for as .*'kind'"),
    ],
)
def test_a_declaration_that_cannot_work_is_told_at_the_callers_line(call, message):
    """A name or label that would not arrive in Prometheus as written is one clear error."""
    with pytest.raises(InstrumentError, match=message):
        call()
