"""The evidence below some nodes, as the judge takes it: who is dark by the same event, who lives, who says nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gateway.core.clock import SECOND
from gateway.core.inventory import Inventory
from gateway.core.model import Bools, Float64s, IncidentState, Int64s
from gateway.core.network import Network, NodeKind
from processors.outage.book import Book
from processors.outage.evidence import Evidence
from processors.outage.judge import Points
from processors.outage.likelihood import lower_medians, silence_weights
from processors.outage.settings import OutageSettings
from processors.outage.state import ALL, FAR, Dark, Flag, Keys, UInt8s
from processors.outage.story import Story


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """`keys` are the metering points below the tops; `points` has one row for each, and for terminals that speak for
    everything below. The others are sets of keys."""

    points: Points
    keys: Keys
    dark: Keys  # by the event in question
    fresh: Keys  # of these, explained by no outage so far
    silent: Keys  # belong to no outage
    open_end: Keys  # have neither spoken nor been due


class Owners(NamedTuple):
    """What the stories of some devices are; one row per device."""

    outage: Bools
    open: Bools
    phases: UInt8s  # what the outage explains, 0 for none
    settled: Bools  # by a terminal, or by a person


def tops_of(network: Network) -> tuple[Int64s, Int64s]:
    """For every node (the topmost feeder at or above it, or else its root: what is judged at a time; its root):
    int64[n] each."""
    feeder = np.where(network.kind == NodeKind.FEEDER, np.arange(len(network)), -1)
    root = np.arange(len(network))
    for depth in range(1, int(network.level.max(initial=0)) + 1):
        here = np.flatnonzero(network.level == depth)
        above = network.parent[here]
        feeder[here] = np.where(feeder[above] >= 0, feeder[above], feeder[here])
        root[here] = root[above]
    return np.where(feeder >= 0, feeder, root), root


class Weigher:
    """`area`: for every key the transformer above it, or its own node: whose points share an onset."""

    def __init__(
        self, inventory: Inventory, settings: OutageSettings, evidence: Evidence, book: Book, area: Int64s
    ) -> None:
        self.inventory = inventory
        self.settings = settings
        self.evidence = evidence
        self.book = book
        self.area = area
        self.join = round(settings.join_s * SECOND)

    def owners(self, keys: Keys) -> Owners:
        book = self.book
        owner = book.owner[keys]
        some = np.flatnonzero(owner >= 0)
        slots, inverse = np.unique(owner[some], return_inverse=True)
        stories = [book.stories[slot] for slot in slots.tolist()]
        columns = (
            [not story.communications for story in stories],
            [
                book.explains(slot) and book.stories[slot].state is IncidentState.OPEN
                for slot in slots.tolist()
            ],
            [book.mask(slot) for slot in slots.tolist()],
            [bool(story.direct_by or story.confirmed_by) for story in stories],
        )
        n = len(keys)
        found = Owners(
            np.zeros(n, np.bool_), np.zeros(n, np.bool_), np.zeros(n, np.uint8), np.zeros(n, np.bool_)
        )
        if len(some):
            for target, column in zip(found, columns, strict=True):
                target[some] = np.array(column, target.dtype)[inverse]
        return found

    def explained(self, keys: Keys) -> Bools:
        """Which of these belong to an outage that accounts for every phase they lost."""
        ev = self.evidence
        if not (self.book.owner[keys] >= 0).any():
            return np.zeros(len(keys), np.bool_)
        owners = self.owners(keys)
        lost = np.where(ev.flags[keys] & Flag.SPELL > 0, ev.lost[keys], 0)
        found: Bools = owners.outage & (lost & ~owners.phases == 0)
        return found

    def fresh(self, keys: Keys) -> Keys:
        """Dark evidence that no outage explains; also of those that were restored by their own message meanwhile."""
        ev = self.evidence
        spell = keys[(ev.flags[keys] & Flag.SPELL > 0) & (ev.kinds[keys] > 0)]
        return spell[~self.explained(spell) & ~self.book.aside(spell)]

    def scene(self, keys: Keys, of_top: Int64s, terminals: Keys, at: int) -> Scene:
        """keys: metering points by node, int64[m];  of_top: which of the judged tops each is below, ascending from 0;
        terminals: whose direct evidence is told as an open outage below the tops."""
        ev, inv = self.evidence, self.inventory
        m = len(keys)
        spell = ev.flags[keys] & Flag.SPELL > 0
        evident = np.flatnonzero(spell & (ev.kinds[keys] > 0))
        k = keys[evident]
        owners = self.owners(k)
        explained = owners.outage & (ev.lost[k] & ~owners.phases == 0)
        inside = explained & owners.open & ev.is_dark(k)
        areas, group = np.unique(self.area[k], return_inverse=True)
        fresh = ~explained & ~self.book.aside(k)
        new = lower_medians(group[fresh], ev.dark_at[k[fresh]], len(areas))
        about = self._times(of_top, evident, fresh, inside, keys)
        near = np.abs(ev.onset_at[k] - about[of_top[evident]]) <= self.join
        growing = (owners.phases != ALL) & (new[group] > 0)
        use = fresh | (inside & (near | growing))
        old = lower_medians(group[use], ev.dark_at[k[use]], len(areas))
        here = np.where(new > 0, new, old)

        dark = np.zeros(m, np.bool_)
        dark[evident[use]] = True
        dark_at = np.zeros(m, np.int64)
        dark_at[evident] = np.maximum(ev.dark_at[k], new[group])
        owner = self.owners(keys)
        owned = owner.outage
        told = self._told(keys, ~spell & ~owned, areas, here)
        phases = inv.phases[keys]
        lost = np.where(dark, ev.lost[keys], np.uint8(0))
        lost[told] = phases[told]
        kinds = np.where(dark, ev.kinds[keys], np.uint8(0))
        kinds[told] = Dark.GASP
        dark_at[told] = here[np.searchsorted(areas, self.area[keys[told]])]

        on_at, lit_at = ev.on_at[keys], ev.volt_at[keys]
        part = dark & (phases & ~lost > 0)
        on_at[part] = lit_at[part]
        same = spell & (np.abs(ev.onset_at[keys] - about[of_top]) <= self.join)
        past = (same | dark) & ~part
        past &= ~(owned & ~owner.open & (ev.back_at[keys] > 0) & ~dark)  # back, unlike who is left over
        past[told] = True
        on_at[past] = lit_at[past] = 0

        quiet = ~dark
        quiet[told] = False
        if owned.any():
            quiet &= ~self._apart(keys, owned, same)
        if self.book.plans:
            quiet &= ~self.book.aside(keys)
        heard = ev.last_heard(keys)
        audible = ev.audible()[keys]
        mute = (ev.flags[keys] & Flag.SILENT > 0) | (at - heard > ev.interval[keys] * 3 // 2)
        mute &= quiet & audible & (on_at <= about[of_top])
        quiet &= audible
        mute, silence = self._silences(keys, mute, quiet, about[of_top])
        points = Points(
            node=inv.node[keys], phases=phases, lost=lost, kinds=kinds, failed=ev.failed[keys], dark_at=dark_at,
            area=self.area[keys], quiet=quiet, silence=silence, on_at=on_at, lit_at=lit_at,
        )  # fmt: skip
        return Scene(
            points=self._with(points, terminals, self._shown_by(terminals)),
            keys=keys,
            dark=keys[dark],
            fresh=k[fresh],
            silent=keys[mute & ~owned],
            open_end=keys[quiet & ~mute & ~owned & (on_at <= about[of_top])],
        )

    def _silences(self, keys: Keys, mute: Bools, quiet: Bools, about: Int64s) -> tuple[Bools, Float64s]:
        """(which of those who are `mute` speak for or against a loss about a time, what their silence says for it).

        Only a report that was due after it and did not come while the path carried others speaks for it. Who missed
        one before, or whose path was not heard since, speaks for nothing and is not `quiet` (changed here) either; nor
        is who has to be asked, where nothing came along the path since it should have answered.
        """
        ev, rows = self.evidence, np.flatnonzero(mute)
        silence = np.zeros(len(keys))
        if not len(rows):
            return mute, silence
        k, since = keys[rows], about[rows]
        before = ev.last_heard(k) + ev.interval[k] < since
        lives = ev.path_lives(k)
        silence[rows] = np.where(lives & ~before, silence_weights(self.settings)[1], 0.0)
        quiet[rows] &= ~before & (lives | (ev.gasps[k] & (ev.heard_through()[ev.path[k]] >= since)))
        mute[rows[before]] = False
        return mute, silence

    def members(self, story: Story, living: Bools, node: int, terminals: Keys) -> Points:
        """Those of an outage that hang at or below a node; `living` (bool[m]) have supply against expectation."""
        ev, inv, k = self.evidence, self.inventory, story.keys
        order = np.argsort(inv.node[k], kind="stable")
        at = inv.node[k[order]]
        order = order[(at >= node) & (at < node + inv.network.size[node])]
        k, living, back = k[order], living[order], story.end[order] > 0
        evident = (ev.kinds[k] > 0) & ~back
        shown = np.where(living, FAR, 0)
        quiet = ~(evident | back)
        mute = (ev.flags[k] & Flag.SILENT > 0) | (self.book.at - ev.last_heard(k) > ev.interval[k] * 3 // 2)
        mute &= quiet & ev.audible()[k]
        _, silence = self._silences(k, mute, quiet, np.full(len(k), story.started_at))
        points = Points(
            node=inv.node[k], phases=inv.phases[k], lost=np.where(evident, ev.lost[k], np.uint8(0)),
            kinds=np.where(evident, ev.kinds[k], np.uint8(0)), failed=ev.failed[k], dark_at=ev.dark_at[k],
            area=self.area[k], quiet=quiet, silence=silence, on_at=shown, lit_at=shown,
        )  # fmt: skip
        return self._with(points, terminals, np.zeros(len(terminals), np.int64))

    def _times(self, of_top: Int64s, evident: Int64s, fresh: Bools, inside: Bools, keys: Keys) -> Int64s:
        """Of what time the evidence below each top is: the median of what is new, else the latest that is known."""
        ev, count = self.evidence, int(of_top[-1]) + 1 if len(of_top) else 0
        top, k = of_top[evident], keys[evident]
        new = lower_medians(top[fresh], ev.dark_at[k[fresh]], count)
        latest = np.zeros(count, np.int64)
        np.maximum.at(latest, top[inside], ev.onset_at[k[inside]])
        found: Int64s = np.where(new > 0, new, latest)
        return found

    def _told(self, keys: Keys, free: Bools, areas: Int64s, here: Int64s) -> Int64s:
        """Rows of points that said by a restore message, and by nothing before, that they had lost supply."""
        if not len(areas):
            return np.empty(0, np.int64)
        restored = self.evidence.restored_at[keys]
        news = restored > np.maximum(self.evidence.told_until[keys], here.min())
        rows = np.flatnonzero(free & news)
        at = np.minimum(np.searchsorted(areas, self.area[keys[rows]]), len(areas) - 1)
        mine = (areas[at] == self.area[keys[rows]]) & (here[at] > 0) & (restored[rows] > here[at])
        found: Int64s = rows[mine]
        return found

    def _apart(self, keys: Keys, owned: Bools, same: Bools) -> Bools:
        """Members of an outage that tell nothing more: of one that a terminal or a person
        vouches for, or dark since another time."""
        found = owned & ~same
        rows = np.flatnonzero(owned)
        found[rows] |= self.owners(keys[rows]).settled
        return found

    def _shown_by(self, terminals: Keys) -> Int64s:
        """When each terminal last measured voltage on some phase, 0 for those whose outage is of all phases: what came
        back there contradicts nothing."""
        book = self.book
        whole = {
            story.direct_by
            for slot, story in book.stories.items()
            if story.direct_by and book.mask(slot) == ALL
        }
        part = np.array([self.inventory.ids[key] not in whole for key in terminals.tolist()], np.bool_)
        return np.where(part, self.evidence.volt_at[terminals], 0)

    def _with(self, points: Points, terminals: Keys, shown: Int64s) -> Points:
        """A terminal counts as a point that measured what it says. `shown`: its life against the loss of all phases; of
        single ones what lives on a busbar says nothing, the meters' own voltage does."""
        if not len(terminals):
            return points
        ev, n = self.evidence, len(terminals)
        node = np.concatenate([points.node, self.inventory.node[terminals]])
        order = np.argsort(node, kind="stable")
        none, zero = np.zeros(n, np.bool_), np.zeros(n, np.int64)
        lost = np.where(ev.lost[terminals] == self.inventory.phases[terminals], ALL, ev.lost[terminals])
        added = {
            "phases": np.full(n, ALL), "lost": lost, "kinds": np.full(n, Dark.BREAKER), "failed": zero,
            "dark_at": ev.dark_at[terminals], "area": self.area[terminals], "quiet": none, "silence": np.zeros(n),
            "on_at": shown, "lit_at": zero,
        }  # fmt: skip
        return Points(
            node=node[order],
            **{
                name: np.concatenate([getattr(points, name), column.astype(getattr(points, name).dtype)])[
                    order
                ]
                for name, column in added.items()
            },
        )
