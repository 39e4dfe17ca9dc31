"""Communications loss: devices that are silent without any sign of lost supply. Their supply is unknown, not off."""

from __future__ import annotations

import numpy as np

from gateway.core.inventory import Inventory
from gateway.core.model import Bools, Change, IncidentKind
from processors.outage.book import Book
from processors.outage.evidence import Evidence
from processors.outage.open import Opener
from processors.outage.state import Flag, Keys
from processors.outage.story import Story

_PATH, _SINGLE = 0.8, 0.3  # confidence: a whole path silent, one device silent


class Silence:
    """`waiting`: silent keys not yet judged, because their area still collects dark evidence. `excused`: key whose
    silence is no loss, until it is heard again -> when it was heard last."""

    def __init__(self, inventory: Inventory, evidence: Evidence, book: Book, opener: Opener) -> None:
        self.inventory = inventory
        self.evidence = evidence
        self.book = book
        self.opener = opener
        self.waiting: set[int] = set()
        self.excused: dict[int, int] = {}

    def excuse(self, keys: Keys) -> None:
        """A person said that the silence of these is no loss."""
        self.excused |= dict(zip(keys.tolist(), self.evidence.heard_at[keys].tolist(), strict=True))

    def _excused(self, keys: Keys) -> Bools:
        heard = self.evidence.heard_at
        self.excused = {key: at for key, at in self.excused.items() if heard[key] == at}
        found: Bools = np.isin(keys, list(self.excused))
        return found

    def take_note(self, keys: Keys) -> None:
        ev = self.evidence
        silent = keys[(ev.flags[keys] & Flag.SILENT > 0) & (self.book.owner[keys] < 0)]
        self.waiting.update(silent.tolist())

    def conclude(self, at: int) -> None:
        """A path nothing was heard through since is lost as a whole; otherwise the device is alone."""
        if not self.waiting:
            return
        ev, book = self.evidence, self.book
        keys = np.array(sorted(self.waiting), np.int64)
        pending = np.isin(self.opener.area[keys], list(self.opener.pending)) & ev.listed[keys]
        collecting = pending & np.array(
            [
                at - self.opener.pending.get(a, 0) < self.opener.collecting
                for a in self.opener.area[keys].tolist()
            ]
        )
        held = collecting | ~ev.audible()[keys]
        self.waiting = set(keys[held].tolist())
        keys = keys[~held]
        keys = keys[(ev.flags[keys] & Flag.SILENT > 0) & (book.owner[keys] < 0) & ~ev.is_dark(keys)]
        keys = keys[~self._excused(keys)]
        if not len(keys):
            return
        alone = ev.path_lives(keys)
        soon = ~alone & self._heard_beside(keys) & (at <= ev.last_heard(keys) + 3 * ev.interval[keys])
        self.waiting.update(keys[soon].tolist())  # whether the path lives will show
        keys, alone = keys[~soon], alone[~soon]
        for path in np.unique(ev.path[keys[~alone]]).tolist():
            self._path_lost(keys[~alone & (ev.path[keys] == path)], at)
        for key in keys[alone].tolist():
            if book.owner[key] < 0:
                self._open(np.array([key], np.int64), int(self.inventory.node[key]), "", at)

    def _heard_beside(self, keys: Keys) -> Bools:
        """Which of these were silent while others on their path were heard, whenever that was."""
        ev = self.evidence
        found: Bools = ev.heard_through()[ev.path[keys]] > ev.heard_at[keys] + ev.interval[keys] * 3 // 2
        return found & (ev.heard_at[keys] > 0)

    def _path_lost(self, keys: Keys, at: int) -> None:
        """`keys` share their nearest hop, and nothing is heard through it: nor perhaps through a farther one."""
        ev, book = self.evidence, self.book
        path, through = self._widest(keys)
        name = next(name for name, index in ev.paths.items() if index == path)
        silent = ev.listed & ~ev.concentrator & (at > ev.last_heard(np.arange(len(ev.listed))) + ev.interval)
        members = np.flatnonzero(through & silent & (book.owner < 0))
        members = members[~ev.is_dark(members) & ~self._excused(members)]
        within = [
            slot
            for slot, story in book.stories.items()
            if story.communications
            and not story.confirmed_by
            and story.path != name
            and bool(through[story.keys].all())
        ]
        same = [slot for slot, story in book.stories.items() if story.path == name and not story.over]
        if not len(members) and not within:
            return
        ev.flags[members] |= Flag.SILENT
        start = ev.last_heard(members)
        if same:
            slot, new = same[0], False
        else:
            old = [book.stories[slot] for slot in within]
            everyone = np.sort(np.concatenate([members, *(story.keys for story in old)]))
            first = min([int(start.min(initial=at)), *(story.started_at for story in old)])
            slot, new = book.add(self._story(everyone, self._node(name, everyone), name, first, at)), True
        for other in within:
            story = book.stories[other]
            off = story.off
            members = np.concatenate([members, story.keys[off]])
            start = np.concatenate([start, story.start[off]])
            book.merge(other, book.stories[slot].id, at)
        order = np.argsort(members, kind="stable")
        book.take_in(slot, members[order], start[order])
        if new:
            book.publish(slot, at, Change.OPENED)

    def _widest(self, keys: Keys) -> tuple[int, Bools]:
        """(number of the farthest hop that these share and that nothing is heard through, who is heard through it)."""
        ev = self.evidence
        limit = int((ev.last_heard(keys) + ev.interval[keys] * 3 // 2).max())
        path = int(ev.path[keys[0]])
        through = ev.path == path
        last = ev.hops[-1]
        for hop in [*ev.hops, np.where(last >= 0, last, ev.session)]:
            wider = np.unique(hop[keys])
            if len(wider) != 1 or wider[0] < 0 or int(wider[0]) in self._unheard():
                continue
            here = hop == wider[0]
            if int(ev.heard_at[here & ev.listed].max(initial=0)) > limit:
                break
            if (here & ~through & ev.listed & ~ev.concentrator).any():  # else the nearer one says it better
                path, through = int(wider[0]), here
        return path, through

    def _unheard(self) -> set[int]:
        paths = self.evidence.paths
        return {index for name, index in paths.items() if name.startswith("unheard:")}

    def _node(self, path: str, members: Keys) -> int:
        """The concentrator's node, or the lowest node above all members."""
        how, _, rest = path.partition(":")
        concentrator = self.inventory.key(rest) if how == "via" else None
        if concentrator is not None:
            return int(self.inventory.node[concentrator])
        return self.inventory.network.lowest_above(self.inventory.node[members])

    def _story(self, members: Keys, node: int, path: str, started_at: int, at: int) -> Story:
        name = self.inventory.network.ids[node]
        return Story(
            id=self.book.new_id(IncidentKind.COMMUNICATIONS_LOSS, f"{name}|{path}|{members[0]}", at),
            kind=IncidentKind.COMMUNICATIONS_LOSS,
            node=name,
            phases=self.book.node_phases(name),
            started_at=started_at,
            detected_at=at,
            confidence=_PATH if path else _SINGLE,
            path=path,
        )

    def _open(self, members: Keys, node: int, path: str, at: int) -> None:
        start = self.evidence.last_heard(members)
        slot = self.book.add(self._story(members, node, path, int(start.min()), at))
        self.book.take_in(slot, members, start)
        self.book.publish(slot, at, Change.OPENED)
