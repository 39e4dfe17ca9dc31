"""What people say about incidents: it is real, it is not, it is part of another one, part of it is one of its own."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np

from gateway.core.model import Bools, Change, IncidentKind, IncidentState, Instruction, Order
from gateway.core.network import Network
from processors.outage.book import PREFIX, Book, name_of
from processors.outage.evidence import Evidence
from processors.outage.metrics import IDLE_INSTRUCTIONS
from processors.outage.open import Opener
from processors.outage.silence import Silence
from processors.outage.state import Flag, Keys
from processors.outage.story import Story

log = logging.getLogger(__name__)


class Instructed:
    """`waiting`: instructions since the last tick, in their order."""

    def __init__(self, evidence: Evidence, book: Book, opener: Opener, silence: Silence) -> None:
        self.evidence = evidence
        self.book = book
        self.opener = opener
        self.silence = silence
        self.waiting: list[Instruction] = []

    def conclude(self, at: int) -> None:
        while self.waiting:
            said = self.waiting.pop(0)
            slot = self._slot(said.incident)
            if slot < 0 and not said.incident.startswith(PREFIX):
                continue  # another detector's
            if slot < 0 or not self._follow(slot, said, at):
                IDLE_INSTRUCTIONS.labels(said.order).inc()
                log.warning(
                    "instruction about an incident can no longer be followed",
                    extra={"instruction": said.id, "incident": said.incident, "order": said.order},
                )

    def _slot(self, incident: str) -> int:
        return next((slot for slot, story in self.book.stories.items() if story.id == incident), -1)

    def _follow(self, slot: int, said: Instruction, at: int) -> bool:
        """Whether it could be done. Announced outages are what their announcements say."""
        story = self.book.stories[slot]
        if story.planned:
            return False
        match said.order:
            case Order.CONFIRM:
                return self._confirm(slot, story, said.by, at)
            case Order.CANCEL:
                self._cancel(slot, story, said, at)
                return True
            case Order.MERGE:
                return self._merge(slot, story, said, at)
            case Order.SPLIT:
                return self._split(slot, story, said, at)

    def _confirm(self, slot: int, story: Story, by: str, at: int) -> bool:
        if story.confirmed_by:
            return False
        story.confirmed_by = by
        self.book.publish(slot, at, Change.UPDATED)
        return True

    # -- cancel ----------------------------------------------------------------------------------------------------

    def _cancel(self, slot: int, story: Story, said: Instruction, at: int) -> None:
        ev, off = self.evidence, story.off
        _overrule(story, said)
        story.void_past({row.device for row in story.past})
        if story.communications:
            self.silence.excuse(story.keys[off])
        else:  # unknown at most since then
            ev.heard_from[story.keys[off]] = np.maximum(ev.heard_from[story.keys[off]], story.start[off])
        self.book.finish(slot, at, IncidentState.CANCELLED, void=True)
        if not story.communications:
            self._excuse(np.union1d(story.keys, self._terminals(story)), said.received_at)

    def _terminals(self, story: Story) -> Keys:
        """Those at or below the node, and the one that reported."""
        nodes, network = self.book.inventory.node, self.book.network
        found = np.flatnonzero(self.evidence.terminal & (nodes >= 0))
        by = self.book.inventory.key(story.direct_by) if story.direct_by else None
        mine = found == (-1 if by is None else by)
        if story.node in network:
            mine |= _below(nodes[found], network, network.index(story.node))
        terminals: Keys = found[mine]
        return terminals

    def _excuse(self, keys: Keys, since: int) -> None:
        """What these say since before `since` counts no more: until they show supply, or tell of something later."""
        ev, opener = self.evidence, self.opener
        spell = (ev.flags[keys] & Flag.SPELL > 0) & (ev.kinds[keys] > 0) & (ev.back_at[keys] == 0)
        known = keys[spell & (ev.dark_at[keys] <= since)]
        ev.flags[known] = ev.flags[known] & ~Flag.SPELL | Flag.EXCUSED
        ev.dark_last[keys] = np.maximum(ev.dark_last[keys], since)
        for key in known.tolist():
            opener.direct.pop(key, None)
            opener.nested.pop(key, None)
        for area in np.unique(opener.area[keys]).tolist():
            if not len(opener.weigher.fresh(np.flatnonzero(opener.area == area))):
                opener.pending.pop(area, None)

    # -- merge and split -------------------------------------------------------------------------------------------

    def _merge(self, slot: int, story: Story, said: Instruction, at: int) -> bool:
        book, network = self.book, self.book.network
        into = self._slot(said.into)
        if into in (-1, slot) or not (_lost(story) and _lost(book.stories[into])):
            return False
        other = book.stories[into]
        nodes = [network.index(each.node) for each in (story, other) if each.node in network]
        if other.state is not IncidentState.OPEN or book.mask(slot) & ~book.mask(into) or len(nodes) < 2:
            return False
        node = network.lowest_above(nodes)
        moves = network.ids[node] != other.node
        if not all(network.is_below(each, node) for each in nodes):
            return False  # fed from elsewhere
        if moves and not set(book.open_at(network.ids[node])) <= {slot}:
            return False  # a place cannot lose its supply twice at once
        everyone = np.ones(len(story.keys), np.bool_)
        self._hand_over(slot, everyone, into)
        other.confirmed_by = other.confirmed_by or said.by
        other.started_at = min(other.started_at, story.started_at)
        other.alone &= story.alone and not moves
        if other.returned_at or story.returned_at:
            other.returned_at = at
        _overrule(story, said)
        book.finish(slot, at, IncidentState.MERGED, parent=other.id, void=True)
        if moves:
            book.move(into, network.ids[node])
        book.publish(into, at, Change.UPDATED)
        book.dirty.add(into)
        return True

    def _split(self, slot: int, story: Story, said: Instruction, at: int) -> bool:
        book, network = self.book, self.book.network
        if not _lost(story) or said.node not in network:
            return False
        which = _below(book.inventory.node[story.keys], network, network.index(said.node))
        if which.all() or not which.any():
            return False
        back, restored = ~story.off, story.state is IncidentState.RESTORED
        if restored and not back[~which].any():
            return False  # it would be nobody's restoration
        new = self._part(story, which, said, at)
        alike = [other for other in book.open_at(new.node) if book.mask(other) & book.story_mask(new)]
        if new.state is IncidentState.OPEN and alike:
            return False
        there = book.add(new)
        self._hand_over(slot, which, there)
        story.leave(which, story.start)
        story.confirmed_by = story.confirmed_by or said.by
        if new.direct_by:
            story.direct_by = ""
        book.publish(slot, at, Change.UPDATED)
        book.publish(there, at, Change.OPENED)
        book.dirty |= {slot, there}
        return True

    def _part(self, story: Story, which: Bools, said: Instruction, at: int) -> Story:
        """What these members are from now on, without them: as far restored as they are."""
        book, network = self.book, self.book.network
        terminal = book.inventory.key(story.direct_by) if story.direct_by else None
        top = network.index(said.node)
        theirs = terminal is not None and network.is_below(int(book.inventory.node[terminal]), top)
        mine = set(story.keys[which].tolist())
        earlier = [
            row.started_at for row in story.past if row.device in mine and row.ended_at != row.started_at
        ]
        back = which & ~story.off
        ends = story.end[back]
        loss = story.kind is IncidentKind.PHASE_LOSS
        none = np.empty(0, np.int64)
        new = replace(
            story,
            id=name_of(f"split|{said.id}"),
            node=said.node,
            phases=story.phases if loss else book.node_phases(said.node),
            started_at=min([int(story.start[which].min()), *earlier]),
            detected_at=at,
            parent=story.id,
            direct_by=story.direct_by if theirs else "",
            passed=list(story.passed),
            alone=False,
            asked=0,
            unanswered=0,
            confirmed_by=said.by,
            split_from=story.id,
            revision=0,
            signature=(),
            keys=none,
            start=none,
            end=none,
            step=np.empty(0, np.int32),
            due=none,
            told=none,
            past=[],
            untold=0,
        )
        if story.state is IncidentState.RESTORED and len(ends):
            new.restored_at = int(ends.max())
        elif not len(ends):
            new.state, new.held_from = IncidentState.OPEN, 0
            new.restored_at = new.settled_at = new.doubted_at = new.returned_at = new.review_at = 0
        return new

    def _hand_over(self, slot: int, which: Bools, to: int) -> None:
        book = self.book
        keys = book.stories[slot].keys[which]
        book.stories[slot].hand_over(which, book.stories[to])
        book.owner[keys] = to


def _overrule(story: Story, said: Instruction) -> None:
    story.overruled = True
    story.ended_by, story.ended_reason = said.by, said.reason


def _lost(story: Story) -> bool:
    """Whether it is a loss of supply that nobody announced."""
    return not (story.communications or story.planned)


def _below(nodes: np.ndarray[tuple[int], np.dtype[np.int32]], network: Network, top: int) -> Bools:
    found: Bools = (nodes >= top) & (nodes < top + int(network.size[top]))
    return found
