"""The only HTTP client besides OTLP export: short timeouts, no redirects, small answers."""

from stagelight.egress.client import Answer, Client

__all__ = ["Answer", "Client"]
