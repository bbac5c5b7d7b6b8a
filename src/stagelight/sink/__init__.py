"""Where predictions, feedback and truth are handed over, to be committed and answered with a receipt.

`configure()` chooses the sink: the store itself, or a `stagelight serve` over HTTP, with a spool for when it is away. Until
then every row is refused, with the reason in its receipt; nothing here raises into the program.
"""

from stagelight.sink.current import from_settings, use, using, with_spool, write, write_all
from stagelight.sink.http import HttpSink
from stagelight.sink.rows import Decision, Feedback, Prediction, Receipt, Row, Sink, Truth
from stagelight.sink.spool import Spool
from stagelight.sink.spooled import SpooledSink

__all__ = [
    "Decision",
    "Feedback",
    "HttpSink",
    "Prediction",
    "Receipt",
    "Row",
    "Sink",
    "Spool",
    "SpooledSink",
    "Truth",
    "from_settings",
    "use",
    "using",
    "with_spool",
    "write",
    "write_all",
]
