"""Every error that stagelight raises on purpose.

```
StagelightError
├── ConfigurationError (ValueError)      a setting, an exporter's name or an endpoint that cannot be used
│   └── MissingExtraError (ImportError)  a feature whose extra is not installed
├── InstrumentError (ValueError)         a metric asked for again with another type or other labels
├── StageError (TypeError)               `trace_stage` used on something it cannot decorate
├── RowError (ValueError)                a prediction, feedback or truth that cannot be kept as it is
├── PolicyError (ValueError)             a router's policy that cannot be made, read or taught as asked
│   ├── UnknownArmError (LookupError)    an arm that the router never had
│   └── ContextError                     a context that the policy was not made for
├── LogError (ValueError)                logged decisions that no estimate or export can be made of
├── AlertError (ValueError)              an alert that Alertmanager would refuse, or could not tell from another
├── UnreachableError (ConnectionError)   a server that we send to is away, or does not answer as it should
├── WireError (ValueError)               a body that is not what OTLP allows
│   ├── MalformedBodyError               400
│   ├── BodyTooLargeError                413
│   └── UnsupportedMediaError            415
└── StoreError (RuntimeError)            the store cannot serve
    ├── StoreFullError                   507: the size cap is reached and nothing may be expired
    ├── StoreVersionError                the database was written by a newer stagelight
    └── StoreUnavailableError            the server or the file cannot be reached
```

Setting-up mistakes raise at the caller's line. While the host's code is running nothing of this escapes: see `_guard`.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class StagelightError(Exception):
    """The root of every error that stagelight raises on purpose."""


class ConfigurationError(StagelightError, ValueError):
    """A setting cannot be used; the message says what was found and what was expected."""


class MissingExtraError(ConfigurationError, ImportError):
    """A feature was asked for whose optional packages are not installed."""

    def __init__(self, extra: str, feature: str) -> None:
        """Name the missing `extra` and the `feature` which wants it."""
        super().__init__(f"{feature} needs packages that are not installed: pip install 'stagelight[{extra}]'")
        self.extra = extra


class InstrumentError(StagelightError, ValueError):
    """A metric was declared twice with different types or labels, or given a label it does not have."""


class StageError(StagelightError, TypeError):
    """`trace_stage` was applied to something it cannot decorate."""


class RowError(StagelightError, ValueError):
    """A prediction, a feedback or a truth cannot be kept as it is; the message is one sentence for the receipt."""


class PolicyError(StagelightError, ValueError):
    """A router's policy cannot be made, read or taught as asked; the message says what to change."""


class UnknownArmError(PolicyError, LookupError):
    """A choice or a reward names an arm that this router never had, or that is retired."""


class ContextError(PolicyError):
    """A context has another length than the policy was made for, or a number that is not finite."""


class LogError(StagelightError, ValueError):
    """Logged decisions cannot be estimated from or exported as they are; the message says why."""


class AlertError(StagelightError, ValueError):
    """An alert cannot be sent as it is; the message is one sentence that says what to change."""


class UnreachableError(StagelightError, ConnectionError):
    """A server that rows are sent to is away, or does not answer as it should."""


class WireError(StagelightError, ValueError):
    """A received body is not what OTLP allows; `status` is the HTTP answer it deserves."""

    status = 400


class MalformedBodyError(WireError):
    """The body does not parse as what its content type promises."""


class BodyTooLargeError(WireError):
    """The body is over a limit: compressed, inflated, or in spans."""

    status = 413


class UnsupportedMediaError(WireError):
    """The content type or encoding is not one that is served."""

    status = 415


class StoreError(StagelightError, RuntimeError):
    """The store cannot do what was asked."""


class StoreFullError(StoreError):
    """The size cap is reached and nothing that may expire is left."""


class StoreVersionError(StoreError):
    """The database was written by a newer stagelight than this one."""


class StoreUnavailableError(StoreError):
    """The database cannot be reached or opened."""


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """Return ` Did you mean 'x'?`, or nothing where no known name is near.

    >>> did_you_mean("otpl", ["otlp", "console", "none"])
    " Did you mean 'otlp'?"
    >>> did_you_mean("zzz", ["otlp"])
    ''
    """
    near = difflib.get_close_matches(wrong, list(known), n=1)
    return f" Did you mean {near[0]!r}?" if near else ""
