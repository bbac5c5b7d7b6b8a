"""Standard logging: lines carry the ids of their stage, and go out as OTLP logs when asked."""

from __future__ import annotations

import io
import logging
import threading

import pytest
from opentelemetry import trace
from opentelemetry._logs import set_logger_provider
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor

from servers import answering, refusing
from stagelight.telemetry.complaint import listening
from stagelight.telemetry.correlation import NONE, Correlated, Correlation
from stagelight.telemetry.logs import send_event

LOCAL = {"traces_exporter": "none", "metrics_exporter": "none"}


@pytest.fixture
def written():
    """A handler on the root logger, with the ids in its format, and what it wrote."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(message)s %(otelTraceID)s %(otelSpanID)s %(trace_id)s %(span_id)s"))
    logging.getLogger().addHandler(handler)
    correlated = Correlated()
    yield stream
    correlated.undo()
    logging.getLogger().removeHandler(handler)


def test_a_line_inside_a_stage_carries_its_ids(written, using):
    """Inside a span a record has the span's ids under both names; outside it has zeros, so that a format never fails."""
    tracer = using(span_exporter=None, **LOCAL).tracer
    log = logging.getLogger("tests")
    with tracer.start_as_current_span("work") as span:
        context = span.get_span_context()
        log.warning("inside")
    log.warning("outside")

    ids = f"{context.trace_id:032x} {context.span_id:016x}"
    assert written.getvalue().splitlines() == [f"inside {ids} {ids}", f"outside {NONE} {NONE} {NONE} {NONE}"]


def test_what_the_program_passes_itself_stands(written):
    """`extra={"trace_id": …}` goes on working: logging does not raise, and the program's own id is shown."""
    logging.getLogger("tests").warning("mine", extra={"trace_id": "own"})

    assert written.getvalue() == f"mine {NONE} {NONE} own {NONE}\n"


def test_undoing_leaves_logging_as_it_was():
    """After the end the record factory and the handlers are those from before."""
    factory, filters = logging.getLogRecordFactory(), [list(h.filters) for h in logging.getLogger().handlers]
    correlated = Correlated()
    assert logging.getLogRecordFactory() != factory
    correlated.undo()

    assert logging.getLogRecordFactory() == factory
    assert [list(h.filters) for h in logging.getLogger().handlers] == filters


def test_a_factory_on_top_of_ours_is_left_alone():
    """Where someone has put a factory on top of ours, undoing does not take it away, and ours adds nothing more."""
    before = logging.getLogRecordFactory()
    correlated = Correlated()
    ours = logging.getLogRecordFactory()

    def theirs(*args, **kwargs):
        return ours(*args, **kwargs)

    logging.setLogRecordFactory(theirs)
    try:
        correlated.undo()
        assert logging.getLogRecordFactory() is theirs
        assert not hasattr(theirs("x", 20, "", 1, "m", (), None), "otelTraceID")
    finally:
        logging.setLogRecordFactory(before)


def test_the_filter_serves_a_handler_of_ones_own():
    """`Correlation` on any handler adds the ids, with or without our record factory, and lets every record pass."""
    record = logging.makeLogRecord({"msg": "x"})

    assert Correlation().filter(record)
    assert (record.trace_id, record.span_id) == (NONE, NONE)


@pytest.fixture
def root():
    """The root logger, listening to everything, as it was afterwards."""
    logger = logging.getLogger()
    level = logger.level
    logger.setLevel(logging.DEBUG)
    yield logger
    logger.setLevel(level)


def attach(telemetry) -> None:
    for handler in telemetry.log_handlers:
        logging.getLogger().addHandler(handler)


def test_records_go_out_with_their_ids(root, using):
    """With the exporter on, a record arrives as an OTLP log: text, level, place, extras, exception, and the ids of its stage."""
    with answering() as server:
        telemetry = using(endpoint=server.url, logs_exporter="otlp", **LOCAL)
        attach(telemetry)
        with telemetry.tracer.start_as_current_span("work") as span:
            try:
                raise ValueError("it broke")  # noqa: TRY301  what is logged has to be raised
            except ValueError:
                root.getChild("shop").exception("no %s", "stock", extra={"colour": "red\ud800", "nothing": None})
        assert telemetry.flush()

    (found,) = (record for record in server.logs if record.body == "no stock")
    assert (found.severity, found.severity_number) == ("ERROR", 17)
    assert found.trace_id == f"{span.get_span_context().trace_id:032x}"
    assert found.span_id == f"{span.get_span_context().span_id:016x}"
    assert found.attributes["logger.name"] == "root.shop" or found.attributes["logger.name"] == "shop"
    assert found.attributes["colour"] == "red\ufffd"
    assert found.attributes["exception.type"] == "ValueError"
    assert "it broke" in found.attributes["exception.stacktrace"]
    assert found.attributes["code.function.name"] == "test_records_go_out_with_their_ids"
    assert telemetry.logger_provider is not None
    assert telemetry.owned.logs


def test_delivery_does_not_feed_on_its_own_lines(root, using):
    """What the exporters and their HTTP client log about delivering logs is never delivered: no endless loop."""
    with answering() as server:
        telemetry = using(endpoint=server.url, logs_exporter="otlp", **LOCAL)
        attach(telemetry)
        logging.getLogger("urllib3.connectionpool").debug("posting")
        logging.getLogger("opentelemetry.sdk").warning("exporting")
        with listening():
            logging.getLogger("tls").warning("an exporter's helper says something")
        logging.getLogger("shop").info("sold")
        for _ in range(3):
            assert telemetry.flush()

    assert [record.body for record in server.logs] == ["sold"]


def test_a_line_that_cannot_be_formatted_costs_nothing(root, using):
    """A record whose arguments do not fit its text is not sent, and the program hears nothing of it from us."""
    with answering() as server:
        telemetry = using(endpoint=server.url, logs_exporter="otlp", **LOCAL)
        handler = telemetry.log_handlers[0]
        handler.handle(logging.LogRecord("x", 20, "", 1, "%d", ("no number",), None))
        handler.handle(logging.LogRecord("x", 20, "", 1, "fine", None, None))
        assert telemetry.flush()

    assert [record.body for record in server.logs] == ["fine"]


def test_lost_records_are_told(caplog, using):
    """Log records that could not be delivered make the flush False, and one line says so, which is not sent itself."""
    telemetry = using(endpoint=refusing(), logs_exporter="otlp", **LOCAL)
    telemetry.log_handlers[0].handle(logging.LogRecord("x", 20, "", 1, "lost", None, None))

    assert telemetry.flush(0.3) is False
    assert telemetry.shutdown(1.5) is False
    assert any("log records not delivered" in record.getMessage() for record in caplog.records)


def test_a_full_queue_drops_and_the_flush_says_so(monkeypatch, using):
    """More records than may wait are dropped, never waited for, and the next flush is False."""
    monkeypatch.setenv("OTEL_BLRP_MAX_QUEUE_SIZE", "600")
    with answering(slow=True) as server:
        telemetry = using(endpoint=server.url, logs_exporter="otlp", **LOCAL)
        for _ in range(5_000):
            telemetry.log_handlers[0].handle(logging.LogRecord("x", 20, "", 1, "many", None, None))
        server.release.set()
        assert telemetry.flush() is False
        assert 600 <= len(server.logs) < 5_000


def test_lines_of_other_threads_are_their_own(written, using):
    """A thread outside the stage gets no ids of it."""
    tracer = using(span_exporter=None, **LOCAL).tracer
    with tracer.start_as_current_span("work"):
        thread = threading.Thread(target=logging.getLogger("tests").warning, args=("elsewhere",))
        thread.start()
        thread.join()

    assert written.getvalue() == f"elsewhere {NONE} {NONE} {NONE} {NONE}\n"
    assert not trace.get_current_span().get_span_context().is_valid


def test_an_event_leaves_before_its_batch_is_due(using, monkeypatch):
    """`send_event` carries name, body, attributes and the ids of the running span, and does not wait for the batch."""
    monkeypatch.setenv("OTEL_BLRP_SCHEDULE_DELAY", "60000")
    with answering() as server:
        used = using(endpoint=server.url, logs_exporter="otlp", **LOCAL)
        with used.tracer.start_as_current_span("work") as span:
            assert send_event("it.happened", body="so", attributes={"n": 3, "bad": "\ud800"}, level=logging.ERROR)
        assert server.called.wait(30)  # the batch waits a minute
        assert used.flush()

    (sent,) = server.logs
    assert (sent.event_name, sent.body, sent.severity) == ("it.happened", "so", "ERROR")
    assert sent.attributes == {"n": 3, "bad": "\ufffd"}
    assert sent.trace_id == f"{span.get_span_context().trace_id:032x}"


def test_an_event_that_finds_the_queue_full_is_refused_and_counted(using, monkeypatch):
    """It is said to the caller, and to the next flush."""
    monkeypatch.setenv("OTEL_BLRP_MAX_QUEUE_SIZE", "1")
    monkeypatch.setenv("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", "1")
    with answering(slow=True) as server:
        used = using(endpoint=server.url, logs_exporter="otlp", **LOCAL)
        assert send_event("under way", body="", attributes={})
        assert server.called.wait(30)
        assert send_event("waits", body="", attributes={})
        assert not send_event("one too many", body="", attributes={})
        server.release.set()
        assert not used.flush()


def test_an_event_without_our_exporter_goes_through_the_applications():
    """Where the application has set its own provider of logs, that one is used; where nobody has, nothing is sent."""
    assert not send_event("nobody", body="", attributes={})

    exporter = InMemoryLogRecordExporter()
    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    set_logger_provider(provider)
    assert send_event("somebody", body="x", attributes={})

    (sent,) = exporter.get_finished_logs()
    assert sent.log_record.event_name == "somebody"
