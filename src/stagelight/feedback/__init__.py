"""What users say of answers, or do after them."""

from stagelight.feedback.log import alog_feedback, log_feedback

__all__ = ["alog_feedback", "log_feedback"]
