"""Arguments and results: off unless asked for, and never a secret."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagelight.stages import capture, redact, trace_stage
from stagelight.testing import in_memory


def test_nothing_is_captured_unless_asked_for(telemetry):
    """By default a span says nothing of what a function was given and gave."""

    @trace_stage
    def ask(prompt):
        return f"answer to {prompt}"

    ask("the secret of life")
    assert "secret of life" not in str(telemetry.span("ask"))


def test_arguments_and_result_are_captured_when_asked_for(telemetry):
    """With capture on, arguments by name and the result are on the span, secrets replaced."""

    @trace_stage(capture_arguments=True, capture_result=True)
    def ask(prompt, *, api_key, options=None):
        return {"answer": prompt.upper(), "token": "abc"}

    ask("soup?", api_key="sk-1234567890abcdef1234", options={"password": "x", "n": 3})

    found = telemetry.span("ask").attributes
    assert found["stagelight.argument.prompt"] == "soup?"
    assert found["stagelight.argument.api_key"] == "[redacted]"
    assert found["stagelight.argument.options"] == '{"password": "[redacted]", "n": 3}'
    assert found["stagelight.result"] == '{"answer": "SOUP?", "token": "[redacted]"}'


def test_a_generators_return_value_is_its_result(telemetry):
    """What a generator returns at its end is captured as a function's result is."""

    @trace_stage(capture_result=True)
    def stream():
        yield 1
        return 2

    list(stream())
    assert telemetry.span("stream").attributes["stagelight.result"] == "2"


def test_the_setting_captures_everywhere_and_a_stage_may_refuse():
    """The setting turns capture on for all stages; the stage's own word beats it."""
    with in_memory(capture_arguments=True, redact_keys=("mood",)) as telemetry:

        @trace_stage
        def open_(mood, dish): ...

        @trace_stage(capture_arguments=False)
        def closed(dish): ...

        open_("sad", "soup")
        closed("stew")
        assert telemetry.span("open_").attributes["stagelight.argument.mood"] == "[redacted]"
        assert telemetry.span("open_").attributes["stagelight.argument.dish"] == "soup"
        assert "stagelight.argument.dish" not in telemetry.span("closed").attributes


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("Authorization: Bearer abcdef1234567890", "abcdef1234567890"),
        ("key sk-proj-abcdefghij0123456789 used", "abcdefghij0123456789"),
        ("postgres://bob:hunter2@db/x", "hunter2"),
        ("GET /v1?api_key=verysecret&x=1", "verysecret"),
        ("jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.sig_nature", "eyJzdWIiOiIxMjM0In0"),
    ],
)
def test_exception_text_loses_what_looks_like_a_secret(telemetry, text, secret):
    """The message, the status and the stack trace of a recorded exception are redacted by pattern."""
    with pytest.raises(RuntimeError), trace_stage("call"):
        raise RuntimeError(text)

    assert secret not in str(telemetry.span("call"))


def test_hostile_values_are_bounded(telemetry):
    """Recursive, deep, huge and unprintable values become short text."""

    class Unprintable:
        def __repr__(self):
            raise RuntimeError

    loop = []
    loop.append(loop)
    for value in (
        loop,
        {"a": {"b": {"c": {"d": {"e": {"f": {"g": 1}}}}}}},
        "x" * 10**6,
        list(range(10**4)),
        Unprintable(),
    ):
        assert len(capture.as_text(value)) <= redact.MAX_TEXT


@given(st.text(alphabet="abcdef0123456789", min_size=20, max_size=60))
def test_no_bearer_token_survives(token):
    """Whatever the token, it is gone from text."""
    assert token not in redact.text(f"Bearer {token}")
