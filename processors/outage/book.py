"""The open incidents, which device belongs to which, and the events that tell about them."""

from __future__ import annotations

import math
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np

from gateway.core.clock import SECOND
from gateway.core.inventory import Inventory
from gateway.core.model import (
    Bools,
    Change,
    Event,
    IncidentKind,
    IncidentState,
    Int32s,
    Int64s,
)
from gateway.core.network import phase_letters, phase_mask
from processors.outage import words
from processors.outage.evidence import Evidence
from processors.outage.facts import Feeders, facts_of, signature
from processors.outage.planned import Plans
from processors.outage.state import ALL, Flag, Keys
from processors.outage.story import Story

_CHANGES = {
    IncidentState.OPEN: Change.UPDATED,
    IncidentState.RESTORED: Change.RESTORED,
    IncidentState.CLOSED: Change.CLOSED,
    IncidentState.CANCELLED: Change.CANCELLED,
    IncidentState.MERGED: Change.MERGED,
}

if TYPE_CHECKING:
    from processors.outage.asking import Asked


PREFIX = "inc-"  # of the ids of its incidents


def name_of(what: str) -> str:
    """Id of the incident that is made of this."""
    return PREFIX + blake2b(what.encode(), digest_size=8).hexdigest()


class Book:
    """`owner` int32 per device key: slot of its story in `stories`, −1 for none."""

    def __init__(self, inventory: Inventory, evidence: Evidence) -> None:
        self.inventory = inventory
        self.network = inventory.network
        self.evidence = evidence
        self.tolerance = round(evidence.settings.clock_tolerance_s * SECOND)
        self.sustained = round(evidence.settings.sustained_s * SECOND)
        self.stories: dict[int, Story] = {}
        self.at_node: dict[
            str, int
        ] = {}  # node -> slot of the outage that is open there, the first of several
        self._open_at: dict[str, set[int]] = {}  # node -> slots of all that are: losses of several phases
        self.owner: Int32s = np.full(len(inventory), -1, np.int32)
        self.feeders = Feeders(self.network)
        self.plans = Plans(self.network, evidence.settings)
        self.events: list[Event] = []
        self.dirty: set[int] = set()  # slots about which something may have to be told
        self.resumed_at = 0  # time of the snapshot that all this comes from
        self.asked: dict[int, Asked] = {}  # key -> what it was asked and has not answered yet
        self.answered: dict[int, int] = {}  # key -> when it answered a question
        self.refused: dict[int, int] = {}  # key -> when a question to it was found to have no answer
        self._next = 0

    @property
    def at(self) -> int:
        """Time of the present tick."""
        return self.plans.at

    # -- finding ---------------------------------------------------------------------------------------------------

    def covering(self, node: int, phases: int = ALL) -> int:
        """Slot of the open outage at or above a node that explains the loss of all these phases, nearest first; −1 for
        none. One of metering points alone explains nothing but these."""
        while self.at_node and node >= 0:
            for slot in self.open_at(self.network.ids[node]):
                if phases & ~self.mask(slot) == 0 and not self.stories[slot].alone:
                    return slot
            node = int(self.network.parent[node])
        return -1

    def open_at(self, node: str) -> list[int]:
        """Slots of the outages that are open at a node: losses of several phases, or one of all."""
        return sorted(self._open_at.get(node, ()))

    def covered(self, node: str) -> bool:
        """Whether an outage is open at or above a node, which may be one of a former network."""
        if node in self.network:
            return self.covering(self.network.index(node)) >= 0
        return node in self.at_node

    def verifying(self, node: str) -> int:
        """Slot of the outage at a node that is restored and not closed yet, the latest; −1 for none."""
        found = [
            slot
            for slot, story in self.stories.items()
            if story.node == node
            and story.state is IncidentState.RESTORED
            and not (story.communications or story.planned)
        ]
        return max(found, default=-1)

    def mask(self, slot: int) -> int:
        """The phases whose loss an incident explains, as a mask."""
        return self.story_mask(self.stories[slot])

    @staticmethod
    def story_mask(story: Story) -> int:
        if story.communications:
            return 0
        return phase_mask(story.phases) if story.kind is IncidentKind.PHASE_LOSS else ALL

    def explains(self, slot: int) -> bool:
        """Whether it is an open outage that may be part of a larger one: no person has said what it is."""
        story = self.stories[slot]
        known = story.communications or story.planned or story.confirmed_by
        return story.state is IncidentState.OPEN and not known

    def confirmed(self, keys: Keys) -> Bools:
        """Which of these belong to what a person has confirmed."""
        slots = [slot for slot, story in self.stories.items() if story.confirmed_by]
        found: Bools = np.isin(self.owner[keys], slots) if slots else np.zeros(len(keys), np.bool_)
        return found

    def restored(self, slot: int) -> bool:
        return self.stories[slot].state is IncidentState.RESTORED

    def in_outage(self, keys: Keys) -> Bools:
        """Which of these belong to an outage (not merely to a communications loss)."""
        slots, inverse = np.unique(self.owner[keys], return_inverse=True)
        outage = [slot >= 0 and not self.stories[slot].communications for slot in slots.tolist()]
        found: Bools = np.array(outage, np.bool_)[inverse] if len(keys) else np.zeros(0, np.bool_)
        return found

    def aside(self, keys: Keys) -> Bools:
        """Which of these an announced window explains, or would now: they are no evidence of anything else."""
        ev = self.evidence
        if not self.plans:
            return np.zeros(len(keys), np.bool_)
        dark = (ev.flags[keys] & Flag.SPELL > 0) & (ev.kinds[keys] > 0)
        found: Bools = (
            self.plans.cover(self.inventory.node[keys], np.where(dark, ev.onset_at[keys], self.plans.at)) >= 0
        )
        return found

    # -- changing --------------------------------------------------------------------------------------------------

    def new_id(self, kind: IncidentKind, node: str, detected_at: int) -> str:
        return name_of(f"{kind}|{node}|{detected_at}")

    def add(self, story: Story) -> int:
        slot, self._next = self._next, self._next + 1
        self.stories[slot] = story
        self.turn(slot, story.state)
        return slot

    def turn(self, slot: int, state: IncidentState) -> None:
        """Give a story its state."""
        story = self.stories[slot]
        story.state = state
        self.feeders.turn(slot, story)
        if story.communications or story.planned:
            return
        if state is IncidentState.OPEN:
            self._open_at.setdefault(story.node, set()).add(slot)
            self.at_node[story.node] = min(self._open_at[story.node])
        else:
            self._vacate(slot)

    def _vacate(self, slot: int) -> None:
        """An outage is no longer open at its node; the loss of another phase may be."""
        node = self.stories[slot].node
        left = self._open_at.get(node, set())
        left.discard(slot)
        if left:
            self.at_node[node] = min(left)
        elif node in self._open_at:
            del self._open_at[node], self.at_node[node]

    def take_in(self, slot: int, keys: Keys, start: Int64s) -> None:
        """Make devices members of an outage. Those without dark evidence get a spell inferred from the others."""
        ev, story = self.evidence, self.stories[slot]
        gasped = (ev.kinds[keys] > 0) & (ev.on_at[keys] > 0)  # that it gasped is no report
        last = np.where(gasped, np.maximum(ev.on_at[keys], ev.heard_from[keys]), ev.last_heard(keys))
        due = last + ev.interval[keys] * 3 // 2
        if not story.communications:
            inferred = (ev.flags[keys] & Flag.SPELL == 0) | ((ev.kinds[keys] == 0) & (ev.back_at[keys] > 0))
            self.infer(keys[inferred], start[inferred], self.mask(slot))
        ev.flags[keys] |= Flag.MEMBER
        self.owner[keys] = slot
        story.add(keys, start, due)
        self.dirty.add(slot)

    def draw(self, slot: int, keys: Keys, start: Int64s, at: int) -> None:
        """Take in devices that may be in communications losses so far."""
        order = np.argsort(keys, kind="stable")
        keys, start = keys[order], start[order]
        for other in np.unique(self.owner[keys]).tolist():
            if other >= 0:
                mine = self.owner[keys] == other
                self.yield_to(other, keys[mine], start[mine], self.stories[slot].id, at)
        self.take_in(slot, keys, start)

    def recast(self, slot: int, kind: IncidentKind) -> None:
        """Make it an incident of another kind; every row of it is told again."""
        story = self.stories[slot]
        self._vacate(slot)
        story.kind = kind
        story.untell()
        self.turn(slot, story.state)
        self.dirty.add(slot)

    def move(self, slot: int, node: str) -> None:
        """Its cause is at another node."""
        story = self.stories[slot]
        self._vacate(slot)
        story.node = node
        if story.kind is IncidentKind.OUTAGE:
            story.phases = self.node_phases(node)
        self.turn(slot, story.state)
        self.dirty.add(slot)

    def infer(self, keys: Keys, start: Int64s, phases: int = ALL) -> None:
        """Take devices as dark since `start` though they said nothing, until they show otherwise."""
        ev = self.evidence
        ev.kinds[keys] = 0
        ev.lost[keys] = self.inventory.phases[keys] & np.uint8(phases)
        ev.dark_at[keys] = ev.onset_at[keys] = start
        ev.dark_last[keys] = np.maximum(start + self.tolerance, ev.on_at[keys])
        ev.back_at[keys] = np.where(ev.restored_at[keys] > start, ev.restored_at[keys], 0)
        ev.flags[keys] = ev.flags[keys] & ~Flag.EXCUSED | Flag.SPELL

    def release(self, keys: Keys) -> None:
        """These belong to no incident any more. A spell that is over or was only inferred is forgotten."""
        ev = self.evidence
        self.owner[keys] = -1
        ev.flags[keys] &= ~Flag.MEMBER
        done = keys[(ev.back_at[keys] > 0) | (ev.kinds[keys] == 0)]
        ev.flags[done] &= ~Flag.SPELL
        ev.touched[keys] = True

    def part(
        self,
        slot: int,
        which: Bools,
        end: Int64s,
        at: int,
        state: IncidentState = IncidentState.CLOSED,
        *,
        parent: str = "",
    ) -> None:
        """Members `which` (bool[m]) belong elsewhere from now on; their rows end at `end`, int64[m].

        A story that nobody is left in ends, and names those who were in it last.
        """
        story = self.stories[slot]
        self.owner[story.keys[which]] = -1
        if not which.all():
            story.leave(which, end)
            self.dirty.add(slot)
            return
        story.end = np.where(which, end, story.end)
        if state is IncidentState.CLOSED:
            story.restored_at = story.restored_at or int(story.end.max(initial=0))
        self.finish(slot, at, state, parent=parent)

    def leave(self, slot: int, keys: Keys, at: int) -> None:
        """These are off for a reason of their own: what was told of them as off is void."""
        story = self.stories[slot]
        self.part(slot, np.isin(story.keys, keys), np.where(story.off, story.start, story.end), at)

    def yield_to(self, slot: int, keys: Keys, off_at: Int64s, outage: str, at: int) -> None:
        """Members of a communications loss turn out to be without supply since `off_at`: unknown until then."""
        story = self.stories[slot]
        which = np.isin(story.keys, keys)
        end = story.end.copy()
        until = np.clip(off_at[np.argsort(keys, kind="stable")], story.start[which], at)
        end[which] = np.where(end[which] > 0, np.minimum(end[which], until), until)
        self.part(slot, which, end, at, IncidentState.MERGED, parent=outage)
        if slot in self.stories:
            self.publish(slot, at, Change.UPDATED)

    def merge(self, slot: int, into: str, at: int) -> None:
        """An outage was part of a larger one, which accounts for its members from their own start on."""
        self.finish(slot, at, IncidentState.MERGED, parent=into, void=True)

    def finish(
        self, slot: int, at: int, state: IncidentState, *, parent: str = "", void: bool = False
    ) -> None:
        story = self.stories[slot]
        self.turn(slot, state)
        story.parent = parent or story.parent
        self.publish(slot, at, _CHANGES[state], void=void)
        if state is IncidentState.CLOSED and not story.communications:
            until = self.evidence.told_until
            until[story.keys] = np.maximum(until[story.keys], story.end)
        del self.stories[slot]
        self.release(story.keys[self.owner[story.keys] == slot])

    def abandon(self, slot: int, at: int) -> None:
        """Withdraw a story that cannot be followed, asking no more of it than must be; its members are free again."""
        story = self.stories[slot]
        self.turn(slot, IncidentState.CANCELLED)
        self.dirty.discard(slot)
        del self.stories[slot]
        self.release(np.flatnonzero(self.owner == slot))
        why = "withdrawn: it could not be followed, for a reason that is in the log."
        rows = story.changed(void=True)
        told = story.event(
            at, Change.CANCELLED, rows, customers=0, summary=why, confidence=story.confidence, evidence={}
        )
        self.events.append(told)

    def reopen(self, slot: int, at: int, *, anew: bool = False) -> None:
        """Members of a restored story are off again. `anew`: where the last loss was short, this is a conclusion of its
        own, and a hold-off begins again."""
        story = self.stories[slot]
        if anew and story.restored_at - story.started_at <= self.sustained:
            story.held_from = at
        story.relapsed_at = at
        story.restored_at = story.settled_at = story.doubted_at = story.returned_at = story.review_at = 0
        self.turn(slot, IncidentState.OPEN)
        self.publish(slot, at, Change.UPDATED)

    # -- telling ---------------------------------------------------------------------------------------------------

    def tell_news(self, slot: int, at: int) -> None:
        """Tell what an operator cares about, at most once a second."""
        story = self.stories[slot]
        if signature(story, facts_of(story, self)) == story.signature:
            self.dirty.discard(slot)
        elif at - story.published_at >= SECOND:
            self.publish(slot, at, Change.UPDATED)
        else:
            self.dirty.add(slot)

    def publish(self, slot: int, at: int, change: Change, *, void: bool = False) -> None:
        story = self.stories[slot]
        self.dirty.discard(slot)
        facts = facts_of(story, self)
        story.signature = signature(story, facts)
        most = self.evidence.settings.shared_hop_confidence if facts.shared_hop else 1.0
        story.customers = int(self.inventory.customers[story.keys].sum())
        sure = story.sureness(math.log(1.0 / self.evidence.settings.silent_rate))
        self.events.append(
            story.event(
                at,
                change,
                story.changed(void=void),
                confidence=sure if story.confirmed_by else min(sure, most),
                customers=story.customers,
                summary=words.summary(facts),
                evidence=words.evidence(facts),
            )
        )

    def node_phases(self, node: str) -> str:
        return phase_letters(int(self.network.phases[self.network.index(node)]))
