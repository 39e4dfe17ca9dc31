"""Announced outages: what falls inside a window is planned, what outlasts or exceeds it is a fault."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gateway.core.clock import SECOND
from gateway.core.model import Bools, Change, IncidentKind, IncidentState, PlannedOutage
from processors.outage.book import Book
from processors.outage.evidence import Evidence
from processors.outage.follow import Follower
from processors.outage.likelihood import lower_median
from processors.outage.open import Opener
from processors.outage.planned import Key
from processors.outage.settings import OutageSettings
from processors.outage.state import Dark, Flag, Keys
from processors.outage.story import Story

_PRIOR = 3.0  # ln 20: of twenty announced outages one does not take place
_CONFIDENCE = 0.95
_MUTE = 0.8  # confidence of an outage that rests on silence beside living neighbours alone

OPEN = IncidentState.OPEN


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """What the metering points below a node show, each of length m, in the order of `Opener.points_below`."""

    dark: Bools
    living: Bools
    quiet: Bools  # said nothing, and need not have by now


class Announced:
    """`waiting`: window -> tick of its first evidence that is not told yet; `review`: window -> when points that have
    not been due before should have spoken."""

    def __init__(
        self, settings: OutageSettings, evidence: Evidence, book: Book, opener: Opener, follower: Follower
    ) -> None:
        self.settings = settings
        self.evidence = evidence
        self.book = book
        self.opener = opener
        self.follower = follower
        self.plans = book.plans
        self.grace = round(settings.planned_grace_s * SECOND)
        self.quiet = -math.log((1 - settings.delivery_rate) / (1 - settings.false_rate))
        self.waiting: dict[Key, int] = {}
        self.review: dict[Key, int] = {}

    def turn(self, at: int) -> None:
        self.plans.turn(at, {_key(story) for _, story in self._stories()})

    def sort(self, keys: Keys, at: int) -> None:
        """Take note of dark evidence inside windows, and of silence where an announced outage is open."""
        if not self.plans:
            return
        ev = self.evidence
        free = keys[(ev.flags[keys] & (Flag.SPELL | Flag.SILENT) > 0) & ~self.book.in_outage(keys)]
        free = free[ev.listed[free]]
        dark = (ev.flags[free] & Flag.SPELL > 0) & (ev.kinds[free] > 0)
        where = self.plans.cover(
            self.book.inventory.node[free], np.where(dark, ev.onset_at[free], self.plans.at)
        )
        for place in np.unique(where[dark & (where >= 0)]).tolist():
            self.waiting.setdefault(_key_of(self.plans.ranked(place)), at)
        told = {_key(story) for _, story in self._stories()}
        for place in np.unique(where[~dark & (where >= 0)]).tolist():
            if (key := _key_of(self.plans.ranked(place))) in told:
                self.waiting.setdefault(key, at - self.opener.collecting)

    def conclude(self, at: int) -> None:
        if self.plans.changed:
            self.plans.changed = False
            self._rethink(at)
        if self.plans:
            self._direct(at)
        due = {key for key, since in self.waiting.items() if at - since >= self.opener.collecting}
        due |= {key for key, when in self.review.items() if at >= when}
        for key in sorted(due):
            self.waiting.pop(key, None)
            self.review.pop(key, None)
            if (window := self.plans.get(*key)) is not None:
                self._judge(window, at)
        for slot, story in self._stories():
            if story.state is OPEN and at >= story.planned_to + self.grace:
                self._end(slot, story, at)

    def _stories(self) -> list[tuple[int, Story]]:
        return [(slot, story) for slot, story in self.book.stories.items() if story.planned]

    def _slot(self, window: PlannedOutage) -> int:
        """Slot of what is told of a window already, −1 for nothing."""
        found = [slot for slot, story in self._stories() if _key(story) == _key_of(window)]
        return min(found, key=lambda slot: (self.book.stories[slot].state is not OPEN, slot), default=-1)

    # -- inside ----------------------------------------------------------------------------------------------------

    def _judge(self, window: PlannedOutage, at: int) -> None:
        ev, book, network = self.evidence, self.book, self.book.network
        top, slot = network.index(window.node), self._slot(window)
        keys = self.opener.points_below(top)
        mine = (book.owner[keys] == slot) & (slot >= 0)
        free = ~book.in_outage(keys)
        dark = (ev.flags[keys] & Flag.SPELL > 0) & (ev.kinds[keys] > 0) & (free | mine)
        within = self.plans.cover(book.inventory.node[keys], ev.onset_at[keys]) >= 0
        told = ev.restored_at[keys] > ev.onset_at[keys]
        dark &= within & ((ev.back_at[keys] == 0) | told)
        if not (dark & free).any() and slot < 0:
            return
        onset = lower_median(ev.dark_at[keys[dark]]) if dark.any() else at
        living = ~dark & (ev.on_at[keys] > onset + book.tolerance)
        silent = (ev.flags[keys] & Flag.SILENT > 0) | (at - ev.last_heard(keys) > ev.interval[keys] * 3 // 2)
        quiet = ~dark & ~living & ~silent
        nodes = list(self._explain(top, top, Shown(dark, living, quiet)))
        part = np.zeros(len(keys), np.bool_)
        for node in nodes:
            part |= _below(network.subtree(node), book.inventory.node[keys])
        members = free & ((part & ~living) | dark)
        if quiet.any():
            self.review[_key_of(window)] = at + int(ev.interval[keys[quiet]].max()) * 3 // 2
        if not members.any():
            return
        place = network.lowest_above([*nodes, *np.unique(book.inventory.node[keys[members & dark]]).tolist()])
        self._tell(window, place, keys[members], at)

    def _explain(self, top: int, node: int, shown: Shown) -> Iterator[int]:
        """The highest nodes at or below `node` that explain what is dark and contain nothing that lives."""
        first = self.opener.first
        of = slice(
            int(first[node] - first[top]), int(first[node + self.book.network.size[node]] - first[top])
        )
        count = int(np.count_nonzero(shown.dark[of]))
        if not count:
            return
        cost = self.quiet * int(np.count_nonzero(shown.quiet[of]))
        if not shown.living[of].any() and count * self.settings.min_score + _PRIOR >= cost:
            yield node
            return
        child, end = node + 1, node + int(self.book.network.size[node])
        while child < end:
            yield from self._explain(top, child, shown)
            child += int(self.book.network.size[child])

    def _tell(self, window: PlannedOutage, node: int, keys: Keys, at: int, *, direct_by: str = "") -> None:
        """Open an announced outage with these members, or take them into the one that is there."""
        slot = self._slot(window)
        ev, book, network = self.evidence, self.book, self.book.network
        evident = (ev.kinds[keys] > 0) & (ev.flags[keys] & Flag.SPELL > 0)
        first = int(ev.onset_at[keys[evident]].min(initial=at))
        new = slot < 0
        if new:
            name = network.ids[node]
            story = Story(
                id=book.new_id(IncidentKind.PLANNED_OUTAGE, f"{name}|{window.reference}", at),
                kind=IncidentKind.PLANNED_OUTAGE,
                node=name,
                phases=book.node_phases(name),
                started_at=first,
                detected_at=at,
                confidence=_CONFIDENCE,
                direct_by=direct_by,
            )
            _name(story, window)
            slot = book.add(story)
        story = book.stories[slot]
        if story.node in network:
            place = network.lowest_above([node, network.index(story.node)])
            if network.ids[place] != story.node:
                story.node, story.phases = network.ids[place], book.node_phases(network.ids[place])
        if story.state is not OPEN:
            self.follower.reopen_planned(slot, at)
        since = max(story.started_at, min(first, at)) if new else min(first, at)
        start = np.where(evident, ev.onset_at[keys], np.maximum(since, ev.on_at[keys] + 1))
        book.draw(slot, keys, np.minimum(start, at), at)
        above = {self.opener.nested.pop(key) for key in keys.tolist() if key in self.opener.nested}
        story.parent = story.parent or min(above - {story.id}, default="")
        story.started_at = min(story.started_at, int(story.start.min()))
        if new:
            book.publish(slot, at, Change.OPENED)
        book.dirty.add(slot)

    def _direct(self, at: int) -> None:
        """A terminal inside a window that reports a dead busbar or an open breaker: what was announced took place."""
        ev, book = self.evidence, self.book
        for key in sorted(self.opener.direct):
            node = int(book.inventory.node[key])
            if node < 0 or ev.back_at[key] or not ev.flags[key] & Flag.SPELL:
                continue
            place = int(self.plans.cover(np.array([node]), ev.onset_at[[key]])[0])
            if place < 0:
                continue
            del self.opener.direct[key]
            below = self.opener.points_below(node)
            living = (ev.on_at[below] > ev.dark_at[key] + book.tolerance) & ~ev.is_dark(below)
            keys = below[~living & ~book.in_outage(below)]
            if not len(keys) or living.any():
                continue
            window = self.plans.ranked(place)
            self._tell(window, node, keys, at, direct_by=book.inventory.ids[key])

    # -- windows that change ---------------------------------------------------------------------------------------

    def _rethink(self, at: int) -> None:
        ev, book = self.evidence, self.book
        for slot, story in list(book.stories.items()):
            if story.planned:
                self._hold(slot, story, at)
            elif story.kind is IncidentKind.OUTAGE:
                self._turn_planned(slot, story, at)
        self.sort(np.flatnonzero((ev.flags & Flag.SPELL > 0) & (ev.kinds > 0)), at)

    def _hold(self, slot: int, story: Story, at: int) -> None:
        """Whether a window still announces it; else it is an outage like any other, at once."""
        window = self.plans.get(story.reference, story.planned_node)
        if window is None or not self.plans.within(window, story.node, story.started_at):
            window = self.plans.window_of(story.node, story.started_at)
        if window is not None:
            if _name(story, window):
                self.book.publish(slot, at, Change.UPDATED)
            return
        _name(story, None)
        there = self.book.at_node.get(story.node, -1)
        if story.state is OPEN and there >= 0:  # a place cannot lose its supply twice at once
            keys = story.keys[story.off]
            start = story.start[story.off]
            self.book.merge(slot, self.book.stories[there].id, at)
            self.book.draw(there, keys, start, at)
            return
        self.book.recast(slot, IncidentKind.OUTAGE)
        self.book.publish(slot, at, Change.UPDATED)

    def _turn_planned(self, slot: int, story: Story, at: int) -> None:
        """An outage that a late announcement explains. Where it was taken for larger than what was announced, and
        nobody outside it has shown to be dark, it is that small."""
        ev, book, network = self.evidence, self.book, self.book.network
        window = self.plans.window_of(story.node, story.started_at)
        if window is None:
            evident = story.keys[(ev.kinds[story.keys] > 0) & (ev.flags[story.keys] & Flag.SPELL > 0)]
            places = np.unique(self.plans.cover(book.inventory.node[evident], ev.onset_at[evident]))
            if story.direct_by or len(places) != 1 or places[0] < 0:
                return
            window = self.plans.ranked(int(places[0]))
            top = network.index(window.node)
            outside = ~_below(network.subtree(top), book.inventory.node[story.keys])
            book.recast(slot, IncidentKind.PLANNED_OUTAGE)
            story.node, story.phases = window.node, book.node_phases(window.node)
            if outside.any():
                keys = story.keys[outside]
                book.leave(slot, keys, at)
                book.release(keys)
        else:
            book.recast(slot, IncidentKind.PLANNED_OUTAGE)
        _name(story, window)
        book.publish(slot, at, Change.UPDATED)

    # -- after the end ---------------------------------------------------------------------------------------------

    def _shown_dark(self, story: Story) -> Bools:
        """Members off that are dark after the announced end, bool[m]: by evidence of their own, however old, and with
        them all in whose branch nobody has supply; or because nothing is heard of them while others on their path
        are heard."""
        ev, k = self.evidence, story.keys
        heard = ev.heard_through()[ev.path[k]]
        own = story.off & ev.is_dark(k)
        off, top = self.follower.remainder.branches(story, story.started_at)
        own[off] |= np.isin(top, np.unique(top[own[off]]))
        mute = (ev.heard_at[k] <= story.planned_to) & (heard > story.planned_to)
        mute &= ev.audible()[k]
        found: Bools = story.off & (own | mute)
        return found

    def _end(self, slot: int, story: Story, at: int) -> None:
        ev, book = self.evidence, self.book
        off = story.off
        waits = max(self.grace, int(ev.interval[story.keys[off]].max(initial=0)) * 3 // 2)
        if at < story.planned_to + waits:
            return
        window = self.plans.window_of(story.node, story.planned_to)
        if window is not None and window.ends_at > story.planned_to:  # one follows upon the other
            _name(story, window)
            book.publish(slot, at, Change.UPDATED)
            return
        shown = self._shown_dark(story)
        own = ev.is_dark(story.keys)
        keys, unknown = story.keys[shown], story.keys[off & ~shown]
        sure = bool((shown & own).any())
        end = np.maximum(story.planned_to, story.start)
        story.end = np.where(off, end, story.end)
        story.outlasted = len(keys)
        story.restored_at = int(story.end.max())
        alive = np.isin(self.opener.points, story.keys[~off])
        book.finish(slot, at, IncidentState.CLOSED)
        ev.flags[unknown] &= ~Flag.SPELL
        ev.heard_from[unknown] = np.maximum(ev.heard_from[unknown], story.planned_to)
        if len(keys):
            self._outlast(story, keys, alive, sure, at)

    def _outlast(self, planned: Story, keys: Keys, alive: Bools, sure: bool, at: int) -> None:
        """`keys` stay dark for another reason than the announced one, from its end on: outages of their own."""
        ev, book, network = self.evidence, self.book, self.book.network
        since = planned.planned_to
        self._date(keys, since)
        top = (
            network.index(planned.node)
            if planned.node in network
            else network.lowest_above(_nodes(book, keys))
        )
        below = self.opener.points_below(top)
        inside = alive[self.opener.first[top] : self.opener.first[top + network.size[top]]]
        dark = np.isin(below, keys)
        living = (inside | (ev.on_at[below] > since)) & ~dark
        nodes = list(self._explain(top, top, Shown(dark, living, np.zeros(len(below), np.bool_))))
        nodes = [self._lowest(node, below[dark]) for node in nodes]
        for node in [*nodes, *_nodes(book, keys)]:
            at_it = keys[_below(network.subtree(node), book.inventory.node[keys]) & (book.owner[keys] < 0)]
            if not len(at_it):
                continue
            slot, name = book.covering(node), network.ids[node]
            if slot < 0:
                slot = book.add(
                    Story(
                        id=book.new_id(IncidentKind.OUTAGE, name, at),
                        kind=IncidentKind.OUTAGE,
                        node=name,
                        phases=book.node_phases(name),
                        started_at=since,
                        detected_at=at,
                        parent=planned.id,
                        confidence=_CONFIDENCE if sure else _MUTE,
                    )
                )
                book.take_in(slot, at_it, np.full(len(at_it), since, np.int64))
                book.publish(slot, at, Change.OPENED)
            else:
                book.draw(slot, at_it, np.full(len(at_it), since, np.int64), at)

    def _lowest(self, node: int, keys: Keys) -> int:
        """The lowest node at or below `node` that all of its dark points hang on or below."""
        network = self.book.network
        nodes = self.book.inventory.node[keys]
        found = network.lowest_above(nodes[_below(network.subtree(node), nodes)].tolist())
        return found if network.is_below(found, node) else node

    def _date(self, keys: Keys, since: int) -> None:
        """The dark spells of these begin anew."""
        ev = self.evidence
        ev.onset_at[keys] = ev.dark_at[keys] = since
        ev.dark_last[keys] = np.maximum(ev.dark_last[keys], since)
        ev.kinds[keys] &= ~Dark.BREAKER


def _key(story: Story) -> Key:
    return story.reference, story.planned_node


def _key_of(window: PlannedOutage) -> Key:
    return window.reference, window.node


def _name(story: Story, window: PlannedOutage | None) -> bool:
    """Note by which announcement it is planned; whether that says anything new."""
    before = (*_key(story), story.planned_from, story.planned_to)
    now = (*_key_of(window), window.starts_at, window.ends_at) if window else ("", "", 0, 0)
    story.reference, story.planned_node, story.planned_from, story.planned_to = now
    return now != before


def _below(nodes: slice, of: npt.NDArray[np.integer]) -> Bools:
    found: Bools = (of >= nodes.start) & (of < nodes.stop)
    return found


def _nodes(book: Book, keys: Keys) -> list[int]:
    return sorted(set(book.inventory.node[keys].tolist()))
