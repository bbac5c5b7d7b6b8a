"""Why does nothing arrive? Checks the way of telemetry hop by hop, and says what to do at the first that fails."""

from stagelight.doctor.checkup import examine, report
from stagelight.doctor.finding import Finding, Report, Verdict

__all__ = ["Finding", "Report", "Verdict", "examine", "report"]
