"""Direct evidence: a terminal whose breaker is open, or whose busbar is dead, on all phases or some, speaks for
everything below its node."""

from __future__ import annotations

import numpy as np

from processors.outage.book import Book
from processors.outage.evidence import Evidence
from processors.outage.follow import Follower
from processors.outage.open import Opener
from processors.outage.state import ALL, Flag

_CONFIDENCE = 0.99


class Direct:
    def __init__(self, evidence: Evidence, book: Book, opener: Opener, follower: Follower) -> None:
        self.evidence = evidence
        self.book = book
        self.opener = opener
        self.follower = follower

    def conclude(self, at: int) -> None:
        """At once where the terminal was seen well before; else after the collecting window."""
        ev, waiting = self.evidence, self.opener.direct
        for key, since in sorted(waiting.items()):
            if ev.back_at[key] or not ev.flags[key] & Flag.SPELL or not ev.listed[key]:
                del waiting[key]
                continue
            changed = ev.on_at[key] > 0  # it has opened, it is not a normally open switch
            if changed or at - since >= self.opener.collecting:
                del waiting[key]
                self._conclude(key, at)

    def _conclude(self, key: int, at: int) -> None:
        ev, book, inventory = self.evidence, self.book, self.book.inventory
        node, terminal = int(inventory.node[key]), inventory.ids[key]
        name = book.network.ids[node]
        connected = int(inventory.phases[key])
        phases = ALL if int(ev.lost[key]) == connected else int(ev.lost[key])
        slot = book.covering(node, phases)
        if slot >= 0:
            if book.stories[slot].node == name and not book.stories[slot].direct_by:
                self._credit(slot, terminal)
            return
        below = self.opener.points_below(node)
        dark_at = int(ev.dark_at[key])
        known = ev.is_dark(below)
        if (self.opener.alive(below, phases, dark_at + book.tolerance) & ~known).any():
            return
        slot = book.verifying(name)
        if slot >= 0 and phases & ~book.mask(slot) == 0:
            self._credit(slot, terminal)
            self.follower.reopen(slot, int(ev.onset_at[key]), at)
            return
        same = ev.lost[below] & np.uint8(phases) > 0  # the loss of other phases is another matter
        dark = below[known & same & (np.abs(ev.onset_at[below] - dark_at) <= self.opener.join)]
        self.opener.begin(
            node,
            below,
            dark,
            min(dark_at, self.opener.start_of(dark, dark_at, phases)),
            phases=phases,
            alive_after=dark_at + book.tolerance,
            confidence=_CONFIDENCE,
            direct_by=terminal,
            at=at,
        )

    def _credit(self, slot: int, terminal: str) -> None:
        self.book.stories[slot].direct_by = terminal
        self.book.stories[slot].confidence = _CONFIDENCE
