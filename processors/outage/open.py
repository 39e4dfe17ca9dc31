"""Opening outages: dark evidence below a transformer is judged after its collecting window."""

from __future__ import annotations

import numpy as np

from gateway.core.clock import SECOND
from gateway.core.inventory import DeviceKind, Inventory
from gateway.core.model import Bools, Change, Float64s, IncidentKind, IncidentState, Int64s
from processors.outage.book import Book
from processors.outage.evidence import Evidence
from processors.outage.judge import Candidate, Points, judge, silence_weights
from processors.outage.settings import OutageSettings
from processors.outage.state import Dark, Flag, Keys
from processors.outage.story import Story


class Opener:
    """`pending`: node of an area (a transformer, or where there is none the device's own node) -> tick of its first
    dark evidence. `direct`: key of a terminal with dark evidence -> tick of the first."""

    def __init__(
        self, inventory: Inventory, settings: OutageSettings, evidence: Evidence, book: Book
    ) -> None:
        self.inventory = inventory
        self.network = inventory.network
        self.settings = settings
        self.evidence = evidence
        self.book = book
        self.collecting = round(settings.collecting_s * SECOND)
        self.tolerance = round(settings.clock_tolerance_s * SECOND)
        self.join = round(settings.join_s * SECOND)
        meters = np.flatnonzero((inventory.kind == DeviceKind.METER) & (inventory.node >= 0))
        order = np.argsort(inventory.node[meters], kind="stable")
        self.points: Keys = meters[order]
        nodes = np.arange(len(inventory.network) + 1)
        self.first = np.searchsorted(inventory.node[self.points].astype(np.int64), nodes)
        above = inventory.transformer()
        self.area = np.where(above >= 0, above, inventory.node)
        self.pending: dict[int, int] = {}
        self.direct: dict[int, int] = {}
        self.stirred: set[int] = set()  # areas with something new since they were judged
        self.review: dict[int, int] = {}  # area -> when its undecided points should have spoken
        self.nested: dict[int, str] = {}  # still dark when this incident was restored

    def points_below(self, node: int) -> Keys:
        """Keys of the metering points at and below a node, by node."""
        return self.points[self.first[node] : self.first[node + self.network.size[node]]]

    # -- sorting what was touched ----------------------------------------------------------------------------------

    def sort(self, keys: Keys, at: int) -> None:
        """Take note of dark evidence that no outage explains yet; forget what was contradicted in time."""
        ev = self.evidence
        free = keys[~self.book.in_outage(keys)]
        spell = free[ev.flags[free] & Flag.SPELL > 0]
        back = ev.back_at[spell] > 0
        told = ev.restored_at[spell] > ev.onset_at[spell]  # back by its own message: the outage was real
        gone = back & ~told
        for key in spell[gone].tolist():
            self.nested.pop(key, None)
        ev.flags[spell[gone]] &= ~Flag.SPELL
        dark = spell[~gone & (ev.kinds[spell] > 0)]
        terminal = ev.terminal[dark]
        for key in dark[terminal].tolist():
            self.direct.setdefault(key, at)
        meters = dark[~terminal & (self.inventory.kind[dark] == DeviceKind.METER) & ev.listed[dark]]
        areas = np.unique(self.area[meters]).tolist()
        for area in areas:
            self.pending.setdefault(area, at)
        silent = np.unique(self.area[free[ev.flags[free] & Flag.SILENT > 0]]).tolist()
        self.stirred.update(areas)
        self.stirred.update(area for area in silent if area in self.pending)

    # -- dark evidence ---------------------------------------------------------------------------------------------

    def conclude(self, at: int) -> None:
        late = {area for area, when in self.review.items() if at >= when}
        for area in late:
            del self.review[area]
        ripe = sorted(
            late | {area for area in self.stirred if at - self.pending.get(area, at) >= self.collecting}
        )
        if not ripe:
            return
        self.stirred.difference_update(ripe)
        outer: list[int] = []
        for area in ripe:
            if not outer or not self.network.is_below(area, outer[-1]):
                outer.append(area)
        open_: list[int] = []
        for area in outer:
            slot = self.book.covering(area)
            if slot >= 0:
                self._join(slot, self._fresh(self.points_below(area)), at)
            else:
                open_.append(area)
        if open_:
            self._judge(np.array(open_, np.int64), at)
        for area in ripe:
            if not len(self._fresh(self.points_below(area))):
                self.pending.pop(area, None)

    def _fresh(self, keys: Keys) -> Keys:
        """Dark evidence that no outage explains; also of those that were restored by their own message meanwhile."""
        ev = self.evidence
        spell = keys[(ev.flags[keys] & Flag.SPELL > 0) & (ev.kinds[keys] > 0)]
        return spell[~self.book.in_outage(spell) & ~self.book.aside(spell)]

    def _judge(self, areas: Int64s, at: int) -> None:
        ev, book = self.evidence, self.book
        parts = [self.points_below(area) for area in areas.tolist()]
        keys = np.concatenate(parts)
        of_area = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
        owned = book.in_outage(keys)
        spell = (ev.flags[keys] & Flag.SPELL > 0) & (ev.kinds[keys] > 0)
        aside = self.book.aside(keys)
        fresh = spell & ~owned & ~aside
        inside = owned & ev.is_dark(keys) & self._is_open(keys)
        onset = self._medians(of_area[fresh], ev.dark_at[keys[fresh]], len(parts))
        older = self._medians(of_area[inside], ev.dark_at[keys[inside]], len(parts))
        here = np.where(onset > 0, onset, older)[of_area]
        # What lies in smaller outages of the same time may turn out to be part of a larger one.
        dark = fresh | (inside & (np.abs(ev.onset_at[keys] - here) <= self.join))
        # A restore message without a gasp still says that supply was lost.
        told = ~spell & ~owned & (ev.restored_at[keys] > here) & (here > 0)
        living = ~spell & ~owned & ~told & (ev.on_at[keys] > here + self.tolerance)
        quiet_for = at - ev.last_heard(keys)
        silent = (ev.flags[keys] & Flag.SILENT > 0) | (quiet_for > ev.interval[keys] * 3 // 2)
        silent &= ~dark & ~told & ~living & ev.audible()[keys]
        use = dark | (~owned & (~aside | living))
        points = Points(
            node=self.inventory.node[keys[use]],
            dark=(dark | told)[use],
            kinds=np.where(told, Dark.GASP, ev.kinds[keys])[use],
            failed=ev.failed[keys[use]],
            silence=self._weigh_silence(keys, silent)[use],
            living=living[use],
        )
        for candidate in judge(self.network, areas, points, self.settings):
            self._open(candidate, keys[dark], keys[silent & ~owned], at)
        open_end = ~dark & ~told & ~living & ~silent & ~owned
        for i in np.unique(of_area[open_end]).tolist():
            rest = keys[open_end & (of_area == i)]
            if (dark & (of_area == i)).any() and self.book.covering(int(areas[i])) < 0:
                self.review[int(areas[i])] = at + int(ev.interval[rest].max()) * 3 // 2
        done = self._fresh(keys)
        over = done[ev.back_at[done] > 0]
        ev.flags[over] &= ~Flag.SPELL

    def _weigh_silence(self, keys: Keys, silent: Bools) -> Float64s:
        """Log-likelihood of each point's silence, float64 per key.

        Points are silent each for itself where their path still carries others. Where a whole path is silent, its
        points together weigh as much as the one incident that would have to explain it otherwise.
        """
        ev = self.evidence
        found = np.zeros(len(keys))
        if not silent.any():
            return found
        quiet, alone = silence_weights(self.settings)
        k = keys[silent]
        with_path = ev.path_lives(k)
        path = ev.path[k]
        count = np.bincount(path)[path]
        found[silent] = np.where(with_path, alone, -quiet + self.settings.min_score / count)
        return found

    def _is_open(self, keys: Keys) -> Bools:
        slots, inverse = np.unique(self.book.owner[keys], return_inverse=True)
        state = [
            slot >= 0
            and self.book.stories[slot].state is IncidentState.OPEN
            and not self.book.stories[slot].planned
            for slot in slots.tolist()
        ]
        found: Bools = np.array(state, np.bool_)[inverse]
        return found

    @staticmethod
    def _medians(group: Int64s, values: Int64s, count: int) -> Int64s:
        """Lower median of the values of each group, 0 for an empty one: int64[count]."""
        order = np.lexsort((values, group))
        sizes = np.bincount(group, minlength=count)
        first = np.cumsum(sizes) - sizes
        result = np.zeros(count, np.int64)
        some = sizes > 0
        result[some] = values[order][first[some] + (sizes[some] - 1) // 2]
        return result

    def _open(self, candidate: Candidate, dark: Keys, silent: Keys, at: int) -> None:
        ev, book, node = self.evidence, self.book, candidate.node
        below = self.points_below(node)
        if candidate.alone:
            below = below[self.inventory.node[below] == node]
        dark = below[np.isin(below, dark)]
        fresh = dark[~book.in_outage(dark)]
        if not len(fresh) and not np.isin(below, silent).any():
            return  # nothing that is not told already
        slot = book.at_node.get(self.network.ids[node], -1)
        if slot >= 0:
            self._join(slot, fresh, at)
            return
        middle = int(self._medians(np.zeros(len(dark), np.int64), ev.dark_at[dark], 1)[0])
        near = ev.onset_at[dark]
        started = int(near[near >= middle - self.join].min(initial=middle))
        self.begin(
            node,
            below[np.isin(below, dark)] if candidate.alone else below,
            dark,
            started,
            alive_after=middle + self.tolerance,
            confidence=candidate.confidence,
            direct_by="",
            at=at,
        )

    def begin(
        self,
        node: int,
        below: Keys,
        dark: Keys,
        started: int,
        *,
        alive_after: int,
        confidence: float,
        direct_by: str,
        at: int,
    ) -> None:
        """Open an outage with everything below that was not shown alive; what it explains is merged into it.

        Direct evidence also takes those whose last outage is restored and not closed yet.
        """
        ev, book = self.evidence, self.book
        name = self.network.ids[node]
        living = (ev.on_at[below] > alive_after) & (ev.restored_at[below] <= started)
        living[np.isin(below, dark)] = False
        owned = book.in_outage(below)
        owners = np.unique(book.owner[below[owned]]).tolist()
        absorbed = [
            slot
            for slot in owners
            if book.stories[slot].state is IncidentState.OPEN
            and not book.stories[slot].planned
            and abs(book.stories[slot].started_at - started) <= self.join
            and self._within(book.stories[slot].node, node)
        ]
        verifying = [
            slot for slot in owners if direct_by and book.stories[slot].state is IncidentState.RESTORED
        ]
        members = below[~living & (~owned | np.isin(book.owner[below], absorbed + verifying))]
        members = np.sort(members)
        if not len(members):
            return
        story = Story(
            id=book.new_id(IncidentKind.OUTAGE, name, at),
            kind=IncidentKind.OUTAGE,
            node=name,
            phases=book.node_phases(name),
            started_at=started,
            detected_at=at,
            confidence=confidence,
            direct_by=direct_by,
        )
        above = (
            {self.nested.pop(key) for key in members.tolist() if key in self.nested} if self.nested else ()
        )
        story.parent = min(above, default="")
        for slot in verifying:
            book.leave(slot, members, at)
        for slot in absorbed:
            story.started_at = min(story.started_at, book.stories[slot].started_at)
            book.merge(slot, story.id, at)
        evident = (ev.kinds[members] > 0) & (ev.flags[members] & Flag.SPELL > 0)
        seen = np.where(ev.restored_at[members] > started, started, ev.on_at[members] + 1)
        start = np.where(evident, ev.onset_at[members], np.maximum(started, seen))
        self._take(story, members, start, at)

    def _take(self, story: Story, members: Keys, start: Int64s, at: int) -> None:
        book = self.book
        for slot in np.unique(book.owner[members]).tolist():
            if slot >= 0:
                mine = book.owner[members] == slot
                book.yield_to(slot, members[mine], start[mine], story.id, at)
        slot = book.add(story)
        book.take_in(slot, members, start)
        book.publish(slot, at, Change.OPENED)
        book.dirty.add(slot)  # some may be back already

    def _join(self, slot: int, keys: Keys, at: int) -> None:
        """Dark evidence below a node that is known to be without supply."""
        if not len(keys):
            return
        book, keys = self.book, np.sort(keys)
        story = book.stories[slot]
        start = self.evidence.onset_at[keys]
        for other in np.unique(book.owner[keys]).tolist():
            if other >= 0:
                mine = book.owner[keys] == other
                book.yield_to(other, keys[mine], start[mine], story.id, at)
        book.take_in(slot, keys, start)
        for key in keys.tolist():
            self.nested.pop(key, None)

    def _within(self, node: str, above: int) -> bool:
        return node in self.network and self.network.is_below(self.network.index(node), above)
