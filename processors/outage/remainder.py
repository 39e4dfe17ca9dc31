"""What is still off once an outage is restored: parts of it with a fault of their own, or members that will show supply
in their turn.

The dark evidence of before is explained by the outage itself. A branch, the highest node at or above a member below
which nobody is back, has a fault of its own by what happened since those beside it came back:

    no restore message, as others below sent one    ln(1/(1−p)), once a remainder is due
    a report missed, though its path is alive        ln(1/silent_rate), twice at most
    a question not answered, though its path is alive  ln(1/silent_rate)
    dark evidence since                              as ever (likelihood.py)
    a path of the branch alone, silent as a whole    min_score, once

and their sum over everybody below has to reach `min_score`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from gateway.core.clock import SECOND
from gateway.core.model import Bools, Change, Float64s, IncidentKind, Int64s
from processors.outage.book import Book
from processors.outage.evidence import Evidence
from processors.outage.likelihood import beta_prior, log_gamma, lower_median, measured
from processors.outage.open import Opener
from processors.outage.settings import OutageSettings
from processors.outage.state import FAR, Dark, Keys
from processors.outage.story import Story

_MISSED = 2  # so many missed reports count
_LEAST = 0.8  # confidence: these were dark


class Branches(NamedTuple):
    """Rows of a story's members that are off, by branch."""

    rows: Int64s  # int64[r]
    top: Int64s  # int64[r]: node of the branch of each


class Remainder:
    def __init__(self, settings: OutageSettings, evidence: Evidence, book: Book, opener: Opener) -> None:
        self.settings = settings
        self.evidence = evidence
        self.book = book
        self.opener = opener
        self.wait = round(settings.remainder_s * SECOND)

    def judge(self, slot: int, story: Story, at: int) -> None:
        """Tell what has a fault of its own as outages nested in the story; `story.review_at` is when to look again."""
        ev, k = self.evidence, story.keys
        story.review_at = int(FAR)
        dark = story.off & ev.is_dark(k)
        if not dark.any() or story.off.all():
            return
        found = self.branches(story, story.started_at)
        mine = np.isin(found.top, np.unique(found.top[dark[found.rows]]))
        rows, tops, of = found.rows[mine], *np.unique(found.top[mine], return_inverse=True)
        since = self._since(story, tops)[of]
        score = np.bincount(of, self._weights(story, rows, of, since, at), len(tops))
        nested = score >= self.settings.min_score - 1e-6
        rest = rows[~nested[of] & self._may_show(k[rows])]
        if len(rest):
            self._look_again(story, rest, since[~nested[of] & self._may_show(k[rows])], at)
        parts = [(k[rows[of == i]], float(score[i])) for i in np.flatnonzero(nested).tolist()]
        for keys, weight in parts:
            self._tell(slot, story, keys, weight, at)
        if parts:
            self.book.dirty.add(slot)

    def branches(self, story: Story, since: int) -> Branches:
        """Of each member that is off, the highest node at or above it below which nobody has shown supply since."""
        ev, network, node = self.evidence, self.book.network, self.book.inventory.node
        rows = np.flatnonzero(story.off & (node[story.keys] >= 0))
        found = node[story.keys[rows]].astype(np.int64)
        if story.node not in network:
            return Branches(rows, found)
        top = network.index(story.node)
        beside = self.opener.points_below(top)
        alive = (ev.on_at[beside] > since + self.book.tolerance) & (self.book.owner[beside] < 0)
        living = np.sort(np.concatenate([node[story.keys[~story.off]], node[beside[alive]]]))
        climbing = np.arange(len(found))
        while len(climbing):
            up = network.parent[found[climbing]].astype(np.int64)
            inside = (up >= top) & (up < top + network.size[top])
            none = np.searchsorted(living, up) == np.searchsorted(living, up + network.size[up])
            climbing, up = climbing[inside & none], up[inside & none]
            found[climbing] = up
        return Branches(rows, found)

    def _since(self, story: Story, tops: Int64s) -> Int64s:
        """When supply came back beside each branch: the lower median of the returns below the node above it."""
        network = self.book.network
        back = np.flatnonzero(~story.off)
        nodes = self.book.inventory.node[story.keys[back]]
        order = np.argsort(nodes, kind="stable")
        nodes, ends = nodes[order], story.end[back[order]]
        middle = lower_median(ends)
        found = np.full(len(tops), middle, np.int64)
        for i, top in enumerate(tops.tolist()):
            up = int(network.parent[top])
            if up < 0:
                continue
            first, last = np.searchsorted(nodes, [up, up + int(network.size[up])])
            if last > first:
                found[i] = lower_median(ends[first:last])
        return found

    def _weights(self, story: Story, rows: Int64s, of: Int64s, since: Int64s, at: int) -> Float64s:
        """What each member says for a fault of its own."""
        ev, s = self.evidence, self.settings
        k = story.keys[rows]
        mute = math.log(1.0 / s.silent_rate)
        heard = ev.heard_through()[ev.path[k]]
        lives = heard > since + self.book.tolerance
        missed = self._missed(k, since, at)
        found = np.where(lives, missed * mute, 0.0)
        refused = np.array([self.book.refused.get(key, 0) for key in k.tolist()], np.int64)
        found += np.where(lives & (refused > since), mute, 0.0)
        found += self._whole(k, of, ~lives & (missed > 0))
        if at - story.returned_at >= self.wait:
            found += np.where(ev.restored_at[k] <= story.start[rows], self._untold(story, len(k)), 0.0)
        fresh = ev.is_dark(k) & (ev.kinds[k] & Dark.GUESSED == 0)
        fresh &= ev.dark_last[k] > since + self.book.tolerance
        failed = np.minimum(ev.failed[k], 3) * math.log(1.0 / s.target_failed_rate)
        found += np.where(fresh, np.where(ev.failed[k] > 0, failed, measured(s)), 0.0)
        return found

    def _missed(self, keys: Keys, since: Int64s, at: int) -> Int64s:
        """How many reports each would have given by now, had it come back with the others: int64[m]."""
        ev = self.evidence
        since = np.maximum(since, ev.heard_from[keys])
        count = np.clip((at - since - ev.interval[keys] // 2) // ev.interval[keys], 0, _MISSED)
        found: Int64s = np.where(self._may_show(keys) & (ev.heard_at[keys] <= since), count, 0)
        return found

    def _may_show(self, keys: Keys) -> Bools:
        """Who gives readings and can be heard."""
        found: Bools = (self.evidence.volt_at[keys] > 0) & self.evidence.audible()[keys]
        return found

    def _whole(self, keys: Keys, of: Int64s, dead: Bools) -> Float64s:
        """Paths that serve a branch alone and carry nothing: their shares of `min_score`."""
        found = np.zeros(len(keys))
        if not dead.any():
            return found
        ev = self.evidence
        path = ev.path[keys]
        users = np.bincount(ev.path[ev.listed & ~ev.concentrator], minlength=len(ev.paths))
        for group, number in sorted(set(zip(of[dead].tolist(), path[dead].tolist(), strict=True))):
            mine = dead & (of == group) & (path == number)
            count = int(np.count_nonzero(mine))
            if count * 2 > users[number]:
                found[mine] = self.settings.min_score / count
        return found

    def _untold(self, story: Story, count: int) -> float:
        """What it says of a member that it sent no restore message, by how many others did."""
        a, b = beta_prior(self.settings)
        told = ~story.off & (self.evidence.restored_at[story.keys] > story.start)
        r, n = float(np.count_nonzero(told)), float(np.count_nonzero(~story.off & ~told))
        terms = log_gamma(np.array([a + b + r + n + count, b + n, b + n + count, a + b + r + n]))
        one = float(terms[0] + terms[1] - terms[2] - terms[3]) / count
        return min(one, math.log(1.0 / (1.0 - self.settings.delivery_rate)))

    def _look_again(self, story: Story, rows: Int64s, since: Int64s, at: int) -> None:
        ev, k = self.evidence, story.keys[rows]
        since = np.maximum(since, ev.heard_from[k])
        half = ev.interval[k] // 2
        due = np.concatenate([since + half + ev.interval[k] * n for n in range(1, _MISSED + 1)])
        due = np.append(due, story.returned_at + self.wait)
        story.review_at = int(due[due > at].min(initial=FAR))

    def undecided(self, story: Story, at: int) -> bool:
        """Whether a member known dark may show soon that it was restored with the others."""
        if story.review_at >= FAR or story.planned:
            return False
        ev, k = self.evidence, story.keys
        dark = k[story.off & ev.is_dark(k)]
        dark = dark[self._may_show(dark)]
        return bool((at < story.restored_at + ev.interval[dark] * (2 * _MISSED + 1) // 2).any())

    def _tell(self, slot: int, story: Story, keys: Keys, score: float, at: int) -> None:
        """A nested incident that carries the interruptions from their own start on."""
        book = self.book
        start = story.start[np.isin(story.keys, keys)]
        node = book.network.lowest_above(book.inventory.node[keys])
        name = book.network.ids[node]
        loss = story.kind is IncidentKind.PHASE_LOSS
        mask = book.mask(slot)
        book.leave(slot, keys, at)
        there = book.covering(node, mask)
        if there >= 0:
            book.owner[keys] = -1
            book.take_in(there, keys, start)
            return
        sure = 1.0 / (1.0 + math.exp(-(score - self.settings.min_score)))
        new = book.add(
            Story(
                id=book.new_id(story.kind, f"{name}|{story.id}", at),
                kind=IncidentKind.PHASE_LOSS if loss else IncidentKind.OUTAGE,
                node=name,
                phases=story.phases if loss else book.node_phases(name),
                started_at=int(start.min()),
                detected_at=at,
                parent=story.id,
                confidence=round(min(0.99, max(_LEAST, sure)), 3),
            )
        )
        book.take_in(new, keys, start)
        book.publish(new, at, Change.OPENED)
