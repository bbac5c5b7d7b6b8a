"""What users say of answers, or do after them."""

from stagelight.feedback.implicit import Detector, Implied
from stagelight.feedback.log import alog_feedback, log_feedback
from stagelight.feedback.signing import sign
from stagelight.feedback.watch import Watch
from stagelight.sink.rows import TrajectoryFeedback

__all__ = ["Detector", "Implied", "TrajectoryFeedback", "Watch", "alog_feedback", "log_feedback", "sign"]
