"""Following communications losses: who is heard again, and what they tell of the time in which they were not."""

from __future__ import annotations

import numpy as np

from gateway.core.clock import SECOND
from gateway.core.model import Change, IncidentState
from processors.outage.book import Book
from processors.outage.evidence import Evidence
from processors.outage.hindsight import Hindsight
from processors.outage.open import Opener
from processors.outage.settings import OutageSettings
from processors.outage.state import Flag
from processors.outage.story import Story


class LostPaths:
    def __init__(self, settings: OutageSettings, evidence: Evidence, book: Book, opener: Opener) -> None:
        self.settings = settings
        self.evidence = evidence
        self.book = book
        self.verify = round(settings.verify_s * SECOND)
        self.patience = round(settings.remainder_s * SECOND)
        self.hindsight = Hindsight(settings, evidence, book, opener)

    def follow(self, slot: int, story: Story, at: int) -> None:
        ev, k = self.evidence, story.keys
        silent = ev.flags[k] & Flag.SILENT > 0
        heard = ev.heard_at[k]
        came = story.off & (heard > story.start)
        story.end[came] = heard[came]
        again = np.flatnonzero(~story.off & silent)
        if len(again):
            story.relapse(again, np.maximum(ev.last_heard(k[again]), story.end[again] + 1))
        if came.any():
            story.returned_at = at
        if came.any() or story.doubted_at:
            self.hindsight.conclude(slot, story, came, at)
            if slot not in self.book.stories:
                return
            k = story.keys
        alive = int(np.count_nonzero(~story.off))
        if story.state is IncidentState.RESTORED and len(again) and alive < self.settings.enough(len(k)):
            self.book.reopen(slot, at, anew=True)
            return
        if story.state is IncidentState.OPEN and (
            alive >= self.settings.enough(len(k)) or self._part_back(story, alive, at)
        ):
            story.settled_at = at
            story.restored_at = int(story.end.max())
            self.book.turn(slot, IncidentState.RESTORED)
            self.book.publish(slot, at, Change.RESTORED)
        if story.state is IncidentState.RESTORED and at - story.settled_at >= self.verify:
            self._close(slot, story, at)
            return
        self.book.tell_news(slot, at)

    def _part_back(self, story: Story, alive: int, at: int) -> bool:
        """Whether the path carries some again, for long enough that whoever is still silent is so for reasons of
        their own."""
        waits = max(self.patience, int(np.median(self.evidence.interval[story.keys])) * 3 // 2)
        return alive > 0 and at - story.returned_at >= waits

    def _close(self, slot: int, story: Story, at: int) -> None:
        """Whoever is still silent has a silence of their own from now on."""
        rest = story.off
        story.end[rest] = np.maximum(story.restored_at, story.start[rest])
        keys = story.keys[rest]  # accounted for until then
        self.evidence.heard_from[keys] = np.maximum(self.evidence.heard_from[keys], story.end[rest])
        story.restored_at = int(story.end.max())
        self.book.finish(slot, at, IncidentState.CLOSED)
