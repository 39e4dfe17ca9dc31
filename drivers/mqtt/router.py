"""From messages to entries: whose message it is, which mapping reads it, and what becomes of the rest."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from collections.abc import Mapping as MappingOf
from typing import NamedTuple

from drivers.mqtt.metrics import DEAD_LETTERS
from drivers.mqtt.payloads import MAPPINGS, Arrival, Decoder, Harvest, Mapping
from drivers.mqtt.topics import TopicTemplate, level_fault
from gateway.core.errors import InvalidInputError
from gateway.core.inventory import Inventory
from gateway.core.model import Entry

log = logging.getLogger(__name__)

_MOST_ROUTES = 1 << 20  # topics remembered; with `#` in a template there may be any number
_MOST_REPORTED = 10_000  # different complaints written to the log


class Message(NamedTuple):
    """One message as it was received. `mid` is the packet identifier that acknowledges it.

    redelivered: the broker has sent it before (MQTT's DUP flag); whether that reached us is not known.
    """

    topic: bytes
    payload: bytes
    mid: int
    qos: int
    retained: bool
    received_at: int
    redelivered: bool = False


class _Route(NamedTuple):
    device: int
    decode: Decoder


class _NoRoute(NamedTuple):
    kind: str
    reason: str


def device_names(inventory: Inventory) -> dict[str, int]:
    """Key by the name in the topic: the device's address, or its id where it has none.

    Raises:
        InvalidInputError: two MQTT devices go by the same name, or a name can be no level of a topic.
    """
    names: dict[str, int] = {}
    faults: list[str] = []
    for key in inventory.of_protocol("mqtt"):
        device = inventory.device(key)
        name = device.address or device.id
        if wrong := level_fault(name):
            what = "address" if device.address else "no address, and its id"
            faults.append(f"device {device.id!r}: {what} {name[:80]!r} {wrong}")
        elif name in names:
            faults.append(
                f"devices {inventory.ids[names[name]]!r} and {device.id!r} share the address {name!r}"
            )
        names.setdefault(name, key)
    if faults:
        raise InvalidInputError(faults)
    return names


def whereabouts(inventory: Inventory, name: str) -> str:
    """What the inventory knows of a name that no topic should carry; empty for nothing."""
    key = inventory.key(name)
    if key is None:
        return ""
    device = inventory.device(key)
    if device.protocol != "mqtt":
        return f"device {name} is of protocol {device.protocol}"
    return f"device {name} listens under {device.address or device.id}"


class Router:
    """Decodes lots of messages. A message that cannot be understood becomes a dead letter and stops nothing."""

    def __init__(
        self,
        lookup: Callable[[str], int | None],
        subscriptions: Sequence[tuple[str, str]],
        *,
        name: str,
        max_payload_bytes: int,
        max_future_s: float,
        report: bool = True,
        explain: Callable[[str], str] = lambda _: "",
        codes: MappingOf[str, str] | None = None,
    ) -> None:
        """lookup: device key by its name in the topic;  subscriptions: (topic template, mapping name);
        report: count and log dead letters, besides handing them on;  explain: what else is known of an unknown name;
        codes: what event codes of this head-end mean, besides the usual ones.

        Raises ValueError for a wrong template, InvalidInputError for an unknown mapping.
        """
        self._lookup = lookup
        self._templates: list[tuple[TopicTemplate, Mapping]] = [
            (TopicTemplate.parse(topic), MAPPINGS.get(mapping)) for topic, mapping in subscriptions
        ]
        self._name = name
        self._report = report
        self._codes = codes or {}
        self._explain = explain
        self._max_bytes = max_payload_bytes
        self._max_future = round(max_future_s * 1e6)
        self._routes: dict[bytes, _Route] = {}
        self._reported: set[tuple[bytes, str]] = set()
        self._given: dict[int, int] = {}  # by device, the last time given to a reading without its own

    def entries(self, messages: Sequence[Message]) -> list[Entry]:
        """Batches, signals and dead letters from `messages`, in the order that `Harvest` promises."""
        out = Harvest(f"mqtt:{self._name}", self._given)
        known = self._routes.get
        for message in messages:
            topic, payload, _, _, retained, received_at, redelivered = message
            route = known(topic) or self._route(topic)
            if isinstance(route, _NoRoute):
                self._bury(message, out, route.kind, route.reason)
                continue
            if len(payload) > self._max_bytes:
                reason = f"payload of {len(payload)} bytes is longer than {self._max_bytes}"
                self._bury(message, out, "too_large", reason)
                continue
            latest = received_at + self._max_future
            arrival = Arrival(route.device, received_at, retained, latest, redelivered, self._codes)
            try:
                complaint = route.decode(payload, arrival, out)
            except Exception as exc:
                log.exception("payload mapping failed", extra={"broker": self._name, "topic": repr(topic)})
                complaint = f"malformed: the mapping failed: {exc!r}"
            if complaint:
                kind = "malformed" if complaint.startswith("malformed") else "not_understood"
                self._bury(message, out, kind, complaint)
        return out.entries()

    def _route(self, topic: bytes) -> _Route | _NoRoute:
        try:
            text = topic.decode("utf-8")
        except UnicodeDecodeError:
            return _NoRoute("no_route", "the topic is not UTF-8")
        stranger = ""
        for template, mapping in self._templates:
            name = template.device(text)
            decoder = mapping.decoder(text) if name is not None else None
            if name is None or decoder is None:
                continue
            key = self._lookup(name)
            if key is None:
                stranger = name
                continue
            if len(self._routes) >= _MOST_ROUTES:
                self._routes.clear()
            route = self._routes[topic] = _Route(key, decoder)
            return route
        if stranger:
            reason = f"unknown device {stranger!r}: no MQTT device has this address"
            known = self._explain(stranger)
            return _NoRoute("unknown_device", f"{reason}; {known}" if known else reason)
        return _NoRoute("no_route", "the topic is of no subscription, or its mapping has no such channel")

    def _bury(self, message: Message, out: Harvest, kind: str, reason: str) -> None:
        """Keep the message as a dead letter; log each complaint about a topic once."""
        topic = message.topic.decode("utf-8", "backslashreplace")
        out.dead_letter(topic, message.payload, message.received_at, reason)
        if not self._report:
            return
        DEAD_LETTERS.labels(self._name, kind).inc()
        complaint = (message.topic, reason if kind == "not_understood" else kind)
        if complaint not in self._reported and len(self._reported) < _MOST_REPORTED:
            self._reported.add(complaint)
            log.warning(
                "message kept as a dead letter",
                extra={"broker": self._name, "topic": topic, "kind": kind, "reason": reason[:200]},
            )
