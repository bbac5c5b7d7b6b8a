"""Both vocabularies for calls of models say the same thing once they are read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes as gen_ai
from opentelemetry.semconv.attributes import code_attributes, error_attributes, exception_attributes, service_attributes

from drawn_records import attributes
from stagelight.wire import conventions
from stagelight.wire.conventions import Usage, kind, session, usage

if TYPE_CHECKING:
    from stagelight.wire.records import Attributes


def test_gen_ai_is_understood() -> None:
    """OpenTelemetry's names, taken from its own package, give model, tokens and their parts."""
    got = usage(
        {
            gen_ai.GEN_AI_PROVIDER_NAME: "deepseek",
            gen_ai.GEN_AI_REQUEST_MODEL: "chat",
            gen_ai.GEN_AI_RESPONSE_MODEL: "chat-0324",
            gen_ai.GEN_AI_USAGE_INPUT_TOKENS: 100,
            gen_ai.GEN_AI_USAGE_OUTPUT_TOKENS: 20,
            gen_ai.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS: 60,
            gen_ai.GEN_AI_USAGE_REASONING_OUTPUT_TOKENS: 5,
            "gen_ai.usage.cost": 0.25,
        }
    )

    assert got == Usage(
        model="chat-0324",
        provider="deepseek",
        input_tokens=100,
        output_tokens=20,
        total_tokens=120,
        cached_tokens=60,
        reasoning_tokens=5,
        cost=0.25,
    )


def test_openinference_is_understood() -> None:
    """OpenInference's names give the same."""
    got = usage(
        {
            "llm.model_name": "gpt",
            "llm.system": "openai",
            "llm.token_count.prompt": 7,
            "llm.token_count.completion": 3,
            "llm.token_count.total": 11,
            "llm.token_count.prompt_details.cache_read": 2,
            "llm.cost.prompt": 0.5,
            "llm.cost.completion": 0.25,
        }
    )

    assert (got.model, got.provider, got.input_tokens, got.output_tokens) == ("gpt", "openai", 7, 3)
    assert (got.total_tokens, got.cached_tokens, got.cost) == (11, 2, 0.75)


def test_names_of_the_past_are_understood() -> None:
    """Instrumentations that have not moved on are read as well; the new name wins where both are there."""
    old = {gen_ai.GEN_AI_SYSTEM: "x", gen_ai.GEN_AI_USAGE_PROMPT_TOKENS: 1, gen_ai.GEN_AI_USAGE_COMPLETION_TOKENS: 2}

    assert (usage(old).provider, usage(old).input_tokens, usage(old).output_tokens) == ("x", 1, 2)
    assert usage({**old, gen_ai.GEN_AI_USAGE_INPUT_TOKENS: 9}).input_tokens == 9


def test_a_total_cost_counts_before_its_parts() -> None:
    """A sender's own total is not added up again."""
    assert usage({"llm.cost.total": 3.0, "llm.cost.prompt": 1.0, "llm.cost.completion": 1.0}).cost == 3.0


@pytest.mark.parametrize("nonsense", [-1, True, "12", None, [1], 2**60, 1e300])
def test_nonsense_counts_as_not_said(nonsense: object) -> None:
    """A value that cannot be a number of tokens or a cost is passed over, so that sums stay sums."""
    got = usage({"gen_ai.usage.input_tokens": nonsense, "llm.cost.total": nonsense, "llm.model_name": ["a"]})  # type: ignore[dict-item]

    assert got == Usage()


def test_no_model_no_usage() -> None:
    """A span that says nothing of a model is falsy; one that names it is not."""
    assert not usage({"http.route": "/"})
    assert usage({"gen_ai.request.model": "m"})


@pytest.mark.parametrize(
    ("attributes", "role"),
    [
        *[({"openinference.span.kind": word}, word.lower()) for word in ("LLM", "EMBEDDING", "CHAIN", "RETRIEVER")],
        *[({"openinference.span.kind": word}, word.lower()) for word in ("RERANKER", "TOOL", "AGENT", "GUARDRAIL")],
        *[({"openinference.span.kind": word}, word.lower()) for word in ("EVALUATOR", "PROMPT", "DECISION")],
        ({"openinference.span.kind": "UNKNOWN"}, ""),
        ({"openinference.span.kind": 5, "gen_ai.operation.name": 5}, ""),
        ({"openinference.span.kind": "UNKNOWN", "gen_ai.operation.name": "execute_tool"}, "tool"),
        ({}, ""),
    ],
)
def test_kinds_of_spans(attributes: Attributes, role: str) -> None:
    """What a span does is one word out of a closed set, or nothing."""
    assert kind(attributes) == role


@pytest.mark.parametrize("operation", list(gen_ai.GenAiOperationNameValues))
def test_every_operation_of_gen_ai_has_a_kind(operation: gen_ai.GenAiOperationNameValues) -> None:
    """OpenTelemetry's own list of operations is covered; a new one makes this fail."""
    assert kind({gen_ai.GEN_AI_OPERATION_NAME: operation.value})


def test_a_session_is_also_a_conversation() -> None:
    """`session.id` wins, `gen_ai.conversation.id` serves where it is absent."""
    assert session({"session.id": "s", "gen_ai.conversation.id": "c"}) == "s"
    assert session({"gen_ai.conversation.id": "c"}) == "c"
    assert session({"session.id": 5}) == ""


@given(attributes)
def test_any_attributes_may_be_asked(given_attributes: Attributes) -> None:
    """Foreign attributes never raise."""
    assert kind(given_attributes) in {"", *kinds()}
    assert isinstance(bool(usage(given_attributes)), bool)


def kinds() -> set[str]:
    """All words that `kind` may say."""
    return {word.lower() for word in conventions._OPENINFERENCE_KINDS}


def test_names_are_opentelemetrys() -> None:
    """Constants with OpenTelemetry's names have OpenTelemetry's values, as far as its package lists them."""
    known = {
        name: value
        for module in (gen_ai, code_attributes, error_attributes, exception_attributes, service_attributes)
        for name, value in vars(module).items()
        if isinstance(value, str)
    }
    ours = {name: value for name, value in vars(conventions).items() if name.isupper() and name in known}

    assert len(ours) > 10
    assert ours == {name: known[name] for name in ours}
