"""OTLP bytes and JSON to plain records, and back."""
