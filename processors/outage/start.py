"""Starting an outage or a phase loss: who belongs to it from when on, and which smaller ones are part of it."""

from __future__ import annotations

import numpy as np

from gateway.core.clock import SECOND
from gateway.core.inventory import DeviceKind, Inventory
from gateway.core.model import Bools, Change, IncidentKind, Int64s
from gateway.core.network import phase_letters
from processors.outage.book import Book
from processors.outage.evidence import Evidence
from processors.outage.likelihood import lower_median
from processors.outage.settings import OutageSettings
from processors.outage.state import ALL, Dark, Flag, Keys
from processors.outage.story import Story


class Starter:
    """`nested`: key of a device that was still dark when an incident was restored -> that incident."""

    def __init__(
        self, inventory: Inventory, settings: OutageSettings, evidence: Evidence, book: Book
    ) -> None:
        self.inventory = inventory
        self.network = inventory.network
        self.settings = settings
        self.evidence = evidence
        self.book = book
        self.join = round(settings.join_s * SECOND)
        meters = np.flatnonzero((inventory.kind == DeviceKind.METER) & (inventory.node >= 0))
        order = np.argsort(inventory.node[meters], kind="stable")
        self.points: Keys = meters[order]
        nodes = np.arange(len(inventory.network) + 1)
        self.first = np.searchsorted(inventory.node[self.points].astype(np.int64), nodes)
        self.nested: dict[int, str] = {}

    def points_below(self, node: int) -> Keys:
        """Keys of the metering points at and below a node, by node."""
        return self.points[self.first[node] : self.first[node + self.network.size[node]]]

    def begin(
        self,
        node: int,
        below: Keys,
        dark: Keys,
        started: int,
        *,
        phases: int = ALL,
        alive_after: int,
        confidence: float,
        direct_by: str,
        at: int,
        alone: bool = False,
    ) -> None:
        """Open an outage, or a phase loss where some phases remain, with everything below that has a part in it and
        was not shown alive; what it explains is merged into it.

        Direct evidence also takes those whose last outage is restored and not closed yet. `alone`: what else hangs at
        the node or below it has no part in it.
        """
        ev, book = self.evidence, self.book
        name = self.network.ids[node]
        connected = self.inventory.phases[below]
        whole = int(np.bitwise_or.reduce(connected, initial=0)) & ~phases == 0
        kind = IncidentKind.OUTAGE if whole else IncidentKind.PHASE_LOSS
        letters = book.node_phases(name) if whole else phase_letters(phases)
        mask = ALL if whole else phases
        below = below[(connected & phases > 0) & ~self._lost_others(below, mask)]
        told = ev.restored_at[below] > np.maximum(started, ev.told_until[below])
        living = self.alive(below, mask, alive_after) & ~told
        living[np.isin(below, dark)] = False
        owned = book.in_outage(below)
        owners = np.unique(book.owner[below[owned]]).tolist()
        absorbed = [slot for slot in owners if self._part_of(slot, node, mask, started)]
        verifying = [slot for slot in owners if direct_by and book.restored(slot)]
        grown = np.isin(below, dark) & np.isin(
            book.owner[below],
            [slot for slot in owners if book.explains(slot) and book.mask(slot) & mask != mask],
        )
        members = np.sort(
            below[~living & (~owned | grown | np.isin(book.owner[below], absorbed + verifying))]
        )
        held = self._confirmed_at(name, mask)
        if not len(members) and held < 0:
            return
        story = Story(
            id=book.new_id(kind, name if whole else f"{name}|{letters}", at),
            kind=kind,
            node=name,
            phases=letters,
            started_at=started,
            detected_at=at,
            confidence=confidence,
            direct_by=direct_by,
            alone=alone,
            passed=self._indicated(node, started),
        )
        if self.nested:
            above = {self.nested.pop(key) for key in members.tolist() if key in self.nested}
            story.parent = min(above, default="")
        start = self._starts(members, absorbed, started)
        if held >= 0:
            self._grow(held, story)
            story = book.stories[held]
        for slot in absorbed:
            if not book.stories[slot].alone:
                story.started_at = min(story.started_at, book.stories[slot].started_at)
            book.merge(slot, story.id, at)
        for slot in np.unique(book.owner[members[book.in_outage(members)]]).tolist():
            book.leave(slot, members, at)
        self._take(held, story, members, start, at)

    def _lost_others(self, keys: Keys, phases: int) -> Bools:
        """Which of these are dark by evidence of their own, on none of `phases`: that is another loss."""
        ev = self.evidence
        dark = (ev.flags[keys] & Flag.SPELL > 0) & (ev.back_at[keys] == 0) & (ev.kinds[keys] > 0)
        found: Bools = dark & (ev.lost[keys] & np.uint8(phases) == 0)
        return found

    def _confirmed_at(self, name: str, phases: int) -> int:
        """Slot of what a person confirmed at a node, where that has lost these phases and is less; −1 for none."""
        stories = self.book.stories
        mine = (slot for slot in self.book.open_at(name) if stories[slot].confirmed_by)
        return next((slot for slot in mine if self.book.mask(slot) & ~phases == 0), -1)

    def _grow(self, slot: int, found: Story) -> None:
        """What a person confirmed is not merged into what it has grown into: it goes on as that."""
        story = self.book.stories[slot]
        story.alone &= found.alone
        story.phases, story.parent = found.phases, story.parent or found.parent
        story.started_at = min(story.started_at, found.started_at)
        if story.kind is not found.kind:
            self.book.recast(slot, found.kind)
        if found.direct_by and not story.direct_by:
            story.direct_by = found.direct_by

    def start_of(self, dark: Keys, middle: int, phases: int) -> int:
        """When supply was lost, by the evidence of about the same time: the earliest that any of it tells, and where
        nothing but declared waits does, the lower median of those. What a loss of fewer phases accounts for is left
        out: it came before."""
        ev, book = self.evidence, self.book
        slots, owner = np.unique(book.owner[dark], return_inverse=True)
        before = [slot >= 0 and 0 < book.mask(slot) != phases | book.mask(slot) for slot in slots.tolist()]
        dark = dark[~np.array(before, np.bool_)[owner]] if len(dark) else dark
        near = dark[ev.onset_at[dark] >= middle - self.join]
        guessed = ev.kinds[near] & Dark.GUESSED > 0
        told = ~guessed & (ev.kinds[near] & Dark.GASP > 0)
        times = [ev.onset_at[near[~guessed]]]
        if not told.any() and guessed.any():
            times.append(np.array([lower_median(ev.onset_at[near[guessed]])]))
        return int(np.concatenate(times).min()) if len(near) else middle

    def _when(self, keys: Keys, started: int) -> Int64s:
        """When each of these dark devices went off in an outage since `started`: by its own account, if any."""
        ev = self.evidence
        onset = ev.onset_at[keys]
        guess = (ev.kinds[keys] & Dark.GUESSED > 0) & (np.abs(onset - started) <= self.join)
        found: Int64s = np.where(guess, np.maximum(started, ev.on_at[keys] + 1), onset)
        return found

    def alive(self, keys: Keys, phases: int, after: int) -> Bools:
        """Which were shown alive on one of `phases` after a time. Of a point on several phases only voltage tells which
        of them live, and of one whose phases are all in question any sign of life does."""
        ev, s = self.evidence, np.uint8(phases)
        connected = self.inventory.phases[keys]
        lost = np.where(
            (ev.flags[keys] & Flag.SPELL > 0) & (ev.back_at[keys] == 0), ev.lost[keys], np.uint8(0)
        )
        lit = (connected & s & ~lost > 0) & (ev.volt_at[keys] > after)
        found: Bools = lit | ((connected & ~s == 0) & (lost != connected) & (ev.on_at[keys] > after))
        return found

    def _indicated(self, node: int, started: int) -> list[str]:
        """Devices at or above a node that a fault current passed at about this time."""
        return [
            self.inventory.ids[key]
            for key, since in sorted(self.evidence.faulted.items())
            if abs(since - started) <= self.join
            and self.network.is_below(node, int(self.inventory.node[key]))
        ]

    def _part_of(self, slot: int, node: int, phases: int, started: int) -> bool:
        """Whether an outage is open below a node and explained by one of these phases there since `started`. The loss
        of one phase may grow into that of all at any time."""
        book = self.book
        story = book.stories[slot]
        if not book.explains(slot) or not self._within(story.node, node):
            return False
        mask = book.mask(slot)
        if story.alone and story.node == self.network.ids[node]:
            return mask & ~phases == 0  # only one outage can be open at a node
        return mask & ~phases == 0 and (mask != phases or abs(story.started_at - started) <= self.join)

    def _starts(self, members: Keys, absorbed: list[int], started: int) -> Int64s:
        """When each went off: by its own evidence, or as the others. What a phase loss said of it holds on."""
        ev, book = self.evidence, self.book
        spell = ev.flags[members] & Flag.SPELL > 0
        losses = [slot for slot in absorbed if book.stories[slot].kind is IncidentKind.PHASE_LOSS]
        known = spell & (
            (ev.kinds[members] > 0) | (np.isin(book.owner[members], losses) & (ev.back_at[members] == 0))
        )
        seen = np.where(ev.restored_at[members] > started, started, ev.on_at[members] + 1)
        quiet = np.maximum(np.maximum(started, seen), ev.told_until[members])
        return np.where(known, self._when(members, started), quiet)

    def _take(self, held: int, story: Story, members: Keys, start: Int64s, at: int) -> None:
        book = self.book
        for slot in np.unique(book.owner[members]).tolist():
            if slot >= 0:
                mine = book.owner[members] == slot
                book.yield_to(slot, members[mine], start[mine], story.id, at)
        slot = held if held >= 0 else book.add(story)
        book.take_in(slot, members, start)
        book.publish(slot, at, Change.UPDATED if held >= 0 else Change.OPENED)
        book.dirty.add(slot)  # some may be back already

    def join_in(self, slot: int, keys: Keys, at: int) -> None:
        """Dark evidence below a node that is known to be without supply."""
        if not len(keys):
            return
        book, keys = self.book, np.sort(keys)
        story = book.stories[slot]
        start = self._when(keys, story.started_at)
        for other in np.unique(book.owner[keys]).tolist():
            mine = book.owner[keys] == other
            if other >= 0 and book.stories[other].communications:
                book.yield_to(other, keys[mine], start[mine], story.id, at)
            elif other >= 0:
                book.leave(other, keys[mine], at)
        book.take_in(slot, keys, start)
        for key in keys.tolist():
            self.nested.pop(key, None)

    def _within(self, node: str, above: int) -> bool:
        return node in self.network and self.network.is_below(self.network.index(node), above)
