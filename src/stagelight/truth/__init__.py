"""What models predicted, and what turned out to be true."""

from stagelight.truth.log import alog_prediction, alog_truth, log_prediction, log_truth

__all__ = ["alog_prediction", "alog_truth", "log_prediction", "log_truth"]
