"""What each device has shown: when it last had supply, since when it is dark and by what, and how silent it is.

One row per device key, held in columns. Entries are folded in the order of the stream, so the state does not depend
on how they were cut into batches. Rows of devices that are well take a path of array operations that commute; the few
others are folded in rounds in which each device occurs once.

Times are µs UTC, 0 for never. Event times (`on_at`, `dark_at` …) are by the device's account where it is plausible;
`heard_at`, `on_here`, `flap_at` and `due_at` are times of reception.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from gateway.core.clock import SECOND
from gateway.core.inventory import DeviceKind, Inventory
from gateway.core.model import Bools, Int32s, Int64s
from processors.outage.rows import Rows
from processors.outage.settings import OutageSettings

UInt8s: TypeAlias = npt.NDArray[np.uint8]
Keys: TypeAlias = npt.NDArray[np.int64]

FAR = np.int64(1) << 62
"""A deadline that never comes."""

ALL = 7  # phases

_FLAPS = 2  # contradicted gasps from which a device flaps


class Dark:
    """Bits of `kinds`: by what a device is known dark; 0 while it is only inferred from its neighbours."""

    GASP = np.uint8(1)
    ZERO = np.uint8(2)  # measured: connected phases below `off_below`
    TARGET_FAILED = np.uint8(4)
    BREAKER = np.uint8(8)  # a terminal's breaker is open
    ADOPTED = np.uint8(16)  # taken over from the database
    DOUBTED = np.uint8(32)  # a gasp of a device that keeps gasping while it has supply
    GUESSED = np.uint8(64)  # beside GASP: nothing but the declared wait tells when supply was lost
    RESTORED = np.uint8(128)  # told afterwards, by its restore message
    STRONG = np.uint8(1 | 2 | 16)  # each enough by itself


class Flag:
    """Bits of `flags`: why a device needs more than the fast path."""

    SPELL = np.uint8(1)  # a dark spell is open, or over and not yet accounted for
    SILENT = np.uint8(2)
    MEMBER = np.uint8(4)  # belongs to an open incident
    LOW = np.uint8(8)  # at least one phase is off
    TERMINAL = np.uint8(16)
    CLOCK = np.uint8(32)  # its own time was not believed the last time
    FLAPPING = np.uint8(64)  # its gasps were contradicted again and again
    EXCUSED = np.uint8(
        128
    )  # a person said that what it shows is no loss; until it shows supply, or something else


COLUMNS: dict[str, type[np.generic]] = {
    "heard_at": np.int64,  # last heard, by reception
    "heard_from": np.int64,  # since when it could have been heard
    "due_at": np.int64,  # silent when nothing is heard by then
    "on_at": np.int64,  # last shown to have supply
    "on_here": np.int64,  # last shown to have supply by what carries no time of the device's own
    "gasped_at": np.int64,  # what time the last gasp gave for itself
    "flap_at": np.int64,  # last reading that contradicted a gasp
    "volt_at": np.int64,  # last reading with voltage
    "restored_at": np.int64,  # last restore message, by its own time
    "onset_at": np.int64,  # estimated start of the dark spell
    "dark_at": np.int64,  # first moment surely dark
    "dark_last": np.int64,  # last moment surely dark; outlives the spell, so that repeats are known
    "back_at": np.int64,  # first shown to have supply after `dark_last`, 0 while dark
    "told_until": np.int64,  # up to here an outage that is closed accounts for it
    "polls": np.int32,  # unanswered polls in a row
    "failed": np.int32,  # exceptions 0x0B in a row
    "session": np.int32,  # source it was last heard through, as an index of `paths`
    "flaps": np.int32,  # contradicted gasps, none further from the next than `flapping_s`
    "kinds": np.uint8,  # of Dark
    "lost": np.uint8,  # mask of phases without supply in the dark spell
    "low": np.uint8,  # mask of phases that are off by voltage
    "seen": np.uint8,  # mask of phases it ever measured
    "breaker": np.uint8,  # 0 not known, 1 closed, 2 open
    "flags": np.uint8,  # of Flag
}


class State:
    """The columns and how rows of evidence change them. `touched` marks keys about which something may be concluded
    at the next tick; `next_due` is no later than the first deadline of a device that is not silent yet."""

    heard_at: Int64s
    heard_from: Int64s
    due_at: Int64s
    on_at: Int64s
    on_here: Int64s
    gasped_at: Int64s
    flap_at: Int64s
    volt_at: Int64s
    restored_at: Int64s
    onset_at: Int64s
    dark_at: Int64s
    dark_last: Int64s
    back_at: Int64s
    told_until: Int64s
    polls: Int32s
    failed: Int32s
    session: Int32s
    flaps: Int32s
    kinds: UInt8s
    lost: UInt8s
    low: UInt8s
    seen: UInt8s
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
        self.interval: Int64s = np.maximum(inventory.interval_s.astype(np.int64), 1) * SECOND
        self.patience: Int64s = (self.interval * settings.silence_intervals).astype(np.int64)
        self.touched: Bools = np.zeros(n, np.bool_)
        self.next_due = int(FAR)
        self._tolerance = round(settings.clock_tolerance_s * SECOND)
        self._clock_error = round(settings.max_clock_error_s * SECOND)
        self._gasp_wait = round(settings.last_gasp_wait_s * SECOND)
        self._flapping = round(settings.flapping_s * SECOND)

    def steady(self, rows: Rows) -> None:
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
        if (rows.used & ~self.seen[d]).any():
            np.bitwise_or.at(self.seen, d, rows.used)
        np.maximum.at(self.on_at, d, rows.at)
        np.maximum.at(self.volt_at, d, rows.at)
        if not rows.timed.all():
            here = ~rows.timed
            np.maximum.at(self.on_here, d[here], rows.at[here])

    def fold(self, rows: Rows) -> None:
        for part in rows.rounds():
            self._hear(part)
            self._date(part)
            self._judge_voltage(part)
            self._darken(part)
            self._enliven(part)
            flags = self.flags[part.device]
            low = self.low[part.device] > 0
            self.flags[part.device] = np.where(low, flags | Flag.LOW, flags & ~Flag.LOW)
            self.touched[part.device] |= (flags & (Flag.SPELL | Flag.SILENT | Flag.MEMBER)) > 0

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
        self._could_be_heard(d, received)
        self.polls[d] += 1
        full = self.polls[d] >= self.settings.silence_polls
        self._expect(d[full], received[full])
        i = np.flatnonzero(rows.lost)
        d = rows.device[i]
        self._could_be_heard(d, rows.received[i])
        self._expect(d, rows.received[i] + self.interval[d])

    def _could_be_heard(self, devices: Keys, received: Int64s) -> None:
        """Its silence was noticed, so it was expected from then on at the latest."""
        never = (self.heard_at[devices] == 0) & (self.heard_from[devices] == 0)
        self.heard_from[devices[never]] = received[never]

    def _expect(self, devices: Keys, by: Int64s) -> None:
        """Silent when not heard by then, or earlier where that was so before."""
        self.due_at[devices] = np.minimum(self.due_at[devices], by)
        self.next_due = min(self.next_due, int(by.min(initial=FAR)))

    def _date(self, rows: Rows) -> None:
        """By whose clock each row counts: the device's where its time is plausible, else by reception.

        Not plausible is a time before a sign of life that came earlier and was itself dated by reception: the clock
        is slow. While a device's clock is at fault its readings are held to the same.
        """
        d, at, received = rows.device, rows.at, rows.received
        fault = self.flags[d] & Flag.CLOCK > 0
        asked = rows.timed & (fault | (rows.earliest > 0))
        gasp = rows.dark & Dark.GASP > 0
        if asked.any():
            earliest = np.where(rows.earliest > 0, rows.earliest, received - self._clock_error)
            known = np.where(fault, np.maximum(self.on_here[d], self.dark_last[d]), self.on_here[d])
            plausible = (
                (at <= received + self._tolerance) & (at >= earliest) & (at >= known - self._tolerance)
            )
            wrong = asked & ~plausible
            flags = self.flags[d]
            self.flags[d] = np.where(wrong, flags | Flag.CLOCK, np.where(asked, flags & ~Flag.CLOCK, flags))
            # The same gasp once more; nobody who believes its time needs this.
            again = (
                wrong & gasp & (at == self.gasped_at[d]) & (received <= self.dark_last[d] + self._clock_error)
            )
            rows.dark[again] &= ~Dark.GASP
            self.gasped_at[d] = np.where(gasp & asked, at, self.gasped_at[d])
            rows.timed = rows.timed & ~wrong
            rows.at = np.where(wrong, received, np.minimum(at, received))
        flapping = self.flags[d] & Flag.FLAPPING > 0
        if flapping.any():
            steady = flapping & (received > self.flap_at[d] + self._flapping)
            self.flags[d[steady]] &= ~Flag.FLAPPING
            doubted = flapping & ~steady & (rows.dark & Dark.GASP > 0)
            rows.dark[doubted] = rows.dark[doubted] & ~Dark.GASP | Dark.DOUBTED

    def _judge_voltage(self, rows: Rows) -> None:
        """Hysteresis per phase; decides for rows with voltage or a breaker state which phases they show supply on.

        The phases a device measures stand for all it is connected to. A reading older than the last one with voltage
        changes no hysteresis.
        """
        d = rows.device
        connected = self.inventory.phases[d]
        self._place_single(rows, connected)
        self.seen[d] |= rows.used
        low = (self.low[d] | (rows.used & rows.below)) & ~(rows.used & rows.above)
        self.low[d] = np.where(rows.at < self.volt_at[d], self.low[d], low)
        rows.living |= (rows.used > 0) & (low == 0)
        rows.dark |= np.where(rows.used & low, Dark.ZERO, np.uint8(0))
        all_low = connected & self.seen[d] & ~low == 0
        rows.phases = np.where(all_low, np.uint8(0), low)
        told = rows.breaker > 0
        self.breaker[d] = np.where(told, rows.breaker, self.breaker[d])
        terminal = self.terminal[d] & (told | (rows.used > 0))
        opened = terminal & (self.breaker[d] == 2)
        rows.dark |= np.where(opened, Dark.BREAKER, np.uint8(0))
        rows.phases[opened] = 0
        rows.living &= ~opened
        rows.living |= terminal & ~opened & (low == 0) & (rows.breaker == 1)

    @staticmethod
    def _place_single(rows: Rows, connected: UInt8s) -> None:
        """A meter that measures its phase under another's name: what it measured is all it is connected to."""
        other = (rows.used > 0) & (rows.used & connected == 0)
        if other.any():
            above = rows.used & rows.above > 0
            below = rows.used & ~rows.below == 0
            rows.above = np.where(other, np.where(above, connected, 0), rows.above).astype(np.uint8)
            rows.below = np.where(other, np.where(below, connected, 0), rows.below).astype(np.uint8)
            rows.used = np.where(other, connected, rows.used).astype(np.uint8)

    def _darken(self, rows: Rows) -> None:
        i = np.flatnonzero(rows.dark)
        d, at, kind = rows.device[i], rows.at[i], rows.dark[i]
        phases = np.where(rows.phases[i] > 0, rows.phases[i], self.inventory.phases[d])
        failed = kind & Dark.TARGET_FAILED > 0
        row = at <= self.dark_last[d] + self.patience[d]  # unless the concentrator was silent meanwhile
        self.failed[d] = np.where(failed, np.where(row, self.failed[d], 0) + 1, self.failed[d])
        on, spell, back = self.on_at[d], self.flags[d] & Flag.SPELL > 0, self.back_at[d]
        gasp = kind & (Dark.GASP | Dark.DOUBTED) > 0
        fresh = at > on - np.where(gasp, self._tolerance, 0)
        guessed = gasp & ~rows.timed[i]
        kind |= np.where(guessed & (kind & Dark.GASP > 0), Dark.GUESSED, np.uint8(0))
        since = at - np.where(guessed, self._gasp_wait, 0)
        fresh &= ~guessed | (since > self.restored_at[d])
        lasting = spell & (back == 0)
        fresh &= lasting | (at > self.dark_last[d])
        excused = self.flags[d] & Flag.EXCUSED > 0
        if excused.any():
            fresh &= ~self._as_it_was(d, at, kind, phases, excused)
        onset = np.minimum(np.maximum(since, on + 1), at)

        new = fresh & ~lasting
        k = d[new]
        self.dark_at[k] = self.dark_last[k] = at[new]
        self.onset_at[k] = onset[new]
        self.back_at[k] = 0
        self.kinds[k] = kind[new]
        self.lost[k] = phases[new]
        self.flags[k] = self.flags[k] & ~Flag.EXCUSED | Flag.SPELL

        more = fresh & lasting
        k, at, kind, phases = d[more], at[more], kind[more], phases[more]
        grown = (
            phases & ~self.lost[k] > 0
        )  # surely dark on these only now; interrupted since the first was lost
        measured = (kind == Dark.ZERO) & (at > self.dark_last[k])  # tells what is dark and what is not
        self.lost[k] = np.where(measured, phases, self.lost[k] | phases)
        self.dark_at[k] = np.where(grown & (self.kinds[k] > 0), at, np.minimum(self.dark_at[k], at))
        self.dark_last[k] = np.maximum(self.dark_last[k], at)
        onset, sure = onset[more], kind & Dark.GUESSED == 0
        better = sure & (self.kinds[k] & Dark.GUESSED > 0) & (kind & Dark.GASP > 0)
        self.onset_at[k] = np.where(better, onset, np.minimum(self.onset_at[k], onset))
        still = (self.kinds[k] == 0) | (self.kinds[k] & Dark.GUESSED > 0)
        kinds = self.kinds[k] | kind
        self.kinds[k] = np.where(still & ~better, kinds, kinds & ~Dark.GUESSED)

    def _as_it_was(self, d: Keys, at: Int64s, kind: UInt8s, phases: UInt8s, excused: Bools) -> Bools:
        """Rows of excused devices that merely say again what they were excused for; a gasp tells of a new loss."""
        same: Bools = excused & (kind & (Dark.GASP | Dark.DOUBTED) == 0) & (phases & ~self.lost[d] == 0)
        measured = same & (kind == Dark.ZERO) & (at > self.dark_last[d])  # what is not among these is back
        self.lost[d[measured]] = phases[measured]
        return same

    def _enliven(self, rows: Rows) -> None:
        i = np.flatnonzero(rows.living)
        d, at, restore = rows.device[i], rows.at[i], rows.restore[i]
        self._alive(d, at, rows.timed[i])
        self.flags[d[(self.flags[d] & Flag.EXCUSED > 0) & (at > self.dark_last[d])]] &= ~Flag.EXCUSED
        lit = rows.used[i] > 0
        self.volt_at[d[lit]] = np.maximum(self.volt_at[d[lit]], at[lit])
        self.restored_at[d[restore]] = np.maximum(self.restored_at[d[restore]], at[restore])
        spell = self.flags[d] & Flag.SPELL > 0
        over = spell & ((at > self.dark_last[d]) | (restore & (at > self.onset_at[d])))
        self._contradict(d, rows.received[i], over & lit & ~restore & (self.back_at[d] == 0))
        k = d[over]
        back = self.back_at[k]
        self.back_at[k] = np.where(back == 0, at[over], np.minimum(back, at[over]))
        # Still alive between the estimated onset and the first moment surely dark: the onset was later.
        later = spell & ~over & (self.back_at[d] == 0) & (at > self.onset_at[d]) & (at < self.dark_at[d])
        self.onset_at[d[later]] = at[later] + 1

        part = np.flatnonzero(
            (rows.used & ~self.low[rows.device] > 0) & ~rows.living & (rows.dark & Dark.BREAKER == 0)
        )
        d, at = rows.device[part], rows.at[part]
        self._alive(d, at, rows.timed[part])
        self.volt_at[d] = np.maximum(self.volt_at[d], at)

    def _alive(self, devices: Keys, at: Int64s, timed: Bools) -> None:
        """Supply on some phase at least."""
        self.failed[devices] = 0
        self.on_at[devices] = np.maximum(self.on_at[devices], at)
        here = ~timed
        self.on_here[devices[here]] = np.maximum(self.on_here[devices[here]], at[here])

    def _contradict(self, devices: Keys, received: Int64s, ended: Bools) -> None:
        """Count gasps that nothing but a reading followed; a device with several of them flaps."""
        gasp = self.kinds[devices] & ~(Dark.GASP | Dark.DOUBTED | Dark.GUESSED) == 0
        which = ended & gasp & (self.kinds[devices] > 0)
        k, at = devices[which], received[which]
        self.flaps[k] = np.where(at <= self.flap_at[k] + self._flapping, self.flaps[k] + 1, 1)
        self.flap_at[k] = at
        self.flags[k[self.flaps[k] >= _FLAPS]] |= Flag.FLAPPING
