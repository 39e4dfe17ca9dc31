"""Whom to ask whether they have supply: before an uncertain outage is confirmed, and before any is closed.

Pure like the rest: questions go out, answers come back in the stream, and where none come every limit still runs out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from gateway.core.clock import MINUTE, SECOND
from gateway.core.model import Bools, IncidentKind, IncidentState, Purpose, Question, Signal, SignalKind
from processors.outage.book import Book
from processors.outage.evidence import Evidence
from processors.outage.facts import shown_well
from processors.outage.open import Opener
from processors.outage.settings import OutageSettings
from processors.outage.state import Dark, Flag, Keys
from processors.outage.story import Story

_UNANSWERED = (SignalKind.PING_FAILED, SignalKind.TARGET_FAILED, SignalKind.NO_ANSWER)
_ROUNDS = 2  # so many samples of an incident are asked before it is closed


class Asked(NamedTuple):
    """A question that has no answer yet."""

    incident: str
    purpose: Purpose
    at: int


class Asking:
    """`outstanding`: key of a device -> what it was asked;  `refused`: key -> when it did not answer that;  `last`: key
    -> when it was asked last;  `counts`: incident and purpose -> how many were asked;  `recent`: times of the questions
    of the last minute."""

    def __init__(self, settings: OutageSettings, evidence: Evidence, book: Book, opener: Opener) -> None:
        self.settings = settings
        self.evidence = evidence
        self.book = book
        self.opener = opener
        self.patience = round(settings.ask_s * SECOND)
        self.again = round(settings.ask_again_s * SECOND)
        self.weight = math.log(1.0 / settings.silent_rate)
        self.outstanding: dict[int, Asked] = book.asked
        self.refused = book.refused
        self.last: dict[int, int] = {}
        self.counts: dict[tuple[str, Purpose], int] = {}
        self.recent: list[int] = []
        self.questions: list[Question] = []

    def notice(self, signal: Signal) -> None:
        """An answer to a question, or word that there was none."""
        if signal.device not in self.outstanding:
            return
        if signal.kind is SignalKind.PING_OK:
            self.book.answered[signal.device] = signal.received_at
        elif signal.kind in _UNANSWERED:
            self.refused[signal.device] = signal.received_at

    def conclude(self, at: int) -> None:
        """Take note of answers and of those that did not come; ask what is to be asked now."""
        if self.outstanding:
            self._settle(at)
        self.recent = [asked for asked in self.recent if at - asked < MINUTE]
        left = self.settings.ask_per_minute - len(self.recent)
        self._forget()
        if left <= 0 or not self.book.stories:
            return
        held: dict[str, int] = {}
        for asked in self.outstanding.values():
            held[asked.incident] = held.get(asked.incident, 0) + 1
        wanting = [
            (-story.customers, story.id, slot, purpose)
            for slot, story in self.book.stories.items()
            if (purpose := self._purpose(story, at)) is not None
            and self.counts.get((story.id, purpose), 0) < self._limit(purpose)
            and held.get(story.id, 0) < self.settings.verify_sample
        ]
        for _, name, slot, purpose in sorted(wanting):
            asked_already = self.counts.get((name, purpose), 0)
            most = min(
                left, self.settings.verify_sample - held.get(name, 0), self._limit(purpose) - asked_already
            )
            for key in self._whom(self.book.stories[slot], purpose, most, at):
                self._ask(key, name, purpose, at)
                left -= 1
            if left <= 0:
                return

    def _forget(self) -> None:
        """What concerns incidents that are over."""
        stories, owner, answered = self.book.stories, self.book.owner, self.book.answered
        for told in (answered, self.refused):
            for key in [key for key in told if owner[key] < 0 and key not in self.outstanding]:
                del told[key]
        if self.counts:
            live = {story.id for story in stories.values()}
            self.counts = {which: count for which, count in self.counts.items() if which[0] in live}

    def _limit(self, purpose: Purpose) -> int:
        return self.settings.verify_sample * (1 if purpose is Purpose.CONFIRM else _ROUNDS)

    def _purpose(self, story: Story, at: int) -> Purpose | None:
        if story.communications:
            return None
        if story.state is IncidentState.RESTORED or (story.planned and at >= story.planned_to):
            return Purpose.CLOSE
        uncertain = story.kind is IncidentKind.OUTAGE and not story.direct_by
        return (
            Purpose.CONFIRM if uncertain and story.sureness(self.weight) < self.settings.ask_below else None
        )

    def _ask(self, key: int, incident: str, purpose: Purpose, at: int) -> None:
        self.outstanding[key] = Asked(incident, purpose, at)
        self.last[key] = at
        self.recent.append(at)
        self.counts[incident, purpose] = self.counts.get((incident, purpose), 0) + 1
        self.questions.append(Question(device=key, incident=incident, purpose=purpose, asked_at=at))

    def _whom(self, story: Story, purpose: Purpose, most: int, at: int) -> list[int]:
        """Up to `most` keys, the most telling first."""
        found: list[int] = []
        for keys in self._groups(story, purpose):
            free = [key for key in keys.tolist() if self._may(key, at) and key not in found]
            room = most - len(found)
            if room <= 0:
                break
            spread = np.unique(np.linspace(0, len(free) - 1, min(room, len(free))).round().astype(np.int64))
            found += [free[i] for i in spread.tolist()]
        return found

    def _may(self, key: int, at: int) -> bool:
        asked = self.last.get(key)
        return key not in self.outstanding and (asked is None or at - asked >= self.again)

    def _groups(self, story: Story, purpose: Purpose) -> Iterator[Keys]:
        ev, k = self.evidence, story.keys
        audible = ev.audible()
        if purpose is Purpose.CONFIRM:
            if len(only := k[ev.kinds[k] > 0]) == 1:
                yield only[audible[only]]  # its gasp may be false
            yield k[story.off & (ev.kinds[k] == 0) & audible[k]]
            yield self._neighbours(story)
        elif story.state is IncidentState.RESTORED:
            unproven = ~story.off & ~shown_well(story, self.book)
            if np.count_nonzero(~story.off & ~unproven) < self.settings.verify_sample:
                yield k[unproven & audible[k]]
            yield k[story.off & audible[k]]
        else:
            yield k[story.off & audible[k]]

    def _neighbours(self, story: Story) -> Keys:
        """One metering point just above the node that has not been heard since: the outage may be larger."""
        network, ev = self.book.network, self.evidence
        if story.node not in network:
            return np.empty(0, np.int64)
        node = network.index(story.node)
        above = int(network.parent[node])
        if above < 0:
            return np.empty(0, np.int64)
        keys = self.opener.points_below(above)
        nodes = self.book.inventory.node[keys]
        beside = (nodes < node) | (nodes >= node + int(network.size[node]))
        unheard: Bools = (
            (self.book.owner[keys] < 0) & (ev.heard_at[keys] <= story.started_at) & ev.audible()[keys]
        )
        found: Keys = keys[beside & unheard & (ev.flags[keys] & Flag.SPELL == 0)][:1]
        return found

    def _settle(self, at: int) -> None:
        ev, book = self.evidence, self.book
        told = {story.id: slot for slot, story in book.stories.items()}
        heard: np.ndarray[tuple[int], np.dtype[np.int64]] | None = None
        for key, asked in sorted(self.outstanding.items()):
            refused = self.refused.get(key, 0) >= asked.at
            answered = int(ev.heard_at[key]) >= asked.at
            if asked.incident in told and not (answered or refused or at - asked.at >= self.patience):
                continue
            del self.outstanding[key]
            slot = told.get(asked.incident, -1)
            if slot < 0 or asked.purpose is not Purpose.CONFIRM or not (answered or refused):
                continue
            story = book.stories[slot]
            if book.owner[key] != slot or ev.kinds[key] & Dark.TARGET_FAILED:
                continue  # a neighbour, or an exception 0x0B: that is evidence of its own
            if refused and not answered:
                if heard is None:
                    heard = ev.heard_through()
                if heard[ev.path[key]] <= story.started_at + book.tolerance:
                    continue  # its path says nothing either
                story.unanswered += 1
            story.asked += 1
            book.dirty.add(slot)
        self.last = {key: asked for key, asked in self.last.items() if at - asked < self.again}
