"""Opening outages: dark evidence is judged after its collecting window, and again whenever more of it comes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gateway.core.clock import SECOND
from gateway.core.inventory import DeviceKind, Inventory
from gateway.core.model import Bools, IncidentState, Int64s
from processors.outage.book import Book
from processors.outage.evidence import Evidence
from processors.outage.judge import Candidate, judge
from processors.outage.settings import OutageSettings
from processors.outage.start import Starter
from processors.outage.state import FAR, Flag, Keys
from processors.outage.story import Story
from processors.outage.weigh import Scene, Weigher, tops_of

_DIRECT_POINTS = 3  # what a terminal says weighs as much as so many points


@dataclass(frozen=True, slots=True, eq=False)
class _Judged:
    """A scene with its candidates; the sets of keys as masks over all keys."""

    scene: Scene
    candidates: list[Candidate]
    dark: Bools
    fresh: Bools
    silent: Bools
    ripe: Bools  # dark, and collected long enough


class Opener(Starter):
    """`pending`: node of an area (a transformer, or where there is none the device's own node) -> tick of its first
    dark evidence. `direct`: key of a terminal with dark evidence -> tick of the first."""

    def __init__(
        self, inventory: Inventory, settings: OutageSettings, evidence: Evidence, book: Book
    ) -> None:
        super().__init__(inventory, settings, evidence, book)
        self.collecting = round(settings.collecting_s * SECOND)
        self.tolerance = round(settings.clock_tolerance_s * SECOND)
        above = inventory.transformer()
        self.area: Int64s = np.where(above >= 0, above, inventory.node).astype(np.int64)
        self.top, self.root = tops_of(inventory.network)
        self.weigher = Weigher(inventory, settings, evidence, book, self.area)
        self.pending: dict[int, int] = {}
        self.direct: dict[int, int] = {}
        self.stirred: set[int] = set()  # areas with something new since they were judged
        self.again: set[int] = set()  # nodes whose outages may turn out to be one
        self.withdrawn: dict[int, int] = {}  # node -> when an outage there was taken back for smaller ones
        self.review: dict[int, int] = {}  # node -> when the undecided points below should have spoken

    # -- sorting what was touched ----------------------------------------------------------------------------------

    def sort(self, keys: Keys, at: int) -> None:
        """Take note of dark evidence that no outage explains yet; forget what was contradicted in time."""
        ev = self.evidence
        keys = keys[ev.listed[keys]]
        owned = self.book.in_outage(keys)
        free = keys[~owned]
        spell = free[ev.flags[free] & Flag.SPELL > 0]
        back = ev.back_at[spell] > 0
        told = ev.restored_at[spell] > ev.onset_at[spell]  # back by its own message: the outage was real
        gone = back & ~told
        if self.nested:
            for key in spell[gone].tolist():
                self.nested.pop(key, None)
        ev.flags[spell[gone]] &= ~Flag.SPELL
        for key in spell[~gone & ev.terminal[spell] & (ev.kinds[spell] > 0)].tolist():
            self.direct.setdefault(key, at)
        fresh = self.weigher.fresh(keys)
        meters = fresh[self.inventory.kind[fresh] == DeviceKind.METER]
        areas = np.unique(self.area[meters]).tolist()
        for area in areas:
            self.pending.setdefault(area, at)
        self.stirred.update(areas)
        silent = free[ev.flags[free] & Flag.SILENT > 0]
        self.stirred.update(area for area in np.unique(self.area[silent]).tolist() if area in self.pending)
        dark = keys[owned]
        dark = dark[ev.is_dark(dark)]
        self._reconsider(dark, at)
        self._look_again(np.concatenate([silent, dark]))

    def _reconsider(self, dark: Keys, at: int) -> None:
        """Members of young outages of several areas have told more: where smaller ones explain it clearly better, judge
        anew."""
        self.withdrawn = {node: when for node, when in self.withdrawn.items() if at - when < self.join}
        for slot in np.unique(self.book.owner[dark]).tolist():
            if not self.book.explains(slot):
                continue
            story = self.book.stories[slot]
            node = self.network.index(story.node) if story.node in self.network else -1
            if node < 0 or story.alone or self.area[story.keys[0]] <= node or node in self.withdrawn:
                continue  # nothing smaller to take, or they might take turns
            young = at - story.detected_at <= self.join and not story.direct_by and story.off.all()
            none = np.zeros(len(story.keys), np.bool_)
            if young and not self.stands(story, none, keep=self.settings.min_score):
                self.withdrawn[node] = at
                self.withdraw(slot, at)

    def withdraw(self, slot: int, at: int) -> None:
        """Take back an outage; its dark members are judged anew, at once."""
        keys = self.book.stories[slot].keys
        dark = keys[self.evidence.is_dark(keys)]
        self.book.finish(slot, at, IncidentState.CANCELLED, void=True)
        for area in np.unique(self.area[dark]).tolist():
            self.pending[area] = at - self.collecting
            self.stirred.add(area)

    def _look_again(self, keys: Keys) -> None:
        """More is known about places where outages are open: they may be one."""
        if not len(keys) or not self.book.at_node:
            return
        count: dict[int, int] = {}
        for node in self.book.at_node:
            if node in self.network:
                top = int(self.top[self.network.index(node)])
                count[top] = count.get(top, 0) + 1
        for top in np.unique(self.top[self.inventory.node[keys]]).tolist():
            if count.get(top, 0) > int(self.network.ids[top] in self.book.at_node):
                self.again.add(top)

    # -- dark evidence ---------------------------------------------------------------------------------------------

    def conclude(self, at: int) -> None:
        late = {node for node, when in self.review.items() if at >= when}
        for node in late:
            del self.review[node]
        collected = {area for area in self.stirred if at - self.pending.get(area, at) >= self.collecting}
        self.stirred -= collected
        again, self.again = self.again, set()
        tops = np.unique(self.top[np.array(sorted(collected | late | again), np.int64)])
        if not len(tops):
            return
        judged = self._judge(tops, at)
        whole = {c.node for c in judged.candidates if not c.alone} & set(tops.tolist())
        wider = self._wider(whole)
        if len(wider):
            apart = np.setdiff1d(tops, np.flatnonzero(np.isin(self.root, wider)))
            tops = np.unique(np.concatenate([wider, apart]))
            judged = self._judge(tops, at)
        for candidate in judged.candidates:
            self._open(candidate, judged, at)
        self._put_away(judged, at)

    def _wider(self, whole: set[int]) -> Int64s:
        """Roots above several feeders that are dark as a whole."""
        here = {
            node
            for node, slot in self.book.at_node.items()
            if node in self.network
            and not (story := self.book.stories[slot]).alone
            and not story.confirmed_by
        }
        dark = whole | {top for node in here if self.top[top := self.network.index(node)] == top}
        roots = self.root[np.array(sorted(dark), np.int64)]
        found, count = np.unique(roots, return_counts=True)
        new = np.unique(self.root[np.array(sorted(whole), np.int64)])
        return found[(count > 1) & np.isin(found, new)]

    def _judge(self, tops: Int64s, at: int) -> _Judged:
        ev, network = self.evidence, self.network
        parts = [self.points_below(top) for top in tops.tolist()]
        keys = np.concatenate(parts)
        of_top = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
        scene = self.weigher.scene(keys, of_top, self._terminals(tops), at)
        passed = np.array([int(self.inventory.node[key]) for key in self.passed(tops, scene)], np.int64)
        candidates = judge(network, tops, scene.points, self.settings, passed)
        dark, fresh, silent, ripe = (np.zeros(len(ev.flags), np.bool_) for _ in range(4))
        dark[scene.dark] = fresh[scene.fresh] = silent[scene.silent] = True
        young = [area for area, since in self.pending.items() if at - since < self.collecting]
        ripe[scene.dark] = ~np.isin(self.area[scene.dark], young)
        return _Judged(scene, candidates, dark, fresh, silent, ripe)

    def _terminals(self, tops: Int64s) -> Keys:
        """Whose direct evidence is told as an outage that is open below the tops."""
        found = []
        stories = self.book.stories
        slots = [slot for node in self.book.at_node for slot in self.book.open_at(node)]
        for by in {stories[slot].direct_by for slot in slots} - {""}:
            key = self.inventory.key(by)
            if key is not None and self.evidence.is_dark(np.array([key]))[0]:
                node = int(self.inventory.node[key])
                if node >= 0 and any(self.network.is_below(node, top) for top in tops.tolist()):
                    found.append(key)
        return np.array(sorted(found), np.int64)

    def passed(self, tops: Int64s, scene: Scene) -> list[int]:
        """Devices below the tops that a fault current passed at about the time of the evidence."""
        if not self.evidence.faulted or not len(scene.dark):
            return []
        times = self.evidence.onset_at[scene.dark]
        node, last = self.inventory.node, self.network.size
        return [
            key
            for key, since in sorted(self.evidence.faulted.items())
            if int(times.min()) - self.join <= since <= int(times.max()) + self.join
            and ((tops <= node[key]) & (node[key] < tops + last[tops])).any()
        ]

    def _put_away(self, judged: _Judged, at: int) -> None:
        """What was decided waits no more; what is undecided is looked at again when it should have spoken."""
        ev, scene = self.evidence, judged.scene
        left = self.weigher.fresh(scene.keys)
        waiting = set(np.unique(self.area[left]).tolist())
        seen = np.unique(self.area[scene.fresh]).tolist()
        for area in seen:
            if area not in waiting:
                self.pending.pop(area, None)
        rest = scene.open_end
        areas, of = np.unique(self.area[rest], return_inverse=True)
        longest, soonest = np.zeros(len(areas), np.int64), np.full(len(areas), FAR)
        np.maximum.at(longest, of, ev.interval[rest])
        np.minimum.at(soonest, of, ev.interval[rest])
        dark = np.isin(areas, np.unique(self.area[scene.dark]))
        for area, wait in zip(areas[dark].tolist(), soonest[dark].tolist(), strict=True):
            if self.book.covering(area) < 0:
                self.review[area] = at + wait * 3 // 2
        for top in np.unique(self.top[self.inventory.node[scene.dark]]).tolist():
            mine = longest[self.top[areas] == top]
            if self.book.covering(top) < 0 and len(mine):
                self.review.setdefault(top, at + int(mine.max()) * 3 // 2)
        over = left[(ev.back_at[left] > 0) & judged.ripe[left]]
        ev.flags[over] &= ~Flag.SPELL

    def stands(self, story: Story, living: Bools, keep: float = 0.0) -> bool:
        """Whether an outage still explains its members better than smaller ones would, although these (bool[m]) missed
        no report. After a conclusion the first life is most often restoration: it weighs, and does not veto. Smaller
        ones have to be better by `keep`."""
        if story.node not in self.network:
            return True
        node = self.network.index(story.node)
        terminal = self.inventory.key(story.direct_by) if story.direct_by else None
        terminals = np.full(0 if terminal is None else _DIRECT_POINTS, terminal or 0, np.int64)
        points = self.weigher.members(story, living, node, terminals)
        found = judge(self.network, np.array([node]), points, self.settings, lenient=True, keep=keep)
        mask = self.book.story_mask(story)
        return any(
            c.node == node and c.alone <= story.alone and mask & ~c.phases == 0 for c in found
        )  # what lives on a phase leaves the loss of the others

    # -- opening ---------------------------------------------------------------------------------------------------

    def _open(self, candidate: Candidate, judged: _Judged, at: int) -> None:
        ev, book, node, phases = self.evidence, self.book, candidate.node, np.uint8(candidate.phases)
        below = self.points_below(node)
        if candidate.alone:
            below = below[self.inventory.node[below] == node]
        dark = below[judged.dark[below]]
        dark = dark[(ev.lost[dark] & ~phases == 0) & (self.inventory.phases[dark] & phases > 0)]
        fresh = dark[judged.fresh[dark]]
        if not judged.ripe[dark].any():
            return
        slot = book.covering(node, candidate.phases)
        if slot < 0 and candidate.alone:
            slot = book.at_node.get(self.network.ids[node], -1)
        if slot >= 0:
            self.join_in(slot, fresh[(book.owner[fresh] != slot) & ~book.confirmed(fresh)], at)
            return
        if not len(fresh) and not judged.silent[below].any() and self._parts(below) < 2:
            return  # nothing that is not told already
        middle = candidate.onset
        self.begin(
            node,
            dark if candidate.alone else below,
            dark,
            self.start_of(dark, middle, candidate.phases),
            phases=candidate.phases,
            alive_after=middle + self.tolerance,
            confidence=candidate.confidence,
            direct_by="",
            at=at,
            alone=candidate.alone,
        )

    def _parts(self, below: Keys) -> int:
        """How many open outages these belong to."""
        slots = np.unique(self.book.owner[below]).tolist()
        return sum(slot >= 0 and self.book.explains(slot) for slot in slots)
