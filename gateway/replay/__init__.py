"""Recorded observations through the detectors: offline, in event time, the same every time (docs/replay.md)."""
