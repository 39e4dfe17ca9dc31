"""Communications loss: devices that are silent without any sign of lost supply. Their supply is unknown, not off."""

from __future__ import annotations

import numpy as np

from gateway.core.inventory import Inventory
from gateway.core.model import Change, IncidentKind
from processors.outage.book import Book
from processors.outage.evidence import Evidence
from processors.outage.open import Opener
from processors.outage.state import Flag, Keys
from processors.outage.story import Story

_PATH, _SINGLE = 0.8, 0.3  # confidence: a whole path silent, one device silent


class Silence:
    """`waiting`: silent keys not yet judged, because their area still collects dark evidence."""

    def __init__(self, inventory: Inventory, evidence: Evidence, book: Book, opener: Opener) -> None:
        self.inventory = inventory
        self.evidence = evidence
        self.book = book
        self.opener = opener
        self.waiting: set[int] = set()

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
        if not len(keys):
            return
        alone = ev.path_lives(keys)
        for path in np.unique(ev.path[keys[~alone]]).tolist():
            self._path_lost(path, at)
        for key in keys[alone].tolist():
            self._open(np.array([key], np.int64), int(self.inventory.node[key]), "", at)

    def _path_lost(self, path: int, at: int) -> None:
        ev, book = self.evidence, self.book
        name = next(name for name, index in ev.paths.items() if index == path)
        on_path = (ev.path == path) & ev.listed & ~ev.concentrator & (book.owner < 0)
        quiet = at > np.maximum(ev.heard_at, ev.heard_from) + ev.interval
        members = np.flatnonzero(on_path & quiet)
        members = members[~ev.is_dark(members)]
        if not len(members):
            return
        ev.flags[members] |= Flag.SILENT
        for slot, story in book.stories.items():
            if story.path == name and not story.over:
                book.take_in(slot, members, ev.last_heard(members))
                return
        self._open(members, self._node(name, members), name, at)

    def _node(self, path: str, members: Keys) -> int:
        """The concentrator's node, or the lowest node above all members."""
        how, _, rest = path.partition(":")
        concentrator = self.inventory.key(rest) if how == "via" else None
        if concentrator is not None:
            return int(self.inventory.node[concentrator])
        nodes = self.inventory.node[members]
        node, last = int(nodes.min()), int(nodes.max())
        network = self.inventory.network
        while not network.is_below(last, node) and network.parent[node] >= 0:
            node = int(network.parent[node])
        return node

    def _open(self, members: Keys, node: int, path: str, at: int) -> None:
        ev, book = self.evidence, self.book
        start = ev.last_heard(members)
        name = self.inventory.network.ids[node]
        slot = book.add(
            Story(
                id=book.new_id(IncidentKind.COMMUNICATIONS_LOSS, f"{name}|{path}|{members[0]}", at),
                kind=IncidentKind.COMMUNICATIONS_LOSS,
                node=name,
                phases=book.node_phases(name),
                started_at=int(start.min()),
                detected_at=at,
                confidence=_PATH if path else _SINGLE,
                path=path,
            )
        )
        book.take_in(slot, members, start)
        book.publish(slot, at, Change.OPENED)
