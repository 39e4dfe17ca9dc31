"""Outages after the fact: members of a communications loss that say by restore messages that supply was away."""

from __future__ import annotations

import numpy as np

from gateway.core.model import Bools, Change, IncidentKind
from gateway.core.network import phase_letters
from processors.outage.book import Book
from processors.outage.evidence import Evidence
from processors.outage.judge import Candidate, Points, judge
from processors.outage.open import Opener
from processors.outage.settings import OutageSettings
from processors.outage.state import Dark, Keys
from processors.outage.story import Story


class Hindsight:
    def __init__(self, settings: OutageSettings, evidence: Evidence, book: Book, opener: Opener) -> None:
        self.settings = settings
        self.evidence = evidence
        self.book = book
        self.opener = opener

    def conclude(self, slot: int, story: Story, came: Bools, at: int) -> None:
        """`came`: rows of the loss that were heard again just now. A collecting window after the first restore message
        of theirs the nodes that explain these are told as outages, from when they were last heard on."""
        told = self.evidence.restored_at[story.keys] > story.start
        if (told & came).any():
            story.doubted_at = story.doubted_at or at
        if not story.doubted_at or at - story.doubted_at < self.opener.collecting:
            return
        story.doubted_at = 0
        if told.any() and not story.path.startswith("unheard:"):
            for candidate in self._judge(story, told):
                if slot in self.book.stories:
                    self._tell(slot, candidate, at)

    def _judge(self, story: Story, told: Bools) -> list[Candidate]:
        """Restore messages weigh as last gasps would have; members without any did not report."""
        ev, inv = self.evidence, self.book.inventory
        tops = np.unique(self.opener.top[inv.node[story.keys[told]]])
        keys = np.concatenate([self.opener.points_below(top) for top in tops.tolist()])
        member, dark = np.isin(keys, story.keys), np.isin(keys, story.keys[told])
        since = np.zeros(len(ev.flags), np.int64)
        since[story.keys] = story.start
        alive = np.where(self.book.owner[keys] < 0, ev.on_at[keys], 0)
        m = len(keys)
        points = Points(
            node=inv.node[keys], phases=inv.phases[keys], lost=np.where(dark, inv.phases[keys], np.uint8(0)),
            kinds=np.where(dark, Dark.GASP, np.uint8(0)), failed=np.zeros(m, np.int32), dark_at=since[keys],
            area=self.opener.area[keys], quiet=member & ~dark, silence=np.zeros(m), on_at=alive, lit_at=alive,
        )  # fmt: skip
        return judge(self.book.network, tops, points, self.settings)

    def _tell(self, slot: int, candidate: Candidate, at: int) -> None:
        """Supply was lost at one time, so not before any of them was heard last; until then it is unknown."""
        ev, book, inv = self.evidence, self.book, self.book.inventory
        story, network, node = book.stories[slot], book.network, candidate.node
        k = story.keys
        told = ev.restored_at[k] > story.start
        mine = (inv.node[k] >= node) & (inv.node[k] < node + network.size[node])
        if candidate.alone:
            mine = (inv.node[k] == node) & told
        mine &= inv.phases[k] & np.uint8(candidate.phases) > 0
        if not (mine & told).any():
            return
        keys, told, heard = k[mine], told[mine], story.end[mine]
        since = min(int(story.start[mine].max()), int(ev.restored_at[keys[told]].min()) - 1)
        there = book.covering(node, candidate.phases)
        new = there if there >= 0 else book.add(self._story(keys, candidate, since, at))
        book.draw(new, keys, np.full(len(keys), since, np.int64), at)
        self._mark(keys, told, np.where(heard > 0, np.maximum(heard, since), 0), since)
        if there < 0:
            book.publish(new, at, Change.OPENED)
            book.dirty.add(new)

    def _mark(
        self, keys: Keys, told: Bools, heard: np.ndarray[tuple[int], np.dtype[np.int64]], since: int
    ) -> None:
        ev = self.evidence
        ev.kinds[keys[told]] = Dark.RESTORED
        back = np.where(told, ev.restored_at[keys], np.where(ev.on_at[keys] > since, heard, 0))
        ev.back_at[keys] = back

    def _story(self, keys: Keys, candidate: Candidate, since: int, at: int) -> Story:
        book = self.book
        name = book.network.ids[candidate.node]
        connected = int(np.bitwise_or.reduce(book.inventory.phases[keys]))
        whole = connected & ~candidate.phases == 0
        kind = IncidentKind.OUTAGE if whole else IncidentKind.PHASE_LOSS
        return Story(
            id=book.new_id(kind, f"{name}|{since}", at),
            kind=kind,
            node=name,
            phases=book.node_phases(name) if whole else phase_letters(candidate.phases),
            started_at=since,
            detected_at=at,
            confidence=candidate.confidence,
        )
