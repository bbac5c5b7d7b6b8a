"""OTLP JSON as others write it: what the mapping allows is read, what it does not is refused with the field's name."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stagelight import wire
from stagelight.errors import MalformedBodyError

TRACE, SPAN = "5b8efff798038103d269b633813fc60c", "eee19b7ec3c1b174"


def body(**fields: Any) -> bytes:
    """A body with one span, camelCase names, and `fields` in it."""
    span = {"traceId": TRACE, "spanId": SPAN, "name": "x", **fields}
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()


def metric(kind: str, **point: Any) -> bytes:
    """A body with one metric with one data point."""
    data = {"dataPoints": [point], "aggregationTemporality": 2}
    return json.dumps({"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"name": "m", kind: data}]}]}]}).encode()


def test_snake_case_is_understood() -> None:
    """The names of the protobuf files serve as well as camelCase."""
    text = f"""{{"resource_spans": [{{"resource": {{"attributes": [{{"key": "a", "value": {{"string_value": "b"}}}}]}},
        "scope_spans": [{{"spans": [{{"trace_id": "{TRACE}", "span_id": "{SPAN}", "start_time_unix_nano": "7"}}]}}]}}]}}"""

    (span,) = wire.decode_traces(text.encode(), "json")

    assert (span.trace_id, span.start_ns, span.resource) == (TRACE, 7, {"a": "b"})


def test_hex_ids_in_capitals_are_the_same_ids() -> None:
    """Ids are hex in either case, and lower case in records."""
    (span,) = wire.decode_traces(body(traceId=TRACE.upper()), "json")

    assert span.trace_id == TRACE


@pytest.mark.parametrize("number", [9007199254740993, "9007199254740993"])
def test_integers_may_be_text_or_numbers(number: int | str) -> None:
    """64 bits arrive exactly, whether written as a number or as text."""
    attributes = [{"key": "n", "value": {"intValue": number}}]

    (span,) = wire.decode_traces(body(startTimeUnixNano=number, attributes=attributes), "json")

    assert span.start_ns == span.attributes["n"] == 2**53 + 1


@pytest.mark.parametrize("kind", [3, 3.0, "3", "SPAN_KIND_CLIENT"])
def test_enums_may_be_numbers_or_names(kind: object) -> None:
    """An enum is a number in OTLP; its name is understood too."""
    (span,) = wire.decode_traces(body(kind=kind), "json")

    assert span.kind == "client"


def test_a_kind_of_the_future_is_unspecified() -> None:
    """A number which the enum does not have yet takes nothing away from the span."""
    (span,) = wire.decode_traces(body(kind=77, status={"code": 9}), "json")

    assert (span.kind, span.status) == ("unspecified", "unset")


def test_unknown_fields_and_nulls_are_passed_over() -> None:
    """A newer sender's fields, and null for what is not set, change nothing."""
    (span,) = wire.decode_traces(body(brandNew={"deep": [1]}, attributes=None, parentSpanId=None), "json")

    assert (span.attributes, span.parent_id) == ({}, "")


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ({"stringValue": ""}, ""),
        ({"boolValue": False}, False),
        ({"doubleValue": 3}, 3.0),
        ({"doubleValue": "2.5e-3"}, 0.0025),
        ({"bytesValue": "-_8"}, "+/8="),
        ({"arrayValue": {}}, []),
        ({"kvlistValue": {"values": [{"key": "k", "value": {"intValue": 1}}]}}, {"k": 1}),
        ({}, None),
        (None, None),
    ],
)
def test_every_kind_of_value(value: object, read: object) -> None:
    """All that OTLP's values may be is read as the plain value it means."""
    (span,) = wire.decode_traces(body(attributes=[{"key": "v", "value": value}]), "json")

    assert span.attributes == {"v": read}
    assert type(span.attributes["v"]) is type(read)


@pytest.mark.parametrize(("sent", "kept"), [("NaN", "NaN"), ("Infinity", "Infinity"), ("-Infinity", "-Infinity")])
def test_an_attribute_which_is_no_finite_number_is_kept_as_text(sent: str, kept: str) -> None:
    """A loss that became NaN does not cost the span which reports it; records hold finite numbers alone."""
    (span,) = wire.decode_traces(body(attributes=[{"key": "loss", "value": {"doubleValue": sent}}]), "json")

    assert span.attributes == {"loss": kept}


def test_packed_numbers_may_be_text() -> None:
    """Bucket counts are 64 bits wide and so usually text."""
    (point,) = wire.decode_metrics(
        metric("histogram", count="3", sum=1, bucketCounts=["1", 2], explicitBounds=["1.5"], timeUnixNano="1"), "json"
    )

    assert (point.buckets, point.bounds, point.value) == ((1, 2), (1.5,), 1.0)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"startTimeUnixNano": "soon"}, "Span.startTimeUnixNano wants a whole number in its range, found 'soon'."),
        ({"startTimeUnixNano": "1_0"}, "Span.startTimeUnixNano wants a whole number in its range, found '1_0'."),
        ({"startTimeUnixNano": 1.5}, "Span.startTimeUnixNano wants a whole number in its range, found 1.5."),
        ({"startTimeUnixNano": -1}, "Span.startTimeUnixNano wants a whole number in its range, found -1."),
        ({"startTimeUnixNano": True}, "Span.startTimeUnixNano wants a whole number in its range, found True."),
        ({"startTimeUnixNano": 2**64 - 1}, "Span.startTimeUnixNano is after the year 2262"),
        ({"events": [{"timeUnixNano": str(2**63)}]}, "Event.timeUnixNano is after the year 2262"),
        ({"kind": "CLIENT"}, "Span.kind wants a number or a name of its enum, found 'CLIENT'."),
        ({"kind": 2**40}, "Span.kind wants a number or a name of its enum, found 1099511627776."),
        ({"name": 5}, "Span.name wants text without lone surrogates, found 5."),
        ({"name": "\ud83d"}, r"Span.name wants text without lone surrogates, found '\ud83d'."),
        ({"traceId": TRACE[2:]}, "Span.traceId wants 16 bytes (32 hex digits), found 15."),
        ({"traceId": "zz"}, "Span.traceId wants hex digits, found 'zz'."),
        ({"traceId": ""}, "Span.traceId wants 16 bytes (32 hex digits), found 0."),
        ({"traceId": "0" * 32}, "Span.traceId is all zeros, which is no id."),
        ({"spanId": SPAN + "00"}, "Span.spanId wants 8 bytes (16 hex digits), found 9."),
        ({"parentSpanId": "00"}, "Span.parentSpanId wants 8 bytes (16 hex digits), found 1."),
        ({"links": [{"traceId": "ab"}]}, "Link.traceId wants 16 bytes (32 hex digits), found 1."),
        ({"attributes": {"a": 1}}, "Span.attributes wants a list, found an object."),
        ({"attributes": ["a"]}, "KeyValue wants an object, found 'a'."),
        ({"status": [2]}, "Status wants an object, found a list."),
        ({"attributes": [{"value": {"boolValue": 1}}]}, "AnyValue.boolValue wants true or false, found 1."),
        ({"attributes": [{"value": {"bytesValue": "?"}}]}, "AnyValue.bytesValue wants base64, found '?'."),
        ({"attributes": [{"value": {"doubleValue": "one"}}]}, "AnyValue.doubleValue wants a number, found 'one'."),
        ({"attributes": [{"value": {"doubleValue": "inf"}}]}, "AnyValue.doubleValue wants a number, found 'inf'."),
        ({"attributes": [{"value": {"doubleValue": "1_0"}}]}, "AnyValue.doubleValue wants a number, found '1_0'."),
        ({"attributes": [{"value": {"doubleValue": False}}]}, "AnyValue.doubleValue wants a number, found False."),
        ({"attributes": [{"value": {"doubleValue": 10**400}}]}, "AnyValue.doubleValue wants a number, found 1000"),
        ({"attributes": [{"value": {"intValue": 2**63}}]}, "AnyValue.intValue wants a whole number in its range"),
    ],
)
def test_a_wrong_value_is_refused_by_its_field(fields: dict[str, Any], sentence: str) -> None:
    """The one sentence names the field, what it wants and what was found."""
    with pytest.raises(MalformedBodyError) as caught:
        wire.decode_traces(body(**fields), "json")

    assert str(caught.value).startswith(sentence)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (b"", "The body is not JSON: Expecting value at character 0."),
        (b"hello", "The body is not JSON: Expecting value at character 0."),
        (b"[]", "ExportTraceServiceRequest wants an object, found a list."),
        (b'"text"', "ExportTraceServiceRequest wants an object, found 'text'."),
        (b'{"a": }', "The body is not JSON: Expecting value at character 6."),
        (b'{"a": "b', "The body is not JSON: its brackets do not match."),
        (b"[}", "The body is not JSON: its brackets do not match."),
        (b'{"a": NaN}', "NaN is not JSON: numbers must be finite."),
        (b'{"a": -Infinity}', "-Infinity is not JSON: numbers must be finite."),
        (b'{"a": "\xff"}', "The JSON body is not UTF-8."),
        (b'{"a": "\xed\xa0\x80"}', "The JSON body is not UTF-8."),
        ('{"a": 1}'.encode("utf-16"), "The JSON body is not UTF-8."),
        (b'{"a": ' + b"1" * 5000 + b"}", "A number in the JSON body has thousands of digits."),
        (b'{"resourceSpans": {}}', "ExportTraceServiceRequest.resourceSpans wants a list, found an object."),
    ],
)
def test_what_is_not_otlp_json_is_refused(text: bytes, sentence: str) -> None:
    """Text that is no JSON, or JSON that is no request, is told apart in the message."""
    with pytest.raises(MalformedBodyError) as caught:
        wire.decode_traces(text, "json")

    assert str(caught.value) == sentence


def test_a_number_too_big_for_a_double_is_refused() -> None:
    """1e999 is a finite number in JSON and infinity once read: it is refused rather than stored as something else."""
    text = body(attributes=[{"key": "v", "value": {"doubleValue": 0}}]).replace(
        b'{"doubleValue": 0}', b'{"doubleValue": 1e999}'
    )

    with pytest.raises(MalformedBodyError, match=r"AnyValue.doubleValue wants a number"):
        wire.decode_traces(text, "json")


def test_the_message_never_repeats_a_long_or_unprintable_value() -> None:
    """What is echoed is cut and in ASCII, so that it fits a log line and an answer's header."""
    with pytest.raises(MalformedBodyError) as caught:
        wire.decode_traces(body(startTimeUnixNano="é\n" * 10_000), "json")

    assert len(str(caught.value)) < 150
    assert str(caught.value).isascii()
    assert "\n" not in str(caught.value)


def test_a_link_to_nowhere_keeps_its_attributes() -> None:
    """OpenTelemetry allows a link without ids which carries attributes alone."""
    link = {"traceId": "0" * 32, "attributes": [{"key": "a", "value": {"intValue": 1}}]}

    (span,) = wire.decode_traces(body(links=[link]), "json")

    assert (span.links[0].trace_id, span.links[0].span_id, span.links[0].attributes) == ("", "", {"a": 1})
