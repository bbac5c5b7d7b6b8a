"""stagelight beside raw OpenTelemetry and its peers, in one interleaved run. `python -m benchmarks --help`; README.md says how."""
