"""The open incidents, which device belongs to which, and the events that tell about them."""

from __future__ import annotations

from hashlib import blake2b

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
from gateway.core.network import NodeKind, phase_letters
from processors.outage import words
from processors.outage.evidence import Evidence
from processors.outage.state import Dark, Flag, Keys
from processors.outage.story import Story

_KINDS = (
    (Dark.GASP, "last_gasp"),
    (Dark.ZERO, "zero_voltage"),
    (Dark.TARGET_FAILED, "target_failed"),
    (Dark.ADOPTED, "adopted"),
    (Dark.DOUBTED, "doubted_gasp"),
)
_CHANGES = {
    IncidentState.OPEN: Change.UPDATED,
    IncidentState.RESTORED: Change.RESTORED,
    IncidentState.CLOSED: Change.CLOSED,
    IncidentState.CANCELLED: Change.CANCELLED,
    IncidentState.MERGED: Change.MERGED,
}


class Book:
    """`owner` int32 per device key: slot of its story in `stories`, −1 for none."""

    def __init__(self, inventory: Inventory, evidence: Evidence) -> None:
        self.inventory = inventory
        self.network = inventory.network
        self.evidence = evidence
        self.tolerance = round(evidence.settings.clock_tolerance_s * SECOND)
        self.stories: dict[int, Story] = {}
        self.at_node: dict[str, int] = {}  # node -> slot of the outage that is open there
        self.owner: Int32s = np.full(len(inventory), -1, np.int32)
        self.events: list[Event] = []
        self.dirty: set[int] = set()  # slots about which something may have to be told
        self.resumed_at = 0  # time of the snapshot that all this comes from
        self._next = 0

    # -- finding ---------------------------------------------------------------------------------------------------

    def covering(self, node: int) -> int:
        """Slot of the open outage at or above a node, nearest first; −1 for none."""
        while self.at_node and node >= 0:
            slot = self.at_node.get(self.network.ids[node], -1)
            if slot >= 0:
                return slot
            node = int(self.network.parent[node])
        return -1

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
            if story.node == node and story.state is IncidentState.RESTORED and not story.communications
        ]
        return max(found, default=-1)

    def in_outage(self, keys: Keys) -> Bools:
        """Which of these belong to an outage (not merely to a communications loss)."""
        slots, inverse = np.unique(self.owner[keys], return_inverse=True)
        outage = [slot >= 0 and not self.stories[slot].communications for slot in slots.tolist()]
        found: Bools = np.array(outage, np.bool_)[inverse] if len(keys) else np.zeros(0, np.bool_)
        return found

    # -- changing --------------------------------------------------------------------------------------------------

    def new_id(self, kind: IncidentKind, node: str, detected_at: int) -> str:
        digest = blake2b(f"{kind}|{node}|{detected_at}".encode(), digest_size=8)
        return f"inc-{digest.hexdigest()}"

    def add(self, story: Story) -> int:
        slot, self._next = self._next, self._next + 1
        self.stories[slot] = story
        self.turn(slot, story.state)
        return slot

    def turn(self, slot: int, state: IncidentState) -> None:
        """Give a story its state."""
        story = self.stories[slot]
        story.state = state
        if story.communications:
            return
        if state is IncidentState.OPEN:
            self.at_node.setdefault(story.node, slot)
        elif self.at_node.get(story.node) == slot:
            del self.at_node[story.node]

    def take_in(self, slot: int, keys: Keys, start: Int64s) -> None:
        """Make devices members of an outage. Those without dark evidence get a spell inferred from the others."""
        ev, story = self.evidence, self.stories[slot]
        due = ev.last_heard(keys) + ev.interval[keys] * 3 // 2
        if not story.communications:
            inferred = (ev.flags[keys] & Flag.SPELL == 0) | ((ev.kinds[keys] == 0) & (ev.back_at[keys] > 0))
            self.infer(keys[inferred], start[inferred])
        ev.flags[keys] |= Flag.MEMBER
        self.owner[keys] = slot
        story.add(keys, start, due)
        self.dirty.add(slot)

    def infer(self, keys: Keys, start: Int64s) -> None:
        """Take devices as dark since `start` though they said nothing, until they show otherwise."""
        ev = self.evidence
        ev.kinds[keys] = 0
        ev.dark_at[keys] = ev.onset_at[keys] = start
        ev.dark_last[keys] = np.maximum(start + self.tolerance, ev.on_at[keys])
        ev.back_at[keys] = np.where(ev.restored_at[keys] > start, ev.restored_at[keys], 0)
        ev.flags[keys] |= Flag.SPELL

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

    # -- telling ---------------------------------------------------------------------------------------------------

    def publish(self, slot: int, at: int, change: Change, *, void: bool = False) -> None:
        story = self.stories[slot]
        self.dirty.discard(slot)
        facts = self.facts(story)
        story.signature = signature(story, facts)
        most = self.evidence.settings.shared_hop_confidence if facts.shared_hop else 1.0
        self.events.append(
            story.event(
                at,
                change,
                story.changed(void=void),
                confidence=min(story.confidence, most),
                customers=int(self.inventory.customers[story.keys].sum()),
                summary=words.summary(facts),
                evidence=words.evidence(facts),
            )
        )

    def facts(self, story: Story) -> words.Facts:
        ev, inv, k = self.evidence, self.inventory, story.keys
        kinds = ev.kinds[k] if not story.communications else np.zeros(len(k), np.uint8)
        reported = kinds > 0
        times = ev.onset_at[k[reported]]
        back = story.end > 0
        terminal = inv.key(story.direct_by) if story.direct_by else None
        reversed_at = int(ev.back_at[terminal]) if terminal is not None else 0
        here = self.at_node.get(story.node, -1)
        others = len(self.at_node) - int(self.stories.get(here) is story)
        return words.Facts(
            kind=story.kind,
            state=story.state,
            place=self.place(story.node),
            members=len(k),
            reported=int(np.count_nonzero(reported)),
            back=int(np.count_nonzero(back)),
            silent=int(np.count_nonzero(ev.flags[k] & Flag.SILENT)),
            by={name: count for bit, name in _KINDS if (count := int(np.count_nonzero(kinds & bit)))},
            first=int(times.min()) if len(times) else story.started_at,
            last=int(times.max()) if len(times) else story.started_at,
            verified=self.verified(story),
            others=others,
            direct_by=story.direct_by,
            direct_until=reversed_at if reversed_at > story.started_at else 0,
            breaker=terminal is not None and bool(ev.kinds[terminal] & Dark.BREAKER),
            shared_hop=not story.direct_by and self._share_hop(k[reported]),
            path=story.path,
            since=story.started_at,
            customers_off=int(inv.customers[k[~back]].sum()),
            clock_faults=self._flagged(k, Flag.CLOCK),
            flapping=self._flagged(k, Flag.FLAPPING),
        )

    def _flagged(self, keys: Keys, flag: np.uint8) -> list[str]:
        return [self.inventory.ids[key] for key in keys[self.evidence.flags[keys] & flag > 0].tolist()]

    def _share_hop(self, reported: Keys) -> bool:
        """Whether all there is are one concentrator's answers that its meters do not answer: not several witnesses."""
        kinds, via = self.evidence.kinds[reported], self.inventory.via[reported]
        same = len(reported) > 1 and bool(via[0] >= 0) and bool((via == via[0]).all())
        return same and bool((kinds == Dark.TARGET_FAILED).all())

    def verified(self, story: Story) -> int:
        """Members that showed a reading with voltage since they came back."""
        shown = (story.end > 0) & (self.evidence.volt_at[story.keys] >= story.end)
        return int(np.count_nonzero(shown))

    def place(self, node: str) -> str:
        if node not in self.network:
            return f"node {node}"
        i = self.network.index(node)
        return words.place(NodeKind(self.network.kind[i]).word, node, self.network.names[i])

    def node_phases(self, node: str) -> str:
        return phase_letters(int(self.network.phases[self.network.index(node)]))


def signature(story: Story, facts: words.Facts) -> tuple[int, ...]:
    """What an operator cares about; an update is told when it changes. Counts matter in tenths of the members."""
    tenths = [count * 10 // max(1, facts.members) for count in (facts.reported, facts.back)]
    return (
        facts.members,
        *tenths,
        int(facts.back > 0),
        sum(1 << i for i, (_, name) in enumerate(_KINDS) if name in facts.by),
        int(story.step.sum()),
        story.started_at,
        int(bool(story.direct_by)),
    )
