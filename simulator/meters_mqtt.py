"""The devices that publish: whose turn it is, what they say, and over which session."""

from __future__ import annotations

import functools
import heapq
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gateway.core.clock import SECOND, Clock, parse_time
from gateway.core.inventory import Device
from gateway.core.model import Bools, Int32s, Int64s
from simulator.district import District
from simulator.faults import Farewell
from simulator.history import History
from simulator.ledger import Sent
from simulator.load import Columns, Snapshot
from simulator.mqtt_link import Link
from simulator.noise import uniform

TOPIC = "feederline/v1"
_SAMPLES = 96  # of a load profile in one message
_GRACE = SECOND
"""How long a meter's reserve keeps its session after the loss of supply, when it has nothing more to say."""

_FORMAT = {
    **dict.fromkeys(("voltage_a", "voltage_b", "voltage_c", "temperature"), "%.1f"),
    **dict.fromkeys(("current_a", "current_b", "current_c", "frequency", "power_factor"), "%.3f"),
    **dict.fromkeys(("energy_import", "energy_export", "reactive_energy_import"), "%.4f"),
    "battery_ok": "%d",
}
_SINGLE = (
    *("voltage_a", "current_a", "active_power", "reactive_power", "power_factor", "frequency"),
    *("energy_import", "energy_export", "reactive_energy_import"),
)
_THREE = (
    *("voltage_a", "voltage_b", "voltage_c", "current_a", "current_b", "current_c", "active_power"),
    *("active_power_a", "active_power_b", "active_power_c", "reactive_power", "power_factor", "frequency"),
    *("energy_import", "energy_export", "reactive_energy_import"),
)
_DEAD_BUSBAR = (
    *("voltage_a", "voltage_b", "voltage_c", "current_a", "current_b", "current_c", "active_power"),
    *("reactive_power", "temperature", "battery_ok"),
)
_BUSBAR = (
    *(*_DEAD_BUSBAR, "frequency", "power_factor"),
    *("energy_import", "energy_export", "reactive_energy_import"),
)


class Template(NamedTuple):
    """A payload with holes: `text % (epoch ms, *values)`."""

    quantities: tuple[str, ...]
    text: str

    @staticmethod
    def of(quantities: tuple[str, ...]) -> Template:
        values = ",".join(f'"{q}":{_FORMAT.get(q, "%.1f")}' for q in quantities)
        return Template(quantities, '{"at":%d,"values":{' + values + "}}")

    def fill(self, columns: Columns, rows: Int32s, at: int) -> list[str]:
        """One payload for each of `rows`, measured at `at` µs."""
        table = np.stack([columns[q][rows] for q in self.quantities], axis=1)
        at_ms = at // 1000
        return [self.text % (at_ms, *row) for row in table.tolist()]


_TEMPLATES = tuple(Template.of(q) for q in (_SINGLE, _THREE, _BUSBAR, _DEAD_BUSBAR))


@dataclass(order=True, slots=True)
class _Turn:
    when: int
    who: int
    kind: str  # "last_gasp", "power_restored" or "cut"
    at: int
    life: int  # the turn lapses when the device has lost or regained supply since


class MqttMeters:
    """P publishing devices: the MQTT meters, then the transformer terminals.

    row: int32[P], meter or transformer;  quiet: bool[P], communications cut;  dark: bool[P], without supply, or
    with it again and not yet heard of.
    """

    def __init__(self, district: District, farewell: Farewell, interval_s: float, history: History) -> None:
        self._district = district
        self._history = history
        self._farewell = farewell
        self._interval = round(interval_s * SECOND)
        meters = np.array([i for i, d in enumerate(district.meters) if d.protocol == "mqtt"], np.int32)
        terminals = [d for d in district.devices[len(district.meters) :] if d.protocol == "mqtt"]
        self.devices: tuple[Device, ...] = (*(district.meters[i] for i in meters), *terminals)
        self.index = {device.id: p for p, device in enumerate(self.devices)}
        self._count = len(meters)
        places = {name: t for t, name in enumerate(district.transformers)}
        busbars = np.array([places[d.node] for d in terminals], np.int32)
        self.row: Int32s = np.concatenate([meters, busbars])
        self._three: Bools = ~district.single[meters]
        total = len(self.devices)
        self.quiet: Bools = np.zeros(total, np.bool_)
        self.dark: Bools = np.zeros(total, np.bool_)
        self._phase: Int64s = (uniform(district.seed, 21, np.arange(total)) * self._interval).astype(np.int64)
        self._next: Int64s = self._phase.copy()
        self._talking = False
        self._off: Bools = np.zeros(self._count, np.bool_)
        self._life: Int64s = np.zeros(total, np.int64)
        self._transition = 0
        self._turns: list[_Turn] = []
        self.links: list[Link] = []
        self._link_of: list[Link] = []
        self.own: dict[int, Link] = {}

    def connect(self, link: Callable[[str, str], Link], clock: Clock, *, head_ends: int, own: int) -> None:
        """Give each device its session: `own` meters one each, spread over the district, the rest share `head_ends`.

        `link(client_id, status_topic)` makes a session. Each hears the commands to its devices.
        """
        shared = [link(f"head-end-{k + 1}", "") for k in range(max(1, head_ends))]
        self._link_of = [shared[p % len(shared)] for p in range(len(self.devices))]
        for p in np.unique(np.linspace(0, self._count - 1, min(own, self._count)).astype(int)).tolist():
            name = self.devices[p].id
            self._link_of[p] = self.own[p] = link(name, f"{TOPIC}/{name}/status")
        self.links = [*shared, *self.own.values()]
        for session in shared:
            session.listen(
                [f"{TOPIC}/+/ask", f"{TOPIC}/+/recall"], functools.partial(self._told, session, clock)
            )
        for p, session in self.own.items():
            topics = [f"{TOPIC}/{self.devices[p].id}/{command}" for command in ("ask", "recall")]
            session.listen(topics, functools.partial(self._told, session, clock))

    def begin(self, now: int) -> None:
        """From now on devices publish, each at its own phase of the interval."""
        self._next = now - now % self._interval + self._phase
        self._next[self._next < now] += self._interval
        self._talking = True

    def hold(self) -> None:
        """Send nothing until `begin`; signals wait, readings are not taken."""
        self._talking = False

    def supply(self, alive: Bools, now: int) -> None:
        """Take note of who has supply (bool[M] over all meters) and plan what they will say about it."""
        off = ~alive[self.row[: self._count]]
        died, revived = np.flatnonzero(off & ~self._off), np.flatnonzero(~off & self._off)
        if not len(died) and not len(revived):
            return
        self._off = off
        self._transition += 1
        self.dark[died] = True
        self._life[died] += 1
        self._life[revived] += 1
        seed, number = self._district.seed, self._transition
        when, who = self._farewell.gasps(seed, number, died.astype(np.int32), now)
        last = dict(zip(who.tolist(), when.tolist(), strict=True))
        self._plan(when, who, "last_gasp", now)
        for p in [p for p in died.tolist() if p in self.own]:
            self._plan(np.array([last.get(p, now) + _GRACE]), np.array([p], np.int32), "cut", now)
        when, who = self._farewell.greetings(seed, number, revived.astype(np.int32), now)
        self._plan(when, who, "power_restored", now)
        for p in [p for p in revived.tolist() if p in self.own and not self.quiet[p]]:
            self.own[p].resume()

    def _plan(self, when: Int64s, who: Int32s, kind: str, at: int) -> None:
        for w, p in zip(when.tolist(), who.tolist(), strict=True):
            heapq.heappush(self._turns, _Turn(w, p, kind, at, int(self._life[p])))

    def set_quiet(self, p: int, quiet: bool) -> None:
        """Cut or mend the communication of device `p`; its supply is not touched."""
        self.quiet[p] = quiet
        if p in self.own:
            if quiet:
                self.own[p].cut()
            elif not self.dark[p]:
                self.own[p].resume()

    def speak(self, snapshot: Snapshot, now: int) -> None:
        """Send the signals and readings that are due at `now`."""
        if not self._talking:
            return
        while self._turns and self._turns[0].when <= now:
            turn = heapq.heappop(self._turns)
            if turn.life == self._life[turn.who]:
                self._take(turn, now)
        due = np.flatnonzero((self._next <= now) & ~self.quiet & ~self.dark)
        if not len(due):
            return
        self._next[due] += self._interval * (1 + (now - self._next[due]) // self._interval)
        at = now - now % 1000
        group = np.where(due < self._count, 0, 2)
        meters = due < self._count
        group[meters] = self._three[due[meters]]
        group[~meters] = np.where(snapshot.supplied[self.row[due[~meters]]], 2, 3)
        for kind, template in enumerate(_TEMPLATES):
            who = due[group == kind]
            if not len(who):
                continue
            columns = snapshot.meters if kind < 2 else snapshot.terminals
            for p, payload in zip(who.tolist(), template.fill(columns, self.row[who], at), strict=True):
                name = self.devices[p].id
                self._link_of[p].publish(f"{TOPIC}/{name}/telemetry", payload, Sent(name, at))

    def _told(self, link: Link, clock: Clock, topic: str, payload: bytes) -> None:
        """Obey a command to a device that has supply and a way to be heard."""
        _, name, command = topic.rsplit("/", 2)
        p = self.index.get(name)
        if p is None or self._link_of[p] is not link or self.quiet[p] or self.dark[p] or not self._talking:
            return
        try:
            if command == "recall":
                told = json.loads(payload)
                self._recall(p, link, parse_time(told["from"]), parse_time(told["till"]))
            else:
                self._ask(p, link, clock, json.loads(payload)["id"])
        except (ValueError, TypeError, KeyError, AttributeError):
            return  # no command that a meter knows

    def _recall(self, p: int, link: Link, frm: int, till: int) -> None:
        """Send what the load profile holds of [frm, till)."""
        name = self.devices[p].id
        column = int(self.row[p]) + (len(self._district.meters) if p >= self._count else 0)
        times, values = self._history.between(column, frm, till)
        for first in range(0, len(times), _SAMPLES):
            kept = times[first : first + _SAMPLES].tolist()
            samples = [
                {"at": at // 1000, "values": {"energy_import": round(i, 4), "energy_export": round(e, 4)}}
                for at, (i, e) in zip(kept, values[first : first + _SAMPLES].tolist(), strict=True)
            ]
            payload = json.dumps({"samples": samples}, separators=(",", ":"))
            link.publish(f"{TOPIC}/{name}/telemetry", payload, *(Sent(name, at) for at in kept))

    def event(self, p: int, event: str, now: int, *, ended: bool = False) -> None:
        """Let device `p` tell of a meter event, if it can be heard."""
        if self.quiet[p] or self.dark[p] or not self._talking:
            return
        name = self.devices[p].id
        told = {"type": event, "at": now // 1000, "ended": ended}
        sent = Sent(name, now // 1000 * 1000, "meter_event")
        self._link_of[p].publish(f"{TOPIC}/{name}/event", json.dumps(told, separators=(",", ":")), sent)

    def _ask(self, p: int, link: Link, clock: Clock, question: object) -> None:
        """A meter says that it has supply, outside the ledger; a terminal reads its busbar."""
        name = self.devices[p].id
        if p >= self._count:
            self._next[p] = min(self._next[p], clock.now())
            return
        answer = {"type": "ping_ok", "at": clock.now() // 1000, "id": question}
        link.publish(f"{TOPIC}/{name}/event", json.dumps(answer, separators=(",", ":")))

    def _take(self, turn: _Turn, now: int) -> None:
        if turn.kind == "cut":
            self.own[turn.who].cut()
            return
        if turn.kind == "power_restored":
            self.dark[turn.who] = False
        if self.quiet[turn.who]:
            return
        name = self.devices[turn.who].id
        at_ms = turn.at // 1000
        payload = f'{{"type":"{turn.kind}","at":{at_ms},"sent_at":{now // 1000}}}'
        sent = Sent(name, at_ms * 1000, turn.kind)
        self._link_of[turn.who].publish(f"{TOPIC}/{name}/event", payload, sent)
