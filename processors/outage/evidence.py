"""Entries of the stream as evidence: readings and signals on their way into the state, and who has become silent."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gateway.core.clock import SECOND
from gateway.core.inventory import DeviceKind, Inventory
from gateway.core.model import GATEWAY, Batch, Bools, Float64s, Int32s, Int64s, Signal, SignalKind
from processors.outage.paths import hops
from processors.outage.rows import Row, Rows, rows_of_batch
from processors.outage.settings import OutageSettings
from processors.outage.state import FAR, Dark, Flag, Keys, State

# How the detail of a signal begins that was kept by the broker, or delivered again without a time of its own.
_RETAINED, _REDELIVERED = "retained", "redelivered"


class Absence(NamedTuple):
    """When the gateway, or one broker session, could not hear: µs UTC, `end` is `FAR` while it lasts."""

    start: int
    end: int


class Evidence(State):
    """The state of every device, fed by entries. Signals wait and are folded together: a storm brings many."""

    def __init__(self, inventory: Inventory, settings: OutageSettings) -> None:
        super().__init__(inventory, settings)
        self.concentrator: Bools = inventory.kind == DeviceKind.CONCENTRATOR
        self.listed: Bools = inventory.node >= 0
        self.paths: dict[str, int] = {}
        self._behind = _by_concentrator(inventory.via)
        self._fixed, self.session = self._first_paths()
        self.listening = False
        self._collecting = round(settings.collecting_s * SECOND)
        self._now = 0  # the latest tick
        self.absences: dict[str, Absence] = {}  # source -> its last one; "" is the gateway itself
        self.faulted: dict[int, int] = {}  # key of a device whose fault indicator is set -> since when
        self.ignored = 0  # rows of unknown devices
        self._waiting: list[Row] = []
        self.gasps: Bools = np.ones(len(inventory), np.bool_)  # speaks of its own accord, and has a clock
        self.gasps[inventory.of_protocol("modbus")] = False

    def _first_paths(self) -> tuple[Int32s, Int32s]:
        """(path as the inventory knows it or −1, session by protocol until something is heard): int32 per key."""
        inventory = self.inventory
        session = np.zeros(len(inventory), np.int32)
        for name in ("mqtt", "modbus"):
            session[inventory.of_protocol(name)] = self.path_index(f"unheard:{name}")
        self.hops = hops(inventory, self._behind, self.path_index)
        fixed = np.full(len(inventory), -1, np.int32)
        for hop in reversed(self.hops):
            fixed = np.where(hop >= 0, hop, fixed)
        return fixed, session

    def path_index(self, name: str) -> int:
        return self.paths.setdefault(name, len(self.paths))

    @property
    def path(self) -> Int32s:
        """What each device is heard through, int32 per key, an index of `paths`: the nearest hop that there is, its
        concentrator, modem, cell or endpoint, or else the broker session it was last heard through."""
        found: Int32s = np.where(self._fixed >= 0, self._fixed, self.session)
        return found

    # -- entries ---------------------------------------------------------------------------------------------------

    def observe(self, batch: Batch) -> None:
        self.flush()
        known = (batch.device >= 0) & (batch.device < len(self.listed))
        if not known.all():
            self.ignored += int(np.count_nonzero(~known))
        rows, clean = rows_of_batch(batch, np.flatnonzero(known), self.inventory, self.settings, self.gasps)
        if not len(rows):
            return
        if batch.source:
            self.session[rows.device] = self.path_index(f"source:{batch.source}")
        self._rush(rows, batch.source)
        indicator = batch.column("fault_indicator")
        if indicator is not None:
            self._indicate(rows, indicator[known])
        fast = clean & (self.flags[rows.device] == 0)
        if not fast.all():
            slow_device = np.zeros(len(self.listed), np.bool_)
            slow_device[rows.device[~fast]] = True
            slow = slow_device[rows.device]
            self.fold(rows.take(np.flatnonzero(slow)))
            rows = rows.take(np.flatnonzero(~slow))
        self.steady(rows)

    def _rush(self, rows: Rows, source: str) -> None:
        """What comes without a time just after an absence may have waited all through it: it counts from before."""
        for name in {"", source} & self.absences.keys():
            absence = self.absences[name]
            soon = ~rows.timed & self.gasps[rows.device] & (rows.received <= absence.end + self._collecting)
            if soon.any():
                rows.at = np.where(soon, np.minimum(rows.at, absence.start), rows.at)

    def _indicate(self, rows: Rows, indicator: Float64s) -> None:
        """Fault current has passed a device since its indicator was first seen set."""
        for i in np.flatnonzero(~np.isnan(indicator)).tolist():
            key = int(rows.device[i])
            if indicator[i] > 0.5:
                self.faulted.setdefault(key, int(rows.at[i]))
            else:
                self.faulted.pop(key, None)

    def notice(self, signal: Signal) -> None:
        if signal.detail.startswith(_RETAINED):
            return  # a state from before it was asked for
        if signal.device == GATEWAY:
            self.flush()
            self._notice_gateway(signal)
        elif 0 <= signal.device < len(self.listed):
            rows = self._rows_of(signal)
            self._waiting += rows
            if signal.source and rows and rows[0].heard:
                self.session[signal.device] = self.path_index(f"source:{signal.source}")
        else:
            self.ignored += 1

    def flush(self) -> None:
        """Fold the signals that wait."""
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            self.fold(Rows.of(waiting))

    def _rows_of(self, signal: Signal) -> list[Row]:
        d, received = signal.device, signal.received_at
        match signal.kind:
            case SignalKind.LAST_GASP | SignalKind.POWER_RESTORED | SignalKind.PING_OK if (
                signal.occurred_at is None and signal.detail.startswith(_REDELIVERED)
            ):
                return [Row(d, received, received, heard=True)]  # when it was said cannot be known
            case SignalKind.LAST_GASP:
                return [self._own(signal)._replace(dark=int(Dark.GASP))]
            case SignalKind.TARGET_FAILED:
                rows = [Row(d, received, received, dark=int(Dark.TARGET_FAILED))]
                via = int(self.inventory.via[d])
                return rows if via < 0 else [*rows, Row(via, received, received, heard=True)]
            case SignalKind.POWER_RESTORED:
                return [self._own(signal)._replace(living=True, restore=True)]
            case SignalKind.PING_OK:  # a terminal answers from its battery
                return [self._own(signal)._replace(living=not self.terminal[d])]
            case SignalKind.NO_ANSWER:
                return [Row(d, received, received, unanswered=True)]
            case SignalKind.CONNECTION_LOST:
                return [Row(key, received, received, lost=True) for key in (*self._behind.get(d, ()), d)]
            case SignalKind.CONNECTION_MADE | SignalKind.TAMPER | SignalKind.METER_EVENT:
                return [self._own(signal)]
            case _:
                return []

    def _own(self, signal: Signal) -> Row:
        """The device itself speaks, and says when, if it can."""
        own, received = signal.occurred_at, signal.received_at
        if own is None:
            return Row(signal.device, received, received, heard=True)
        earliest = self._earliest(signal.source, received)
        return Row(signal.device, received, own, timed=True, earliest=max(1, earliest), heard=True)

    def _earliest(self, source: str, received: int) -> int:
        """From when on a message received now may be: it may have waited while nobody could hear it."""
        found = received - self._clock_error
        for name in {"", source} & self.absences.keys():
            absence = self.absences[name]
            if received <= absence.end + self._clock_error:
                found = min(found, absence.start - self._tolerance)
        return found

    def _notice_gateway(self, signal: Signal) -> None:
        match signal.kind:
            case SignalKind.GATEWAY_DOWN:
                self._leave("", signal)
            case SignalKind.GATEWAY_UP:
                self._return("", signal.received_at)
                self.listen(np.arange(len(self.listed)), signal.received_at)
            case SignalKind.CONNECTION_LOST:
                self._leave(signal.source, signal)
            case SignalKind.CONNECTION_MADE:
                self._return(signal.source, signal.received_at)
                self.listen(np.flatnonzero(self._through(signal.source)), signal.received_at)
            case _:
                pass

    def _leave(self, source: str, signal: Signal) -> None:
        """What waited since an absence just before may still be on its way."""
        start = signal.received_at if signal.occurred_at is None else signal.occurred_at
        before = self.absences.get(source)
        if before and start <= before.end + self._clock_error:
            start = min(start, before.start)
        self.absences[source] = Absence(start, int(FAR))

    def _return(self, source: str, at: int) -> None:
        if source in self.absences:
            self.absences[source] = self.absences[source]._replace(end=at)

    def _through(self, source: str) -> Bools:
        """Which devices a broker session brings; those never heard might come by any."""
        names = (f"source:{source}", f"unheard:{source.partition(':')[0]}")
        found: Bools = np.isin(self.session, [self.paths[name] for name in names if name in self.paths])
        return found

    def audible(self) -> Bools:
        """Which devices could be heard at present: silence of the others says nothing. One per key."""
        found = np.ones(len(self.listed), np.bool_)
        for source, absence in self.absences.items():
            if absence.end == FAR:
                found &= ~self._through(source) if source else np.False_
        return found

    def listen(self, keys: Keys, at: int) -> None:
        """From `at` on these devices could be heard."""
        if not self.settings.expect_unheard:
            keys = keys[~self._unexpected(keys)]
        self.heard_from[keys] = at
        self.polls[keys] = 0
        self.flags[keys] &= ~Flag.SILENT
        self.due_at[keys] = at + self.patience[keys]
        self.next_due = min(self.next_due, int(self.due_at[keys].min(initial=FAR)))

    # -- silence ---------------------------------------------------------------------------------------------------

    def overdue(self, at: int) -> Keys:
        """Keys that have become silent by `at`; each is told once. Costs nothing before the first deadline."""
        self._now = at
        if not self.listening:
            self.listening = True
            unheard = np.flatnonzero(self.due_at == FAR)
            self.listen(unheard[self.heard_at[unheard] == 0], at)
        if at < self.next_due:
            return np.empty(0, np.int64)
        open_ = (self.flags & Flag.SILENT == 0) & self.listed & ~self.concentrator & self.audible()
        late = np.flatnonzero(open_ & (self.due_at <= at))
        self.flags[late] |= Flag.SILENT
        open_[late] = False
        self.next_due = int(self.due_at[open_].min(initial=FAR))
        self.touched[late] = True
        return late

    def last_heard(self, keys: Keys) -> Int64s:
        """The last moment at which silence of these had no meaning."""
        found: Int64s = np.maximum(self.heard_at[keys], self.heard_from[keys])
        if not self.settings.expect_unheard:
            found[self._unexpected(keys)] = self._now
        return found

    def _unexpected(self, keys: Keys) -> Bools:
        """Never heard and never asked in vain."""
        found: Bools = (self.heard_at[keys] == 0) & (self.heard_from[keys] == 0)
        return found

    def heard_through(self) -> Int64s:
        """When anything was heard last along each path, int64 per path."""
        found = np.zeros(len(self.paths), np.int64)
        np.maximum.at(found, self.path, self.heard_at)
        return found

    def path_lives(self, keys: Keys) -> Bools:
        """Whether anything came along a device's path when the device itself should have spoken."""
        lives: Bools = (
            self.heard_through()[self.path[keys]] > self.last_heard(keys) + self.interval[keys] * 3 // 2
        )
        return lives

    def is_dark(self, keys: Keys) -> Bools:
        """Known dark by evidence of its own that is not in doubt, and not shown to have supply since."""
        found: Bools = (
            (self.flags[keys] & Flag.SPELL > 0)
            & (self.back_at[keys] == 0)
            & (self.kinds[keys] & ~(Dark.DOUBTED | Dark.GUESSED) > 0)
        )
        return found


def _by_concentrator(via: Int32s) -> dict[int, list[int]]:
    """Key of each concentrator -> keys of the devices behind it."""
    order = np.argsort(via, kind="stable")
    order = order[via[order] >= 0]
    keys, first = np.unique(via[order], return_index=True)
    parts = np.split(order, first[1:])
    return {key: part.tolist() for key, part in zip(keys.tolist(), parts, strict=False)}
