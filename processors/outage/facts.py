"""What is known about a story, counted: the facts that its words and its evidence are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gateway.core.model import Bools, IncidentKind, IncidentState
from gateway.core.network import Network, NodeKind
from processors.outage import words
from processors.outage.state import Dark, Flag, Keys
from processors.outage.story import Story

if TYPE_CHECKING:
    from processors.outage.book import Book

KINDS = (
    (Dark.GASP, "last_gasp"),
    (Dark.ZERO, "zero_voltage"),
    (Dark.TARGET_FAILED, "target_failed"),
    (Dark.ADOPTED, "adopted"),
    (Dark.DOUBTED, "doubted_gasp"),
    (Dark.RESTORED, "restore_message"),
)


class Feeders:
    """On which feeders outages are open, kept as they open and end: a storm asks at every one of them."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.above = network.ancestor_of_kind(NodeKind.FEEDER)
        self.count: dict[int, int] = {}  # feeder, −1 where there is none -> open outages below
        self._of: dict[int, int] = {}  # slot -> feeder

    def of(self, node: str) -> int:
        return int(self.above[self.network.index(node)]) if node in self.network else -1

    def turn(self, slot: int, story: Story) -> None:
        counts = story.state is IncidentState.OPEN and not (story.communications or story.planned)
        before = self._of.pop(slot, None)
        if before is not None:
            self.count[before] -= 1
            if not self.count[before]:
                del self.count[before]
        if counts:
            feeder = self._of[slot] = self.of(story.node)
            self.count[feeder] = self.count.get(feeder, 0) + 1

    def others(self, story: Story) -> tuple[int, int, list[int]]:
        """(other open outages, those on the same feeder, other feeders with any), seen from a story."""
        feeder = self.of(story.node)
        itself = int(story.state is IncidentState.OPEN and not (story.communications or story.planned))
        beside = self.count.get(feeder, 0) - itself
        return len(self._of) - itself, beside, [other for other in self.count if other not in (feeder, -1)]


def facts_of(story: Story, book: Book) -> words.Facts:
    ev, inv, k = book.evidence, book.inventory, story.keys
    kinds = np.where(ev.lost[k] & np.uint8(book.story_mask(story)) > 0, ev.kinds[k], np.uint8(0))
    reported = kinds > 0
    times = ev.onset_at[k[reported]]
    back = story.end > 0
    terminal = inv.key(story.direct_by) if story.direct_by else None
    reversed_at = int(ev.back_at[terminal]) if terminal is not None else 0
    others, beside, feeders = book.feeders.others(story)
    return words.Facts(
        kind=story.kind,
        state=story.state,
        place=place(book.network, story.node),
        members=len(k),
        reported=int(np.count_nonzero(reported)),
        back=int(np.count_nonzero(back)),
        silent=int(np.count_nonzero(ev.flags[k] & Flag.SILENT)),
        phases=story.phases if story.kind is IncidentKind.PHASE_LOSS else "",
        by={name: count for bit, name in KINDS if (count := int(np.count_nonzero(kinds & bit)))},
        first=int(times.min()) if len(times) else story.started_at,
        last=int(times.max()) if len(times) else story.started_at,
        verified=verified(story, book),
        others=others,
        beside=beside,
        feeders=[place(book.network, book.network.ids[i]) for i in sorted(feeders)],
        has_feeder=book.feeders.of(story.node) >= 0,
        direct_by=story.direct_by,
        alone=story.alone,
        passed=story.passed,
        direct_until=reversed_at if reversed_at > story.started_at else 0,
        breaker=terminal is not None and bool(ev.kinds[terminal] & Dark.BREAKER),
        shared_hop=not story.direct_by and _share_hop(k[reported], book),
        asked=story.asked,
        unanswered=story.unanswered,
        unverified=story.unverified,
        kept_answering=story.kept_answering,
        confirmed=bool(story.confirmed_by),
        overruled=story.overruled,
        split_from=story.split_from,
        outlasted=story.outlasted,
        reference=story.reference,
        planned_node=story.planned_node,
        starts_at=story.planned_from,
        ends_at=story.planned_to,
        path=story.path,
        unheard=not (ev.heard_at[k] > 0).any(),
        wider=_wider(story, book),
        since=story.started_at,
        started_at=story.started_at,
        customers_off=int(inv.customers[k[~back]].sum()),
        clock_faults=_flagged(k, Flag.CLOCK, book),
        flapping=_flagged(k, Flag.FLAPPING, book),
    )


def signature(story: Story, facts: words.Facts) -> tuple[int, ...]:
    """What an operator cares about; an update is told when it changes. Counts matter in tenths of the members."""
    tenths = [count * 10 // max(1, facts.members) for count in (facts.reported, facts.back)]
    return (
        facts.members,
        *tenths,
        int(facts.back > 0),
        sum(1 << i for i, (_, name) in enumerate(KINDS) if name in facts.by),
        int(story.step.sum()),
        story.started_at,
        int(bool(story.direct_by)),
        facts.unanswered,
        facts.ends_at,
    )


def verified(story: Story, book: Book) -> int:
    """How many members showed a reading with voltage since they came back, or answered when asked."""
    return int(np.count_nonzero(shown_well(story, book)))


def shown_well(story: Story, book: Book) -> Bools:
    """Which members did, bool[m]."""
    shown: Bools = (story.end > 0) & (book.evidence.volt_at[story.keys] >= story.end)
    for key, at in book.answered.items():
        i = int(np.searchsorted(story.keys, key))
        if i < len(story.keys) and story.keys[i] == key:
            shown[i] |= 0 < story.end[i] <= at
    return shown


def place(network: Network, node: str) -> str:
    if node not in network:
        return f"node {node}"
    i = network.index(node)
    return words.place(NodeKind(network.kind[i]).word, node, network.names[i])


def _flagged(keys: Keys, flag: np.uint8, book: Book) -> list[str]:
    return [book.inventory.ids[key] for key in keys[book.evidence.flags[keys] & flag > 0].tolist()]


def _share_hop(reported: Keys, book: Book) -> bool:
    """Whether all there is are one concentrator's answers that its meters do not answer: not several witnesses."""
    kinds, via = book.evidence.kinds[reported], book.inventory.via[reported]
    same = len(reported) > 1 and bool(via[0] >= 0) and bool((via == via[0]).all())
    return same and bool((kinds == Dark.TARGET_FAILED).all())


def _wider(story: Story, book: Book) -> bool:
    """Whether a loss of communications was merged into another one."""
    if not story.communications or story.state is not IncidentState.MERGED:
        return False
    return any(other.id == story.parent and other.communications for other in book.stories.values())
