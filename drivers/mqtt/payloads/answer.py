"""Answers to questions on a topic of their own: that there is one is all that counts."""

from __future__ import annotations

from drivers.mqtt.payloads.harvest import Harvest
from drivers.mqtt.payloads.mapping import MAPPINGS, Arrival, Mapping
from drivers.mqtt.payloads.text import clean
from gateway.core.model import Signal, SignalKind


def answer(payload: bytes, arrival: Arrival, out: Harvest) -> str:
    """Any payload: one PING_OK with the beginning of the payload as its detail.

    A retained one is no answer to anything asked now.
    """
    if arrival.retained:
        return "retained: no answer to what is asked now"
    said = bytes(payload[:200]).decode("utf-8", "backslashreplace")
    out.signal(
        Signal(
            kind=SignalKind.PING_OK,
            device=arrival.device,
            received_at=arrival.received_at,
            source=out.source,
            detail=clean("redelivered" if arrival.redelivered else f"answer: {said}"),
        )
    )
    return ""


MAPPINGS.add("feederline-answer", Mapping(lambda _topic: answer, ("feederline/v1/{device}/answer",)))
