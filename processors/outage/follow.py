"""Following open incidents: who is back, who relapsed, when supply is restored, verified, or was never lost."""

from __future__ import annotations

import logging

import numpy as np

from gateway.core.clock import SECOND
from gateway.core.model import Bools, Change, IncidentKind, IncidentState, Int64s
from processors.outage.book import Book
from processors.outage.contradiction import Contradiction
from processors.outage.evidence import Evidence
from processors.outage.facts import verified
from processors.outage.likelihood import holds, lower_median
from processors.outage.lost_paths import LostPaths
from processors.outage.metrics import FAULTS
from processors.outage.open import Opener
from processors.outage.remainder import Remainder
from processors.outage.settings import OutageSettings
from processors.outage.state import Dark, Flag, Keys
from processors.outage.story import STALE, Story

log = logging.getLogger(__name__)

_FEW = 50  # one of so many members shows supply late for reasons of its own

OPEN, RESTORED = IncidentState.OPEN, IncidentState.RESTORED


class Follower:
    def __init__(self, settings: OutageSettings, evidence: Evidence, book: Book, opener: Opener) -> None:
        self.settings = settings
        self.evidence = evidence
        self.book = book
        self.opener = opener
        self.sustained = round(settings.sustained_s * SECOND)
        self.verify = round(settings.verify_s * SECOND)
        self.verify_max = round(settings.verify_max_s * SECOND)
        self.reclose = round(settings.reclose_s * SECOND)
        self.paths = LostPaths(settings, evidence, book, opener)
        self.remainder = Remainder(settings, evidence, book, opener)
        self.contradiction = Contradiction(settings, evidence, book, opener)
        self.patience = round(settings.remainder_s * SECOND)

    def follow(self, touched: Keys, at: int) -> None:
        """Look again at the stories of touched devices, and at those whose time has come."""
        slots = set(np.unique(self.book.owner[touched]).tolist()) - {-1}
        slots |= self._of_terminals(touched)
        slots |= {slot for slot in self.book.dirty if slot in self.book.stories}
        slots |= {slot for slot, story in self.book.stories.items() if self._waits(story)}
        for slot in sorted(slots):
            if slot in self.book.stories:
                self._try(slot, at)

    def _try(self, slot: int, at: int) -> None:
        """A boundary: what is wrong with one story must not keep the others from being followed."""
        story = self.book.stories[slot]
        try:
            self._follow(slot, story, at)
        except Exception:
            FAULTS.labels("story").inc()
            log.exception("incident cannot be followed and is withdrawn", extra={"incident": story.id})
            if slot in self.book.stories:
                self.book.abandon(slot, at)

    def _follow(self, slot: int, story: Story, at: int) -> None:
        gone = ~self.evidence.listed[story.keys]
        if gone.any() or not len(gone):
            self._retire(slot, story, gone, at)
            if slot not in self.book.stories:
                return
        if story.communications:
            self.paths.follow(slot, story, at)
        else:
            self._follow_outage(slot, story, at)

    def _retire(self, slot: int, story: Story, gone: Bools, at: int) -> None:
        """Whoever is not listed any more is asked no more: off until the list was changed, as far as can be known."""
        keys = story.keys[gone]
        end = np.where(story.off, np.maximum(story.start, self.book.resumed_at or at), story.end)
        self.book.part(slot, gone, end, at)
        self.book.release(keys)

    def _of_terminals(self, touched: Keys) -> set[int]:
        terminals = {
            self.book.inventory.ids[key] for key in touched[self.evidence.terminal[touched]].tolist()
        }
        if not terminals:
            return set()
        return {slot for slot, story in self.book.stories.items() if story.direct_by in terminals}

    @staticmethod
    def _waits(story: Story) -> bool:
        return story.state is RESTORED or story.returned_at > 0

    def _follow_outage(self, slot: int, story: Story, at: int) -> None:
        ev = self.evidence
        k = story.keys
        back = ev.back_at[k]
        came = story.off & (back > 0)
        story.end[came] = np.maximum(back[came], story.start[came])
        if came.any():
            story.returned_at = at
        if story.planned and self._fault_of_its_own(slot, story, at):
            return
        if story.state is OPEN:
            self._relapse(story)
            self._undecide(story, at)
        self._blink(story, at)
        self._earlier(story)
        if (
            story.state is OPEN
            and (came.any() or story.doubted_at)
            and self.contradiction.withdrawn(slot, story, at)
        ):
            return
        if story.state is RESTORED:
            self._doubt(slot, story, at)
            if slot not in self.book.stories:
                return
        if came.any() and (
            self.contradiction.false_gasp(slot, story, at) or self.contradiction.hop_failed(slot, story, at)
        ):
            return
        dark = story.off & ev.is_dark(story.keys)
        alive = int(np.count_nonzero(~story.off))
        if story.state is OPEN and self._settled(story, dark, alive, at):
            story.settled_at, story.doubted_at = at, 0
            story.restored_at = int(story.end.max())
            self.book.turn(slot, RESTORED)
            self.remainder.judge(slot, story, at)
            self.book.publish(slot, at, Change.RESTORED)
        elif story.state is RESTORED and (came.any() or at >= story.review_at > 0) and not story.planned:
            self.remainder.judge(slot, story, at)
        if story.state is RESTORED and not story.doubted_at and self._verified(story, at):
            self._close(slot, story, at)
            return
        self.book.tell_news(slot, at)

    def _relapse(self, story: Story) -> None:
        ev, k = self.evidence, story.keys
        again = ~story.off & ev.is_dark(k) & (ev.dark_at[k] > story.end)
        rows = np.flatnonzero(again)
        if len(rows):
            story.relapse(rows, np.maximum(ev.onset_at[k[rows]], story.end[rows] + 1))
            if np.count_nonzero(story.off) * 2 > len(k):
                story.returned_at = 0  # lost again as a whole, not what is left over

    def _undecide(self, story: Story, at: int) -> None:
        """Supply was lost again after members were back: whoever below has shown nothing since then is off with them,
        where one fault explains it, and comes back by what is shown after that only."""
        ev, k = self.evidence, story.keys
        again = story.off & (story.step > 0) & ev.is_dark(k)
        if story.off.all() or not again.any():
            return
        last = int(ev.dark_at[k[again]].max())
        again &= ev.dark_at[k] >= last - self.opener.collecting
        if at - last < self.opener.collecting:
            return
        onset = lower_median(ev.dark_at[k[again]])
        network, nodes = self.book.network, self.book.inventory.node[k]
        top = network.lowest_above(nodes[again])
        below = ~story.off & (nodes >= top) & (nodes < top + network.size[top])
        quiet = below & (ev.on_at[k] <= onset + self.book.tolerance) & (story.end <= onset)
        if not quiet.any() or (below & ~quiet).any():
            return
        if holds(int(np.count_nonzero(again)), int(np.count_nonzero(quiet)), 0, self.settings):
            self._lose(story, quiet, onset)
            story.returned_at = 0  # what came back came before

    def _blink(self, story: Story, at: int) -> None:
        """Members that were off once more and are back by their own message: a further step that is over already."""
        ev, k = self.evidence, story.keys
        told = (ev.flags[k] & Flag.SPELL > 0) & (ev.kinds[k] > 0) & (ev.restored_at[k] > ev.onset_at[k])
        rows = np.flatnonzero(~story.off & told & (ev.back_at[k] > 0) & (ev.dark_at[k] > story.end))
        if not len(rows):
            return
        start = np.maximum(ev.onset_at[k[rows]], story.end[rows] + 1)
        story.relapse(rows, start)
        story.end[rows] = np.maximum(ev.back_at[k[rows]], start)
        story.returned_at = at
        if story.state is RESTORED:
            story.settled_at, story.restored_at = at, int(story.end.max())

    def _fault_of_its_own(self, slot: int, story: Story, at: int) -> bool:
        """Members of an announced outage that had supply and lost it after the announced end; whether none is left."""
        ev, k = self.evidence, story.keys
        late = ~story.off & ev.is_dark(k) & (ev.dark_at[k] > story.end) & (ev.onset_at[k] >= story.planned_to)
        if late.any():
            self._detach(slot, story, late, at)
        return slot not in self.book.stories

    def _doubt(self, slot: int, story: Story, at: int) -> None:
        """Dark evidence after restoration: wait for the rest of it, then reopen, or let a fault of its own be judged.

        The same question as at the beginning: does one fault here explain more than separate ones?
        """
        ev, k = self.evidence, story.keys
        dark = ev.is_dark(k) & ~(story.off & (ev.onset_at[k] <= story.restored_at))  # those are left over
        if not dark.any():
            story.doubted_at = 0
            return
        story.doubted_at = story.doubted_at or at
        if story.planned:  # within its window still: the switching goes on
            self._lose_again(
                slot, story, np.zeros(len(k), np.bool_), int(ev.onset_at[k[dark]].min()), at, new=False
            )
            return
        if at - story.doubted_at < self.opener.collecting:
            return
        onset = lower_median(ev.dark_at[k[dark]])
        quiet = ~dark & ~story.off & (ev.on_at[k] <= onset + self.book.tolerance)
        living = ~dark & ~quiet & ~story.off
        count, silent = int(np.count_nonzero(dark)), int(np.count_nonzero(quiet))
        one = not living.any() and holds(count, silent, 0, self.settings)
        if one and not self.book.covered(story.node):
            self._lose_again(slot, story, quiet, onset, at, new=True)
            return
        story.doubted_at = 0
        self._detach(slot, story, dark, at)
        if slot in self.book.stories:
            self.book.publish(slot, at, Change.UPDATED)

    def reopen(self, slot: int, onset: int, at: int) -> None:
        """Direct evidence that supply is lost again since `onset`, before the last loss was closed."""
        ev, story = self.evidence, self.book.stories[slot]
        k = story.keys
        dark = ev.is_dark(k)
        quiet = ~dark & ~story.off & (ev.on_at[k] <= onset + self.book.tolerance)
        if (dark | quiet | story.off).any():
            self._lose_again(slot, story, quiet, onset, at, new=False)

    def _lose_again(self, slot: int, story: Story, quiet: Bools, onset: int, at: int, *, new: bool) -> None:
        """One fault has taken supply from the dark members again, and so from those that say nothing."""
        self._relapse(story)
        self._lose(story, quiet, onset)
        self.book.reopen(slot, at, anew=new)

    def _lose(self, story: Story, quiet: Bools, onset: int) -> None:
        rows = np.flatnonzero(quiet)
        self.book.infer(story.keys[rows], np.full(len(rows), onset, np.int64))
        story.relapse(rows, np.maximum(onset, story.end[rows] + 1))

    def _earlier(self, story: Story) -> None:
        """A late report may say that a member was off before we thought."""
        ev, k = self.evidence, story.keys
        earlier = (
            story.off & (story.step == 0) & ev.is_dark(k) & (ev.onset_at[k] < story.start)
            & (ev.onset_at[k] >= story.started_at - self.opener.join) & (ev.kinds[k] & Dark.GUESSED == 0)
        )  # fmt: skip
        if earlier.any():
            story.start[earlier] = ev.onset_at[k[earlier]]
            story.told[earlier & (story.told >= 0)] = STALE
            story.started_at = min(story.started_at, int(story.start[earlier].min()))

    def _settled(self, story: Story, dark: Bools, alive: int, at: int) -> bool:
        """Enough are back and nobody is known dark; or those who came back did so some time ago."""
        if not alive:
            return False
        if not dark.any() and (alive >= self.settings.enough(len(story.keys)) or self._reversed(story)):
            return True
        if story.planned:
            return False  # whoever is still off is off as announced
        interval = int(np.median(self.evidence.interval[story.keys]))
        return story.returned_at > 0 and at - story.returned_at >= max(self.patience, interval * 3 // 2)

    def _reversed(self, story: Story) -> bool:
        key = self.book.inventory.key(story.direct_by) if story.direct_by else None
        return key is not None and int(self.evidence.back_at[key]) > 0

    def _detach(self, slot: int, story: Story, dark: Bools, at: int) -> None:
        """Whoever is still dark has a fault of their own; it is judged apart, from their first onset on."""
        keys = story.keys[dark]
        self.book.leave(slot, keys, at)
        self.book.release(keys)
        self.opener.nested.update(dict.fromkeys(keys.tolist(), story.id))

    def reopen_planned(self, slot: int, at: int) -> None:
        """Members are off again, or others are, within the announced window."""
        self.book.reopen(slot, at)

    def _verified(self, story: Story, at: int) -> bool:
        if at - story.settled_at < self.verify or self._asks(story) or self.remainder.undecided(story, at):
            return False
        if at - story.restored_at < self.reclose and self._momentary(story):
            return False  # the next part of a reclosing sequence
        silent = story.off & (self.evidence.flags[story.keys] & Flag.SILENT > 0)  # these cannot show anything
        able = int(np.count_nonzero(~silent))
        shown = verified(story, self.book)
        if shown >= min(self.settings.verify_sample, able):
            return True
        story.unverified = not shown and at - story.settled_at >= self.verify_max
        return at - story.settled_at >= self.verify_max

    def _asks(self, story: Story) -> bool:
        """Whether members were asked that may still answer."""
        return any(asked.incident == story.id for asked in self.book.asked.values())

    def _momentary(self, story: Story) -> bool:
        """Whether nobody was off for a sustained time, and all switching took no longer either (IEEE 1366). Of many
        members a few miss reports for reasons of their own."""
        if story.kind is not IncidentKind.OUTAGE:
            return False
        end = self._back_by(story)
        off = np.sort(end - np.minimum(story.start, story.started_at))
        longest = int(off[len(off) - 1 - len(off) // _FEW]) if len(off) else 0
        return longest < self.sustained + (self.settings.sustained_comparator == ">")

    def _back_by(self, story: Story) -> Int64s:
        """When each member may have had supply again: int64[m]. Whoever tells of it only by the next regular report is
        taken to have come back with the last one before who said so, or reports often; so is who is not heard again."""
        ev, k = self.evidence, story.keys
        end = np.where(story.off, np.maximum(story.restored_at, story.start), story.end)
        often = ev.interval[k] * 2 <= self.sustained
        telling = np.sort(end[~story.off & (often | (ev.restored_at[k] > story.start))])
        if not len(telling):
            return end
        telling = telling[: len(telling) - len(telling) // _FEW]
        last = telling[np.maximum(np.searchsorted(telling, end, "right") - 1, 0)]
        follows = story.off | ((last <= end) & (end - last <= ev.interval[k] * 3 // 2))
        found: Int64s = np.where(follows, last, end)
        return np.maximum(found, story.start)

    def _close(self, slot: int, story: Story, at: int) -> None:
        momentary, unheard = self._momentary(story), story.off
        story.end[unheard] = np.maximum(story.restored_at, story.start[unheard])
        keys, end = story.keys[unheard], story.end[unheard]
        self.evidence.back_at[keys] = end  # what they said is accounted for, and their silence until then
        self.evidence.heard_from[keys] = np.maximum(self.evidence.heard_from[keys], end)
        story.restored_at = int(story.end.max())
        if momentary:
            story.kind = IncidentKind.MOMENTARY
        self.book.finish(slot, at, IncidentState.CLOSED)
