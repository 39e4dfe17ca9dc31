"""What each device has shown: when it last had supply, since when it is dark and by what, and how silent it is.

One row per device key, held in columns. Entries are folded in the order of the stream, so the state does not depend
on how they were cut into batches. Rows of devices that are well take a path of array operations that commute; the few
others are folded in rounds in which each device occurs once.

Times are µs UTC, 0 for never. Event times (`on_at`, `dark_at` …) are by the device's account where it is plausible;
`heard_at` and `due_at` are times of reception.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from gateway.core.clock import SECOND
from gateway.core.inventory import DeviceKind, Inventory
from gateway.core.model import GATEWAY, Batch, Bools, Int32s, Int64s, Signal, SignalKind
from processors.outage.rows import Row, Rows, rows_of_batch
from processors.outage.settings import OutageSettings

UInt8s: TypeAlias = npt.NDArray[np.uint8]
Keys: TypeAlias = npt.NDArray[np.int64]

FAR = np.int64(1) << 62
"""A deadline that never comes."""


class Dark:
    """Bits of `kinds`: by what a device is known dark; 0 while it is only inferred from its neighbours."""

    GASP = np.uint8(1)
    ZERO = np.uint8(2)  # all connected phases below `off_below`
    TARGET_FAILED = np.uint8(4)
    BREAKER = np.uint8(8)  # a terminal's breaker is open
    ADOPTED = np.uint8(16)  # taken over from the database


class Flag:
    """Bits of `flags`: why a device needs more than the fast path."""

    SPELL = np.uint8(1)  # a dark spell is open, or over and not yet accounted for
    SILENT = np.uint8(2)
    MEMBER = np.uint8(4)  # belongs to an open incident
    LOW = np.uint8(8)  # at least one phase is off
    TERMINAL = np.uint8(16)


COLUMNS: dict[str, type[np.generic]] = {
    "heard_at": np.int64,  # last heard, by reception
    "heard_from": np.int64,  # since when it could have been heard
    "due_at": np.int64,  # silent when nothing is heard by then
    "on_at": np.int64,  # last shown to have supply
    "volt_at": np.int64,  # last reading with voltage
    "restored_at": np.int64,  # last restore message, by its own time
    "onset_at": np.int64,  # estimated start of the dark spell
    "dark_at": np.int64,  # first moment surely dark
    "dark_last": np.int64,  # last moment surely dark; outlives the spell, so that repeats are known
    "back_at": np.int64,  # first shown to have supply after `dark_last`, 0 while dark
    "polls": np.int32,  # unanswered polls in a row
    "failed": np.int32,  # exceptions 0x0B in a row
    "path": np.int32,  # concentrator, broker session or endpoint it is heard through
    "kinds": np.uint8,  # of Dark
    "low": np.uint8,  # mask of phases that are off
    "breaker": np.uint8,  # 0 not known, 1 closed, 2 open
    "flags": np.uint8,  # of Flag
}


class Evidence:
    """The state of every device. `touched` marks keys about which something may be concluded at the next tick."""

    heard_at: Int64s
    heard_from: Int64s
    due_at: Int64s
    on_at: Int64s
    volt_at: Int64s
    restored_at: Int64s
    onset_at: Int64s
    dark_at: Int64s
    dark_last: Int64s
    back_at: Int64s
    polls: Int32s
    failed: Int32s
    path: Int32s
    kinds: UInt8s
    low: UInt8s
    breaker: UInt8s
    flags: UInt8s

    def __init__(self, inventory: Inventory, settings: OutageSettings) -> None:
        n = len(inventory)
        self.inventory = inventory
        self.settings = settings
        for name, dtype in COLUMNS.items():
            setattr(self, name, np.zeros(n, dtype))
        self.due_at[:] = FAR
        self.terminal: Bools = inventory.kind == DeviceKind.TERMINAL
        self.flags[self.terminal] = Flag.TERMINAL
        self.concentrator: Bools = inventory.kind == DeviceKind.CONCENTRATOR
        self.listed: Bools = inventory.node >= 0
        self.interval: Int64s = np.maximum(inventory.interval_s.astype(np.int64), 1) * SECOND
        self.patience: Int64s = (self.interval * settings.silence_intervals).astype(np.int64)
        self.paths: dict[str, int] = {}
        self._first_paths()
        self.touched: Bools = np.zeros(n, np.bool_)
        self.next_due = int(FAR)
        self.listening = False
        self.clock_faults: set[int] = set()
        self.ignored = 0  # rows of unknown devices
        self._waiting: list[Row] = []
        self._clock_error = round(settings.max_clock_error_s * SECOND)
        self._tolerance = round(settings.clock_tolerance_s * SECOND)
        self._gasp_wait = round(settings.last_gasp_wait_s * SECOND)

    def _first_paths(self) -> None:
        """Behind a concentrator the path is known; otherwise it is by protocol until something is heard."""
        via = self.inventory.via
        for name in ("mqtt", "modbus"):
            self.path[self.inventory.of_protocol(name)] = self.path_index(f"unheard:{name}")
        for key in np.unique(via[via >= 0]):
            self.path[via == key] = self.path[key] = self.path_index(f"via:{self.inventory.ids[key]}")

    def path_index(self, name: str) -> int:
        return self.paths.setdefault(name, len(self.paths))

    # -- entries ---------------------------------------------------------------------------------------------------

    def observe(self, batch: Batch) -> None:
        self.flush()
        known = (batch.device >= 0) & (batch.device < len(self.listed))
        if not known.all():
            self.ignored += int(np.count_nonzero(~known))
        rows, clean = rows_of_batch(batch, np.flatnonzero(known), self.inventory, self.settings)
        if not len(rows):
            return
        if batch.source:
            free = rows.device[self.inventory.via[rows.device] < 0]
            self.path[free] = self.path_index(f"source:{batch.source}")
        fast = clean & (self.flags[rows.device] == 0)
        if not fast.all():
            slow_device = np.zeros(len(self.listed), np.bool_)
            slow_device[rows.device[~fast]] = True
            slow = slow_device[rows.device]
            self._fold(rows.take(np.flatnonzero(slow)))
            rows = rows.take(np.flatnonzero(~slow))
        self._steady(rows)

    def notice(self, signal: Signal) -> None:
        if signal.device == GATEWAY:
            self.flush()
            self._notice_gateway(signal)
            return
        if not 0 <= signal.device < len(self.listed):
            self.ignored += 1
            return
        if signal.kind is SignalKind.CONNECTION_LOST:
            self.flush()
            self._lost(signal)
            return
        self._waiting.extend(self._rows_of(signal))

    def flush(self) -> None:
        """Fold the signals that wait; they are folded together because a storm brings many."""
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            self._fold(Rows.of(waiting))

    def _rows_of(self, signal: Signal) -> list[Row]:
        d, received = signal.device, signal.received_at
        own = self._own_time(signal)
        at = received if own is None else own
        match signal.kind:
            case SignalKind.LAST_GASP:
                onset = received - self._gasp_wait if own is None else own
                return [Row(d, received, at, onset, heard=True, dark=int(Dark.GASP))]
            case SignalKind.TARGET_FAILED:
                rows = [Row(d, received, at, at, dark=int(Dark.TARGET_FAILED))]
                via = int(self.inventory.via[d])
                return rows if via < 0 else [*rows, Row(via, received, at, at, heard=True)]
            case SignalKind.POWER_RESTORED:
                return [Row(d, received, at, at, heard=True, living=True, restore=True)]
            case SignalKind.PING_OK:
                return [Row(d, received, at, at, heard=True, living=True)]
            case SignalKind.NO_ANSWER | SignalKind.PING_FAILED:
                return [Row(d, received, at, at, unanswered=True)]
            case SignalKind.CONNECTION_MADE | SignalKind.TAMPER:
                return [Row(d, received, at, at, heard=True)]
            case _:
                return []

    def _own_time(self, signal: Signal) -> int | None:
        """The device's account of when, unless its clock is plainly wrong; never later than reception."""
        if signal.occurred_at is None:
            return None
        early = signal.received_at - signal.occurred_at
        if -self._tolerance <= early <= self._clock_error:
            return min(signal.occurred_at, signal.received_at)
        self.clock_faults.add(signal.device)
        return None

    def _lost(self, signal: Signal) -> None:
        """The connection of one device, or of a concentrator and everything behind it: silence comes sooner."""
        who = np.append(np.flatnonzero(self.inventory.via == signal.device), signal.device)
        self.due_at[who] = np.minimum(self.due_at[who], signal.received_at + self.interval[who])
        self.next_due = min(self.next_due, int(self.due_at[who].min()))

    def _notice_gateway(self, signal: Signal) -> None:
        """Silence counts only from when it could have been heard."""
        at = signal.received_at
        path = self.paths.get(f"source:{signal.source}", -1)
        match signal.kind:
            case SignalKind.GATEWAY_DOWN:
                self.due_at[:] = FAR
            case SignalKind.GATEWAY_UP:
                self.listen(np.arange(len(self.listed)), at)
            case SignalKind.CONNECTION_LOST:
                self.due_at[self.path == path] = FAR
            case SignalKind.CONNECTION_MADE:
                self.listen(np.flatnonzero(self.path == path), at)
            case _:
                pass

    def listen(self, keys: Keys, at: int) -> None:
        """From `at` on these devices could be heard."""
        self.heard_from[keys] = at
        self.polls[keys] = 0
        self.flags[keys] &= ~Flag.SILENT
        self.due_at[keys] = at + self.patience[keys]
        self.next_due = min(self.next_due, int(self.due_at[keys].min(initial=FAR)))

    # -- silence ---------------------------------------------------------------------------------------------------

    def overdue(self, at: int) -> Keys:
        """Keys that have become silent by `at`; each is told once. Costs nothing before the first deadline."""
        if not self.listening:
            self.listening = True
            unheard = np.flatnonzero(self.due_at == FAR)
            self.listen(unheard[self.heard_at[unheard] == 0], at)
        if at < self.next_due:
            return np.empty(0, np.int64)
        open_ = (self.flags & Flag.SILENT == 0) & self.listed & ~self.concentrator
        late = np.flatnonzero(open_ & (self.due_at <= at))
        self.flags[late] |= Flag.SILENT
        open_[late] = False
        self.next_due = int(self.due_at[open_].min(initial=FAR))
        self.touched[late] = True
        return late

    def last_heard(self, keys: Keys) -> Int64s:
        """The last moment at which silence of these had no meaning."""
        found: Int64s = np.maximum(self.heard_at[keys], self.heard_from[keys])
        return found

    def path_lives(self, keys: Keys) -> Bools:
        """Whether anything came along a device's path when the device itself should have spoken."""
        path_heard = np.zeros(len(self.paths), np.int64)
        np.maximum.at(path_heard, self.path, self.heard_at)
        lives: Bools = path_heard[self.path[keys]] > self.last_heard(keys) + self.interval[keys] * 3 // 2
        return lives

    def is_dark(self, keys: Keys) -> Bools:
        """Known dark by evidence of its own, and not shown to have supply since."""
        found: Bools = (
            (self.flags[keys] & Flag.SPELL > 0) & (self.back_at[keys] == 0) & (self.kinds[keys] > 0)
        )
        return found

    # -- folding ---------------------------------------------------------------------------------------------------

    def _steady(self, rows: Rows) -> None:
        """Rows of devices that are well, each with voltage or with none measured."""
        d = rows.device
        np.maximum.at(self.heard_at, d, rows.received)
        due = self.heard_at[d] + self.patience[d]
        self.due_at[d] = due
        self.next_due = min(self.next_due, int(due.min(initial=FAR)))
        self.polls[d] = 0
        self.failed[d] = 0
        seen = rows.used > 0
        if not seen.all():
            rows = rows.take(np.flatnonzero(seen))
            d = rows.device
        np.maximum.at(self.on_at, d, rows.at)
        np.maximum.at(self.volt_at, d, rows.at)

    def _fold(self, rows: Rows) -> None:
        for part in rows.rounds():
            self._hear(part)
            self._judge_voltage(part)
            self._darken(part)
            self._enliven(part)
            flags = self.flags[part.device]
            low = self.low[part.device] > 0
            self.flags[part.device] = np.where(low, flags | Flag.LOW, flags & ~Flag.LOW)
            self.touched[part.device] |= (flags & ~(Flag.LOW | Flag.TERMINAL)) > 0

    def _hear(self, rows: Rows) -> None:
        i = np.flatnonzero(rows.heard)
        d, received = rows.device[i], rows.received[i]
        self.heard_at[d] = np.maximum(self.heard_at[d], received)
        self.due_at[d] = self.heard_at[d] + self.patience[d]
        self.polls[d] = 0
        was = self.flags[d] & Flag.SILENT > 0
        self.touched[d[was]] = True
        self.flags[d] &= ~Flag.SILENT
        if len(d):
            self.next_due = min(self.next_due, int(self.due_at[d].min()))
        i = np.flatnonzero(rows.unanswered)
        d, received = rows.device[i], rows.received[i]
        self.polls[d] += 1
        full = self.polls[d] >= self.settings.silence_polls
        d, received = d[full], received[full]
        self.due_at[d] = np.minimum(self.due_at[d], received)
        if len(d):
            self.next_due = min(self.next_due, int(self.due_at[d].min()))

    def _judge_voltage(self, rows: Rows) -> None:
        """Hysteresis per phase; decides for rows with voltage or a breaker state whether they show supply."""
        d = rows.device
        low = (self.low[d] | (rows.used & rows.below)) & ~(rows.used & rows.above)
        self.low[d] = low
        lit = rows.used & ~low
        rows.living |= lit > 0
        zero = (rows.used > 0) & (lit == 0)
        rows.dark |= np.where(zero, Dark.ZERO, np.uint8(0))
        told = rows.breaker > 0
        self.breaker[d] = np.where(told, rows.breaker, self.breaker[d])
        terminal = self.terminal[d] & (told | (rows.used > 0))
        opened = terminal & (self.breaker[d] == 2)
        rows.dark |= np.where(opened, Dark.BREAKER, np.uint8(0))
        rows.living &= ~opened
        rows.living |= terminal & ~opened & ~zero & (rows.breaker == 1)

    def _darken(self, rows: Rows) -> None:
        i = np.flatnonzero(rows.dark)
        d, at, kind = rows.device[i], rows.at[i], rows.dark[i]
        self.failed[d] += (kind & Dark.TARGET_FAILED) > 0
        on, spell, back = self.on_at[d], self.flags[d] & Flag.SPELL > 0, self.back_at[d]
        gasp = kind & Dark.GASP > 0
        fresh = at > on - np.where(gasp, self._tolerance, 0)
        guessed = rows.onset[i] < at
        fresh &= ~guessed | (rows.onset[i] > self.restored_at[d])
        lasting = spell & (back == 0)
        fresh &= lasting | (at > self.dark_last[d])
        onset = np.minimum(np.maximum(rows.onset[i], on + 1), at)

        new = fresh & ~lasting
        k = d[new]
        self.dark_at[k] = self.dark_last[k] = at[new]
        self.onset_at[k] = onset[new]
        self.back_at[k] = 0
        self.kinds[k] = kind[new]
        self.flags[k] |= Flag.SPELL

        more = fresh & lasting
        k = d[more]
        self.dark_at[k] = np.minimum(self.dark_at[k], at[more])
        self.dark_last[k] = np.maximum(self.dark_last[k], at[more])
        self.onset_at[k] = np.minimum(self.onset_at[k], onset[more])
        self.kinds[k] |= kind[more]

    def _enliven(self, rows: Rows) -> None:
        i = np.flatnonzero(rows.living)
        d, at, restore = rows.device[i], rows.at[i], rows.restore[i]
        self.failed[d] = 0
        self.on_at[d] = np.maximum(self.on_at[d], at)
        lit = rows.used[i] > 0
        self.volt_at[d[lit]] = np.maximum(self.volt_at[d[lit]], at[lit])
        self.restored_at[d[restore]] = np.maximum(self.restored_at[d[restore]], at[restore])
        spell = self.flags[d] & Flag.SPELL > 0
        over = spell & ((at > self.dark_last[d]) | (restore & (at > self.onset_at[d])))
        k = d[over]
        back = self.back_at[k]
        self.back_at[k] = np.where(back == 0, at[over], np.minimum(back, at[over]))
        # Still alive between the estimated onset and the first moment surely dark: the onset was later.
        later = spell & ~over & (self.back_at[d] == 0) & (at > self.onset_at[d]) & (at < self.dark_at[d])
        self.onset_at[d[later]] = at[later] + 1
