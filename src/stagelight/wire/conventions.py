"""Semantic conventions: the one place with attribute names that others decided, and what they say of a span.

Two vocabularies speak of models: OpenTelemetry's `gen_ai.*`, which is in development and has renamed attributes twice, and
OpenInference's `llm.*`. Both are read, newest name first; nobody else needs to know which one a program speaks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from stagelight.wire.records import Attributes

SpanRole = Literal[
    "llm",
    "embedding",
    "retriever",
    "reranker",
    "tool",
    "agent",
    "chain",
    "guardrail",
    "evaluator",
    "prompt",
    "decision",
    "",
]

SERVICE_NAME: Final = "service.name"
SERVICE_VERSION: Final = "service.version"
SESSION_ID: Final = "session.id"
USER_ID: Final = "user.id"
ERROR_TYPE: Final = "error.type"
CODE_FUNCTION_NAME: Final = "code.function.name"
CODE_FILE_PATH: Final = "code.file.path"
CODE_LINE_NUMBER: Final = "code.line.number"

#: A span event of this name carries an exception; its details are in the three attributes below.
EXCEPTION: Final = "exception"
EXCEPTION_TYPE: Final = "exception.type"
EXCEPTION_MESSAGE: Final = "exception.message"
EXCEPTION_STACKTRACE: Final = "exception.stacktrace"

GEN_AI_CONVERSATION_ID: Final = "gen_ai.conversation.id"
GEN_AI_OPERATION_NAME: Final = "gen_ai.operation.name"
GEN_AI_EVALUATION_NAME: Final = "gen_ai.evaluation.name"
GEN_AI_EVALUATION_SCORE_VALUE: Final = "gen_ai.evaluation.score.value"
GEN_AI_EVALUATION_SCORE_LABEL: Final = "gen_ai.evaluation.score.label"
GEN_AI_EVALUATION_EXPLANATION: Final = "gen_ai.evaluation.explanation"
GEN_AI_EVALUATION_RESULT: Final = "gen_ai.evaluation.result"  #: Name of the log event.
OPENINFERENCE_SPAN_KIND: Final = "openinference.span.kind"
INPUT_VALUE: Final = "input.value"
OUTPUT_VALUE: Final = "output.value"

#: On the span of a feedback. Such a span tells of a judgement that came later: it is no part of the judged work's time.
FEEDBACK_ID: Final = "stagelight.feedback.id"
FEEDBACK_KIND: Final = "stagelight.feedback.kind"
FEEDBACK_SOURCE: Final = "stagelight.feedback.source"
FEEDBACK_REWARD: Final = "stagelight.feedback.reward"

FEATURE_FLAG_KEY: Final = "feature_flag.key"
FEATURE_FLAG_RESULT_VARIANT: Final = "feature_flag.result.variant"
FEATURE_FLAG_RESULT_REASON: Final = "feature_flag.result.reason"
FEATURE_FLAG_PROVIDER_NAME: Final = "feature_flag.provider.name"
FEATURE_FLAG_VERSION: Final = "feature_flag.version"
DECISION_ID: Final = "stagelight.decision_id"  #: Beside them: the row that logs the choice.
#: All choices of the span, a text `id router` each: the attributes above have room for one evaluation, the last.
DECISIONS: Final = "stagelight.decisions"

# For each fact: the attributes which may carry it, the first one present wins. What answered counts before what was asked.
_MODEL: Final = (
    "gen_ai.response.model",
    "gen_ai.request.model",
    "llm.response.model_name",
    "llm.model_name",
    "llm.request.model_name",
    "embedding.model_name",
    "reranker.model_name",
)
_PROVIDER: Final = ("gen_ai.provider.name", "gen_ai.system", "llm.provider", "llm.system")
_INPUT_TOKENS: Final = ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.token_count.prompt")
_OUTPUT_TOKENS: Final = ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.token_count.completion")
_TOTAL_TOKENS: Final = ("gen_ai.usage.total_tokens", "llm.token_count.total", "llm.usage.total_tokens")
_CACHED_TOKENS: Final = ("gen_ai.usage.cache_read.input_tokens", "llm.token_count.prompt_details.cache_read")
_REASONING_TOKENS: Final = (
    "gen_ai.usage.reasoning.output_tokens",
    "llm.token_count.completion_details.reasoning",
)
# `gen_ai` has no cost; these two names are what instrumentations send in its style.
_COST: Final = ("llm.cost.total", "gen_ai.usage.cost", "gen_ai.usage.cost_usd")
_COST_PARTS: Final = ("llm.cost.prompt", "llm.cost.completion")
# Sums over a trace must fit in a database's integer; no call of a model takes more than this.
_LARGEST: Final = 2**53
_SESSION: Final = (SESSION_ID, GEN_AI_CONVERSATION_ID)

_OPERATIONS: Final[dict[str, SpanRole]] = {
    "chat": "llm",
    "generate_content": "llm",
    "text_completion": "llm",
    "embeddings": "embedding",
    "retrieval": "retriever",
    "execute_tool": "tool",
    "create_agent": "agent",
    "invoke_agent": "agent",
    "invoke_workflow": "chain",
}
_OPENINFERENCE_KINDS: Final[dict[str, SpanRole]] = {
    "LLM": "llm",
    "EMBEDDING": "embedding",
    "RETRIEVER": "retriever",
    "RERANKER": "reranker",
    "TOOL": "tool",
    "AGENT": "agent",
    "CHAIN": "chain",
    "GUARDRAIL": "guardrail",
    "EVALUATOR": "evaluator",
    "PROMPT": "prompt",
    "DECISION": "decision",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a call of a model took; None where the span does not say."""

    model: str = ""  #: The one which answered, else the one which was asked.
    provider: str = ""
    input_tokens: int | None = None  #: Cached ones included.
    output_tokens: int | None = None  #: Reasoning included.
    total_tokens: int | None = None  #: As sent, else input and output together.
    cached_tokens: int | None = None  #: Of the input.
    reasoning_tokens: int | None = None  #: Of the output.
    cost: float | None = None  #: US dollars by convention.

    def __bool__(self) -> bool:
        """Whether the span says anything of a model."""
        return self != _NOTHING


_NOTHING: Final = Usage()
_USED: Final = frozenset(
    (
        *_MODEL,
        *_PROVIDER,
        *_INPUT_TOKENS,
        *_OUTPUT_TOKENS,
        *_TOTAL_TOKENS,
        *_CACHED_TOKENS,
        *_REASONING_TOKENS,
        *_COST,
        *_COST_PARTS,
    )
)


def usage(attributes: Attributes) -> Usage:
    """Model, tokens and cost of a span, whichever vocabulary it speaks; nonsense values count as not said.

    >>> used = usage({"gen_ai.request.model": "small", "gen_ai.usage.input_tokens": 12})
    >>> used.model, used.input_tokens, used.output_tokens
    ('small', 12, None)
    """
    if _USED.isdisjoint(attributes):  # most spans: asked for each one that is stored
        return _NOTHING
    input_tokens, output_tokens = _tokens(attributes, _INPUT_TOKENS), _tokens(attributes, _OUTPUT_TOKENS)
    total = _tokens(attributes, _TOTAL_TOKENS)
    if total is None and (input_tokens is not None or output_tokens is not None):
        total = (input_tokens or 0) + (output_tokens or 0)
    return Usage(
        model=_text(attributes, _MODEL),
        provider=_text(attributes, _PROVIDER),
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        total_tokens=total,
        cached_tokens=_tokens(attributes, _CACHED_TOKENS),
        reasoning_tokens=_tokens(attributes, _REASONING_TOKENS),
        cost=_cost(attributes),
    )


def kind(attributes: Attributes) -> SpanRole:
    """What a span does in an AI pipeline; empty where it does not say.

    >>> kind({"openinference.span.kind": "RETRIEVER"}), kind({"gen_ai.operation.name": "chat"}), kind({})
    ('retriever', 'llm', '')
    """
    said = attributes.get(OPENINFERENCE_SPAN_KIND)
    if isinstance(said, str) and said.upper() in _OPENINFERENCE_KINDS:
        return _OPENINFERENCE_KINDS[said.upper()]
    operation = attributes.get(GEN_AI_OPERATION_NAME)
    return _OPERATIONS.get(operation, "") if isinstance(operation, str) else ""


def is_feedback(attributes: Attributes) -> bool:
    """Whether the span tells what somebody said of the trace, later, and is no part of the work in it.

    >>> is_feedback({"stagelight.feedback.id": "f1"}), is_feedback({})
    (True, False)
    """
    return FEEDBACK_ID in attributes


def session(attributes: Attributes) -> str:
    """The session or conversation a span belongs to; empty where it does not say.

    >>> session({"gen_ai.conversation.id": "c1"})
    'c1'
    """
    return _text(attributes, _SESSION)


def _text(attributes: Attributes, names: tuple[str, ...]) -> str:
    return next((value for name in names if isinstance(value := attributes.get(name), str) and value), "")


def _tokens(attributes: Attributes, names: tuple[str, ...]) -> int | None:
    found = _number(attributes, names)
    return None if found is None else int(found)


def _cost(attributes: Attributes) -> float | None:
    whole = _number(attributes, _COST)
    if whole is not None:
        return whole
    parts = [part for name in _COST_PARTS if (part := _number(attributes, (name,))) is not None]
    return sum(parts) if parts else None


def _number(attributes: Attributes, names: tuple[str, ...]) -> float | None:
    """The first that is a number which can count something: finite, not negative, within 53 bits."""
    for name in names:
        value = attributes.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _LARGEST:
            return value
    return None
