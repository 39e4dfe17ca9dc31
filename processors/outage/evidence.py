"""Entries of the stream as evidence: readings and signals on their way into the state, and who has become silent."""

from __future__ import annotations

import numpy as np

from gateway.core.clock import SECOND
from gateway.core.inventory import DeviceKind, Inventory
from gateway.core.model import GATEWAY, Batch, Bools, Int64s, Signal, SignalKind
from processors.outage.rows import Row, Rows, rows_of_batch
from processors.outage.settings import OutageSettings
from processors.outage.state import FAR, Dark, Flag, Keys, State


class Evidence(State):
    """The state of every device, fed by entries. Signals wait and are folded together: a storm brings many."""

    def __init__(self, inventory: Inventory, settings: OutageSettings) -> None:
        super().__init__(inventory, settings)
        self.concentrator: Bools = inventory.kind == DeviceKind.CONCENTRATOR
        self.listed: Bools = inventory.node >= 0
        self.paths: dict[str, int] = {}
        self.fixed_path: Bools = inventory.via >= 0  # behind a concentrator, or one itself
        self.fixed_path[inventory.via[self.fixed_path]] = True
        self._first_paths()
        self.listening = False
        self.clock_faults: set[int] = set()  # devices whose own time was not believed
        self.ignored = 0  # rows of unknown devices
        self._waiting: list[Row] = []
        self._clock_error = round(settings.max_clock_error_s * SECOND)
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
            free = rows.device[~self.fixed_path[rows.device]]
            self.path[free] = self.path_index(f"source:{batch.source}")
        fast = clean & (self.flags[rows.device] == 0)
        if not fast.all():
            slow_device = np.zeros(len(self.listed), np.bool_)
            slow_device[rows.device[~fast]] = True
            slow = slow_device[rows.device]
            self.fold(rows.take(np.flatnonzero(slow)))
            rows = rows.take(np.flatnonzero(~slow))
        self.steady(rows)

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
        """Fold the signals that wait."""
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            self.fold(Rows.of(waiting))

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
