"""Names of the attributes and context values that stages write."""

from __future__ import annotations

from opentelemetry.semconv.attributes.code_attributes import CODE_FILE_PATH, CODE_FUNCTION_NAME, CODE_LINE_NUMBER
from opentelemetry.semconv.attributes.error_attributes import ERROR_TYPE
from opentelemetry.semconv.attributes.exception_attributes import (
    EXCEPTION_MESSAGE,
    EXCEPTION_STACKTRACE,
    EXCEPTION_TYPE,
)

from stagelight.wire.records import TENANT, WORKSPACE

STAGE = "stagelight.stage"
OUTCOME = "stagelight.outcome"
MODEL_VERSION = "stagelight.model_version"
REQUEST_ID = "stagelight.request_id"
SESSION = "session.id"
USER = "user.id"
ARGUMENT = "stagelight.argument."  #: Prefix; the argument's name follows.
RESULT = "stagelight.result"
UNKNOWN_TRACE = "stagelight.unknown_trace_id"

#: Argument of `context()` -> baggage key and span attribute.
CONTEXT = {
    "tenant": TENANT,
    "workspace": WORKSPACE,
    "session": SESSION,
    "user": USER,
    "model_version": MODEL_VERSION,
    "request_id": REQUEST_ID,
}

__all__ = [
    "ARGUMENT",
    "CODE_FILE_PATH",
    "CODE_FUNCTION_NAME",
    "CODE_LINE_NUMBER",
    "CONTEXT",
    "ERROR_TYPE",
    "EXCEPTION_MESSAGE",
    "EXCEPTION_STACKTRACE",
    "EXCEPTION_TYPE",
    "MODEL_VERSION",
    "OUTCOME",
    "REQUEST_ID",
    "RESULT",
    "SESSION",
    "STAGE",
    "TENANT",
    "UNKNOWN_TRACE",
    "USER",
    "WORKSPACE",
]
