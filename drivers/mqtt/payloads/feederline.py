"""Feederline's own payloads, described in docs/mqtt.md: telemetry, event and status as small JSON objects."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

import msgspec

from drivers.mqtt.payloads.codes import ENDED, meaning
from drivers.mqtt.payloads.document import (
    UnreadableError,
    raw_text,
    read_number,
    read_object,
    read_time,
    summarise,
    unknown_members,
)
from drivers.mqtt.payloads.harvest import Harvest
from drivers.mqtt.payloads.mapping import (
    MAPPINGS,
    Arrival,
    Decoder,
    Mapping,
    doubt,
    epoch_milliseconds,
    judge_time,
)
from drivers.mqtt.payloads.text import clean
from gateway.core.clock import SECOND, format_time
from gateway.core.model import Quality, RejectedValue, Signal, SignalKind
from gateway.core.network import PHASES
from gateway.core.quantities import INDEX

_At = datetime | int | float | None

_STATUS = {"online": SignalKind.CONNECTION_MADE, "offline": SignalKind.CONNECTION_LOST}
_RETAINED, _REDELIVERED = "retained", "redelivered"  # how the detail of a signal begins that came so
_NO_TIME = "retained without a time of its own: how old it is cannot be known"


class _Sample(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    values: dict[str, float]
    at: _At = None


class _Telemetry(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    values: dict[str, float] | None = None
    at: _At = None
    samples: list[_Sample] | None = None


_decode = msgspec.json.Decoder(_Telemetry).decode


def telemetry(payload: bytes, arrival: Arrival, out: Harvest) -> str:
    """`{"at": …, "values": {…}}` or `{"samples": [{"at": …, "values": {…}}, …]}`: one row each.

    A sample without a time, or with an impossible one, is given the time of reception; the n-th of a payload n µs
    later, or more where the harvest has given that time to the device before, so that none takes the place of
    another. When the message was delivered before, such a row is marked so.
    """
    try:
        message = _decode(payload)
        if message.samples is None:
            if message.values is not None:
                at, quality = _measured_at(message.at, arrival)
                if out.row(arrival.device, at, arrival.received_at, message.values, quality):
                    return ""
        elif message.values is None and message.at is None and _fits(message.samples):
            rows = [_measured_at(sample.at, arrival, i) for i, sample in enumerate(message.samples)]
            for sample, (at, quality) in zip(message.samples, rows, strict=True):
                out.row(arrival.device, at, arrival.received_at, sample.values, quality)
            return ""
    except (ValueError, OverflowError, RecursionError):
        pass  # whatever the strict reading did not take, the careful one explains
    return _telemetry_with_care(payload, arrival, out)


def _fits(samples: list[_Sample]) -> bool:
    return bool(samples) and all(s.values and INDEX.keys() >= s.values.keys() for s in samples)


def _measured_at(at: _At, arrival: Arrival, place: int = 0) -> tuple[int, Quality]:
    """Raises ValueError for a time without a zone, or none at all in a retained message."""
    if at is None:
        return _judged(None, arrival, place)
    if isinstance(at, datetime):
        if at.tzinfo is None:
            raise ValueError("time has no zone")
        return _judged(round(at.timestamp() * SECOND), arrival, place)
    return _judged(epoch_milliseconds(at), arrival, place)


def _judged(at: int | None, arrival: Arrival, place: int) -> tuple[int, Quality]:
    if at is None:
        if arrival.retained:
            raise ValueError(_NO_TIME)
        return arrival.received_at + place, Quality.TIME_ASSUMED | doubt(arrival)
    measured_at, quality = judge_time(at, arrival)
    return (measured_at + place if quality else measured_at), quality


def _telemetry_with_care(payload: bytes, arrival: Arrival, out: Harvest) -> str:
    try:
        document = read_object(payload)
    except UnreadableError as exc:
        return str(exc)
    problems = unknown_members(document, ("at", "values", "samples"))
    samples: list[object] = []
    if "values" in document:
        samples.append({name: document[name] for name in ("at", "values") if name in document})
    listed = document.get("samples", [])
    if isinstance(listed, list):
        samples += listed
    else:
        problems.append("samples is not a list")
    if not samples:
        problems.append("no values")
    for place, sample in enumerate(samples):
        where = f"sample {place}: " if len(samples) > 1 else ""
        problems += [where + problem for problem in _take_sample(sample, arrival, place, out)]
    return summarise(problems)


def _take_sample(sample: object, arrival: Arrival, place: int, out: Harvest) -> list[str]:
    """Add what is known of one sample; returns what is not."""
    if not isinstance(sample, dict):
        return ["not an object"]
    problems = unknown_members(sample, ("at", "values"))
    stated = sample.get("values")
    if not isinstance(stated, dict) or not stated:
        return [*problems, "no values"]
    try:
        at, quality = _judged(read_time(sample.get("at")), arrival, place)
    except (ValueError, OverflowError) as exc:
        return [*problems, f"at: {exc}"]
    values: dict[str, float] = {}
    rejected: list[RejectedValue] = []
    for name, value in stated.items():
        if name not in INDEX:
            problems.append(f"unknown quantity {clean(name)!r}")
            continue
        number = read_number(name, value)
        values[name] = float("nan") if number is None else number
        if number is None:
            quality |= Quality.NO_VALUE
            rejected.append(
                RejectedValue(
                    device=arrival.device,
                    measured_at=at,
                    quantity=name,
                    raw=raw_text(value),
                    reason="no_value",
                )
            )
    out.row(arrival.device, at, arrival.received_at, values, quality, rejected=rejected)
    return problems


def event(payload: bytes, arrival: Arrival, out: Harvest) -> str:
    """`{"type": "last_gasp", "at": …, "sent_at": …, "detail": …}`: one signal.

    The type may also be a meter event such as `cover_open`, with `ended` and `phase` beside it, or a code that
    `arrival.codes` or the usual table knows. An `id` is that of the question which the device answers.
    """
    try:
        document = read_object(payload)
    except UnreadableError as exc:
        return str(exc)
    named = document.get("type")
    meant = meaning(named, arrival.codes) if isinstance(named, str) else None
    if meant is None:
        return f"unknown event type {raw_text(named)!r}"
    kind, words = meant
    if kind is None:
        return ""
    if arrival.retained and document.get("at") is None:
        return _NO_TIME
    known: tuple[str, ...] = ("type", "at", "sent_at", "detail", "id")
    problems: list[str] = []
    if kind is SignalKind.METER_EVENT:
        known = (*known, "ended", "phase")
        words, problems = _event_words(words, document)
    elif isinstance(named, str) and named != kind.value:
        words = f"code {named}"
    return _put_signal(kind, document, known, arrival, out, words=words, problems=problems)


def _event_words(words: str, document: dict[str, object]) -> tuple[str, list[str]]:
    """How the signal's detail begins: `under_voltage`, ` end` where it ended, ` A` where it is of one phase."""
    problems: list[str] = []
    name, _, rest = words.partition(" ")
    ended, phase = rest.startswith(ENDED.strip()), rest[-1:] if rest[-1:] in PHASES else ""
    said = document.get("ended", ended)
    if isinstance(said, bool):
        ended = said
    else:
        problems.append(f"ended: {raw_text(said)} is neither true nor false")
    of = document.get("phase") or phase
    if isinstance(of, str) and of.upper() in ("", *PHASES):
        phase = of.upper()
    else:
        problems.append(f"phase: {raw_text(of)} is none of A, B and C")
    return name + (ENDED if ended else "") + (f" {phase}" if phase else ""), problems


def status(payload: bytes, arrival: Arrival, out: Harvest) -> str:
    """`online` or `offline`, plain or as `{"status": "offline", "at": …}`: how a will message speaks.

    A retained one is a state from before we subscribed rather than news; its detail begins with "retained".
    """
    text = bytes(payload).strip(b' \t\r\n"\x00').decode("utf-8", "replace")
    word = text.lower()
    document: dict[str, object] = {}
    if word not in _STATUS:
        try:
            document = read_object(payload)
        except UnreadableError as exc:
            return str(exc) if text.startswith("{") else _no_status(text)
        named = document.get("status")
        word = named.lower() if isinstance(named, str) else ""
        if word not in _STATUS:
            return _no_status(raw_text(named))
    return _put_signal(_STATUS[word], document, ("status", "at", "sent_at", "detail"), arrival, out)


def _no_status(text: str) -> str:
    return f"status {clean(text)!r} is neither online nor offline"


def _put_signal(
    kind: SignalKind,
    document: dict[str, object],
    known: tuple[str, ...],
    arrival: Arrival,
    out: Harvest,
    *,
    words: str = "",
    problems: Sequence[str] = (),
) -> str:
    """An impossible time of the device's own is left out of the signal and told in its detail.

    So is that a message without any was delivered before: its time of reception is no evidence of when it was sent.
    These marks stand first, behind the name of a meter event; what a device itself says under such a word is told as
    its own. words: what the gateway itself says of the signal.
    """
    problems = [*problems, *unknown_members(document, known)]
    details = [_RETAINED] if arrival.retained else []
    times: dict[str, int | None] = {}
    for name in ("at", "sent_at"):
        try:
            at = read_time(document.get(name))
        except (ValueError, OverflowError) as exc:
            problems.append(f"{name}: {exc}")
            at = None
        if at is not None and judge_time(at, arrival)[1]:
            details.append(f"clock suspect: {name} was {_shown(at)}")
            at = None
        times[name] = at
    detail = document.get("detail")
    if detail not in (None, ""):
        told = detail if isinstance(detail, str) else json.dumps(detail)
        ours = told.lstrip().lower().startswith((_RETAINED, _REDELIVERED))
        details.append(f"device: {told}" if ours else told)
    if words and kind is not SignalKind.METER_EVENT:
        details.append(words)
    told = "; ".join(details)
    if arrival.redelivered and not arrival.retained and times["at"] is None:
        told = f"{_REDELIVERED}: {told}" if told else _REDELIVERED
    if kind is SignalKind.METER_EVENT:
        told = f"{words}; {told}" if told else words
    out.signal(
        Signal(
            kind=kind,
            device=arrival.device,
            received_at=arrival.received_at,
            occurred_at=times["at"],
            reported_at=times["sent_at"],
            source=out.source,
            detail=clean(told),
        )
    )
    return summarise(problems)


def _shown(at: int) -> str:
    try:
        return format_time(at)
    except OverflowError:
        return "beyond the calendar"


_CHANNELS: dict[str, Decoder] = {"telemetry": telemetry, "event": event, "status": status}
_USUAL = "feederline/v1/{device}/"


def _by_last_level(topic: str) -> Decoder | None:
    return _CHANNELS.get(topic.rpartition("/")[2])


MAPPINGS.add("feederline", Mapping(_by_last_level, tuple(_USUAL + channel for channel in _CHANNELS)))
for _channel, _decoder in _CHANNELS.items():
    MAPPINGS.add(
        f"feederline-{_channel}",
        Mapping(lambda _topic, decoder=_decoder: decoder, (_USUAL + _channel,)),  # type: ignore[misc]
    )
