"""What is heard of a scenario: readings, signals and answers, with all that gets lost, late or wrong on the way.

Meters report at their intervals and one report in a hundred is lost. A meter that lost supply on all its phases waits,
each its own time, and sends a last gasp that arrives with probability p, then repeats it; so does its restore message.
Meters behind concentrators are polled each minute: a dark one is answered for with exception 0x0B while its
concentrator lives; four concentrators of five go on without supply of their own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.accuracy.networks import Grid
from bench.accuracy.truth import Scenario
from gateway.core.clock import SECOND
from gateway.core.model import (
    GATEWAY,
    Batch,
    Bools,
    Float64s,
    Int64s,
    Quality,
    Question,
    Signal,
    SignalKind,
    UInt16s,
)

START = 1_772_352_000 * SECOND
"""Second 0 of every play."""
VOLTAGES = ("voltage_a", "voltage_b", "voltage_c")
_LOST = 0.01  # share of reports and polls
_LOST_AS_FAILED = 0.1  # share of lost polls that the concentrator answers with 0x0B
_WITH_BATTERY = 0.8  # share of concentrators
_NOMINAL_V = 230.0
_BITS = np.array([1, 2, 4])


def micros(seconds: float) -> int:
    return START + round(seconds * SECOND)


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """n rows of readings in order of reception; times in seconds, `source` an index of `sources`."""

    device: Int64s
    measured: Float64s
    received: Float64s
    values: Float64s
    quality: UInt16s
    source: Int64s

    def take(self, rows: npt.NDArray[np.int64] | Bools) -> Readings:
        return Readings(
            self.device[rows], self.measured[rows], self.received[rows], self.values[rows], self.quality[rows],
            self.source[rows],
        )  # fmt: skip

    def batch(self, rows: slice, source: str) -> Batch:
        return Batch.of(
            VOLTAGES,
            self.device[rows],
            START + np.round(self.measured[rows] * SECOND).astype(np.int64),
            self.values[rows],
            received_at=START + np.round(self.received[rows] * SECOND).astype(np.int64),
            quality=self.quality[rows],
            source=source,
        )


def session_name(session: int) -> str:
    return f"mqtt:field-{session}" if session >= 0 else "modbus"


class Hearing:
    """Everything that reaches the gateway in one scenario at delivery rate p: the same seed, the same stream.

    `readings` and `signals` are in order of reception; `told` are the meters of which anything says that they have
    lost supply: gasp, exception, or a phase at zero.
    """

    def __init__(self, grid: Grid, scenario: Scenario, p: float) -> None:
        self.grid = grid
        self.scenario = scenario
        self.p = p
        self.rng = np.random.default_rng([scenario.seed, round(p * 1000), 7])
        self.told: set[int] = set()
        self._phases = grid.inventory.phases.astype(np.int64)
        self._signals: list[tuple[float, Signal]] = []
        self._concentrator_down = self._batteries()
        self._own_clock = np.zeros(len(grid.inventory))
        for key, error in scenario.clock_error_s.items():
            self._own_clock[key] = error
        self.readings = self._reports()
        self._gasps()
        self._connections()
        self._signals.sort(key=lambda pair: pair[0])
        self.signals = [signal for _, signal in self._signals]
        self.signal_at = np.array([at for at, _ in self._signals])

    # -- what is so --------------------------------------------------------------------------------------------------

    def missing(self, device: Int64s, at: Float64s) -> Int64s:
        """Mask of the connected phases without supply, per row."""
        found = np.zeros(len(device), np.int64)
        for spell in self.scenario.spells:
            there = np.zeros(len(self._phases), np.bool_)
            there[spell.keys] = True
            inside = there[device] & (at >= spell.start) & (at < spell.end)
            found[inside] |= spell.mask
        return found & self._phases[device]

    def _batteries(self) -> dict[int, list[tuple[float, float]]]:
        """When each concentrator cannot be reached, as its battery is flat or its path lost."""
        found: dict[int, list[tuple[float, float]]] = {}
        inventory = self.grid.inventory
        flat = self.rng.random(len(inventory)) >= _WITH_BATTERY
        for key in np.unique(inventory.via[self.grid.polled]).tolist():
            down = [(s.start, s.end) for s in self.scenario.silences if s.concentrator == key]
            node = int(inventory.node[key])
            down += [
                (s.start + 2.0, s.end + 20.0)
                for s in self.scenario.spells
                if flat[key] and s.mask == 7 and inventory.network.is_below(node, s.node)
            ]
            if down:
                found[key] = down
        return found

    def _unreachable(self, device: Int64s, at: Float64s) -> Bools:
        """Polled meters whose concentrator does not answer at that time, and meters whose radio path is lost."""
        found = np.zeros(len(device), np.bool_)
        for key, spans in self._concentrator_down.items():
            behind = self.grid.inventory.via[device] == key
            for start, end in spans:
                found |= behind & (at >= start) & (at < end)
        for silence in self.scenario.silences:
            found |= np.isin(device, silence.keys) & (at >= silence.start) & (at < silence.end)
        return found

    # -- readings ----------------------------------------------------------------------------------------------------

    def _reports(self) -> Readings:
        grid, rng = self.grid, self.rng
        keys = np.sort(grid.points)
        counts = np.ceil((self.scenario.length - grid.phase_s[keys]) / grid.interval_s[keys]).astype(np.int64)
        device = np.repeat(keys, counts)
        number = np.arange(len(device)) - np.repeat(np.cumsum(counts) - counts, counts)
        at = grid.phase_s[device] + number * grid.interval_s[device]
        polled = grid.polled[device]
        missing = self.missing(device, at)
        dark = missing == self._phases[device]
        lost = rng.random(len(device)) < _LOST
        cut = self._unreachable(device, at)
        absent = self._absent(at)
        self._polls(device, at, dark, lost, polled & ~cut & ~absent)
        heard = ~dark & ~lost & np.where(polled, ~cut & ~absent, self._comes(device, at, cut, absent))
        device, at, missing, polled = device[heard], at[heard], missing[heard], polled[heard]
        received = at + np.where(polled, 0.1, rng.uniform(0.2, 3.0, len(at)))
        received = self._afterwards(device, at, received)
        measured, quality = self._stamped(device, at, received)
        self.told.update(np.unique(device[missing > 0]).tolist())
        rows = Readings(
            device, measured, received, self._volts(device, missing), quality, self._source(device)
        )
        return rows.take(np.argsort(received, kind="stable"))

    def _polls(self, device: Int64s, at: Float64s, dark: Bools, lost: Bools, polled: Bools) -> None:
        """Polls that bring no reading: 0x0B, or no answer."""
        failed = polled & (dark | (lost & (self.rng.random(len(device)) < _LOST_AS_FAILED)))
        self.told.update(np.unique(device[failed & dark]).tolist())
        for kind, rows in (
            (SignalKind.TARGET_FAILED, failed),
            (SignalKind.NO_ANSWER, polled & lost & ~failed),
        ):
            for key, when in zip(device[rows].tolist(), at[rows].tolist(), strict=True):
                self._say(when + 3.0, kind, key, "modbus")

    def _comes(self, device: Int64s, at: Float64s, cut: Bools, absent: Bools) -> Bools:
        """Whether a published message comes at all, now or later."""
        comes = ~cut
        for silence in self.scenario.silences:
            if silence.kept:
                comes |= np.isin(device, silence.keys) & (at >= silence.start) & (at < silence.end)
        if self.scenario.absence and not self.scenario.absence.kept:
            comes &= ~absent
        return comes

    def _absent(self, at: Float64s) -> Bools:
        away = self.scenario.absence
        return (at >= away.start) & (at < away.end) if away else np.zeros(len(at), np.bool_)

    def _afterwards(self, device: Int64s, at: Float64s, received: Float64s) -> Float64s:
        """What was kept while it could not be heard comes in a rush."""
        found = received.copy()
        for silence in self.scenario.silences:
            inside = np.isin(device, silence.keys) & (at >= silence.start) & (found < silence.end)
            found[inside] = silence.end + self.rng.uniform(0.5, 20.0, int(inside.sum()))
        if away := self.scenario.absence:
            inside = (found >= away.start) & (found < away.end)
            found[inside] = away.end + self.rng.uniform(0.1, 3.0, int(inside.sum()))
        return found

    def _stamped(self, device: Int64s, at: Float64s, received: Float64s) -> tuple[Float64s, UInt16s]:
        """(measured_at, quality) as the drivers give them."""
        timed = self.grid.timed[device] & ~self.grid.polled[device]
        own = at + self._own_clock[device]
        ahead = own > received + 60.0
        quality = np.where(~timed, Quality.TIME_ASSUMED, np.where(ahead, Quality.CLOCK_SUSPECT, 0))
        return np.where(timed & ~ahead, own, received), quality.astype(np.uint16)

    def _volts(self, device: Int64s, missing: Int64s) -> Float64s:
        """float64[n, 3]; a single-phase meter measures its phase as the first."""
        phases = self._phases[device]
        single = np.isin(phases, _BITS)
        values = self.rng.normal(_NOMINAL_V, 2.0, (len(device), 3))
        values[(missing[:, None] & _BITS) > 0] = self.rng.uniform(0.0, 15.0)
        values[single, 1:] = np.nan
        return values

    def _source(self, device: Int64s) -> Int64s:
        return self.grid.session[device] + 1

    # -- signals -----------------------------------------------------------------------------------------------------

    def _say(self, at: float, kind: SignalKind, key: int, source: str, occurred: float | None = None) -> None:
        own = None if occurred is None else micros(occurred)
        signal = Signal(kind=kind, device=key, received_at=micros(at), occurred_at=own, source=source)
        self._signals.append((at, signal))

    def _publish(self, at: float, kind: SignalKind, key: int, occurred: float) -> bool:
        """A message of a meter over the broker; whether it arrives."""
        device, when = np.array([key]), np.array([at])
        absent = self._absent(when)
        if not self._comes(device, when, self._unreachable(device, when), absent)[0]:
            return False
        received = float(self._afterwards(device, when, when)[0])
        own = occurred + float(self._own_clock[key]) if self.grid.timed[key] else None
        self._say(received, kind, key, session_name(int(self.grid.session[key])), own)
        return True

    def _gasps(self) -> None:
        rng, grid = self.rng, self.grid
        for key, start, end in self._without_supply():
            wait = float(grid.wait_s[key])
            gasp, back = rng.random() < self.p, rng.random() < self.p
            if end - start <= wait:
                continue
            at = start + wait + float(rng.uniform(0.1, 2.0))
            if self.scenario.late and rng.random() < 0.2:
                at += float(rng.uniform(60, 600))
            occurred = start + float(rng.uniform(0.0, 0.5))
            if gasp and self._publish(at, SignalKind.LAST_GASP, key, occurred):
                self.told.add(key)
            for _ in range(int(rng.integers(0, 3)) * gasp):
                at += float(rng.uniform(15, 120))
                if at < end or self.scenario.late:
                    self._publish(at, SignalKind.LAST_GASP, key, occurred)
            if back:
                self._publish(end + float(rng.uniform(1, 15)), SignalKind.POWER_RESTORED, key, end + 0.5)
        for key, when in self.scenario.false_gasps:
            self._publish(when + float(rng.uniform(0.1, 2.0)), SignalKind.LAST_GASP, key, when)

    def _without_supply(self) -> list[tuple[int, float, float]]:
        """(key, start, end) of every time in which a publishing meter is without supply on all its phases."""
        spans: dict[int, list[tuple[float, float]]] = {}
        for spell in sorted(self.scenario.spells, key=lambda s: s.start):
            whole = spell.keys[(self._phases[spell.keys] & ~spell.mask) == 0]
            for key in whole[~self.grid.polled[whole]].tolist():
                mine = spans.setdefault(key, [])
                if mine and spell.start <= mine[-1][1]:
                    mine[-1] = (mine[-1][0], max(mine[-1][1], spell.end))
                else:
                    mine.append((spell.start, spell.end))
        return [(key, *span) for key, mine in sorted(spans.items()) for span in mine]

    def _connections(self) -> None:
        """Sessions, endpoints and the gateway itself coming and going."""
        sessions = np.unique(self.grid.session[self.grid.session >= 0]).tolist()
        for session in sessions:
            self._say(0.0, SignalKind.CONNECTION_MADE, GATEWAY, session_name(session))
        for silence in self.scenario.silences:
            if silence.session >= 0:
                name = session_name(silence.session)
                self._say(silence.start, SignalKind.CONNECTION_LOST, GATEWAY, name)
                self._say(silence.end, SignalKind.CONNECTION_MADE, GATEWAY, name)
            if silence.wills:
                for key in silence.keys.tolist():
                    lost = silence.start + float(self.rng.uniform(30, 90))
                    self._say(
                        lost, SignalKind.CONNECTION_LOST, key, session_name(int(self.grid.session[key]))
                    )
        for key, spans in self._concentrator_down.items():
            for start, end in spans:
                self._say(start + float(self.rng.uniform(3, 30)), SignalKind.CONNECTION_LOST, key, "modbus")
                self._say(end, SignalKind.CONNECTION_MADE, key, "modbus")
        if away := self.scenario.absence:
            self._signals = [(at, s) for at, s in self._signals if not away.start <= at < away.end]
            for kind, when in ((SignalKind.GATEWAY_DOWN, away.start), (SignalKind.GATEWAY_UP, away.end)):
                signal = Signal(
                    kind=kind, device=GATEWAY, received_at=micros(away.end), occurred_at=micros(when)
                )
                self._signals.append((away.end, signal))
            for session in sessions:
                self._say(away.end + 0.05, SignalKind.CONNECTION_MADE, GATEWAY, session_name(session))

    # -- answers -----------------------------------------------------------------------------------------------------

    def answer(self, question: Question, now: float) -> tuple[float, Batch | Signal] | None:
        """When and how a question is answered; None where the device cannot be asked or its broker is away."""
        key = question.device
        if key < 0 or not self.grid.askable[key] or self.grid.inventory.kind[key] != 0:
            return None
        at = now + float(self.rng.uniform(1.0, 5.0))
        device, when = np.array([key]), np.array([at])
        if any(s.session >= 0 and key in s.keys and s.start <= at < s.end for s in self.scenario.silences):
            return None
        polled = bool(self.grid.polled[key])
        missing = self.missing(device, when)
        dark = bool(missing[0] == self._phases[key])
        cut = bool(self._unreachable(device, when)[0]) or (not polled and self.rng.random() < 0.05)
        if polled and not cut and not dark:
            row = Readings(
                device, when, when, self._volts(device, missing), self._assumed, self._source(device)
            )
            return at, row.batch(slice(0, 1), "modbus")
        if polled and not cut:
            kind = SignalKind.TARGET_FAILED
        else:
            kind = SignalKind.PING_FAILED if cut or dark else SignalKind.PING_OK
            at = now + 15.0 if kind is SignalKind.PING_FAILED else at
        source = session_name(int(self.grid.session[key]))
        return at, Signal(kind=kind, device=key, received_at=micros(at), source=source)

    _assumed = np.array([Quality.TIME_ASSUMED], np.uint16)
