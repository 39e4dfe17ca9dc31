"""Life where there should be none: outages that are withdrawn because supply cannot have been lost there."""

from __future__ import annotations

import numpy as np

from gateway.core.clock import SECOND
from gateway.core.model import Bools, IncidentState
from processors.outage.book import Book
from processors.outage.evidence import Evidence
from processors.outage.open import Opener
from processors.outage.settings import OutageSettings
from processors.outage.state import Dark
from processors.outage.story import Story

_FALSE_SHARE = 0.05  # of members that reported: so few may have had supply all the time


class Contradiction:
    def __init__(self, settings: OutageSettings, evidence: Evidence, book: Book, opener: Opener) -> None:
        self.sustained = round(settings.sustained_s * SECOND)
        self.evidence = evidence
        self.book = book
        self.opener = opener

    def withdrawn(self, slot: int, story: Story, at: int) -> bool:
        """Whether it was withdrawn: contradicted for a collecting window. Until then what looks like a contradiction
        may turn out to be restoration, as in a reclosing."""
        if story.confirmed_by or not self._contradicted(story):
            story.doubted_at = 0
            return False
        story.doubted_at = story.doubted_at or at
        if at - story.doubted_at < self.opener.collecting:
            return False
        self._cancel(slot, story, at)
        return True

    def _contradicted(self, story: Story) -> bool:
        """Whether life was shown by so many that missed no report that supply cannot have been lost here."""
        ev, k = self.evidence, story.keys
        evident = ev.kinds[k] > 0
        back = ~story.off
        told = back & (ev.restored_at[k] > story.start)
        came = np.count_nonzero(evident & back) + np.count_nonzero(told)
        if came > _FALSE_SHARE * np.count_nonzero(evident):
            return False  # they come back as they would after a real outage
        living = self._missed_nothing(story)
        return bool(living.any()) and (story.planned or not self.opener.stands(story, living))

    def false_gasp(self, slot: int, story: Story, at: int) -> bool:
        """Whether it was withdrawn because the one meter that gasped goes on reporting as if nothing had been."""
        ev, k = self.evidence, story.keys
        evident = ev.kinds[k] > 0
        if np.count_nonzero(evident) != 1 or story.direct_by or story.unanswered or story.planned:
            return False
        if story.confirmed_by:
            return False
        gasp = ev.kinds[k] & ~(Dark.GASP | Dark.GUESSED | Dark.DOUBTED) == 0
        told = ev.restored_at[k] > story.start
        if story.past or story.off[evident].any() or not gasp.all() or told.any():
            return False
        shown = np.where(story.off, at, story.end + np.maximum(ev.heard_at[k] - ev.on_at[k], 0))
        late = shown > story.due - ev.interval[k] // 4  # regular reports are hardly late
        if late.any():
            return False
        story.kept_answering = True
        self.book.finish(slot, at, IncidentState.CANCELLED, void=True)
        return True

    def hop_failed(self, slot: int, story: Story, at: int) -> bool:
        """Whether it was withdrawn because all there was are exceptions 0x0B about one meter that answers again before
        its loss was sustained: its last hop explains them as well, and nobody else lost supply."""
        ev, k = self.evidence, story.keys
        evident = ev.kinds[k] > 0
        if np.count_nonzero(evident) != 1 or story.direct_by or story.planned or story.past:
            return False
        if story.confirmed_by:
            return False
        only = ev.kinds[k[evident]] == Dark.TARGET_FAILED
        told = ev.restored_at[k] > story.start
        long = story.end[evident] - story.start[evident] >= self.sustained
        if story.off.any() or not only.all() or told.any() or long.any():
            return False
        self.book.finish(slot, at, IncidentState.CANCELLED, void=True)
        return True

    def _missed_nothing(self, story: Story) -> Bools:
        """Members that show supply and reported whenever they should have: they had it all the time."""
        ev, k = self.evidence, story.keys
        lag = np.maximum(ev.heard_at[k] - ev.on_at[k], 0)  # of a clock that is slow: `due` is by reception
        stood = (
            story.end > story.started_at + ev.interval[k] * 5 // 4
        )  # supply was lost for longer than it may be silent
        told = (ev.kinds[k] > 0) | (ev.restored_at[k] > story.start)
        living: Bools = ~story.off & (story.end + lag <= story.due) & ~(stood | told)
        return living

    def _cancel(self, slot: int, story: Story, at: int) -> None:
        if story.planned:  # where it was announced it need not have taken place everywhere
            living = self._missed_nothing(story) & (self.evidence.kinds[story.keys] == 0) & (story.step == 0)
            keys = story.keys[living]
            end = np.where(living, story.start, story.end)
            self.book.part(slot, living, end, at, IncidentState.CANCELLED)
            self.book.release(keys)
            return
        self.opener.withdraw(slot, at)
