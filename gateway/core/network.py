"""The network tree as arrays: every question about "below" is a slice, never a recursion.

Nodes are renumbered once in depth-first order, so that the subtree of node i is the contiguous range
[i, i + size[i]). Everything that hangs on nodes (metering points, evidence, customers) is sorted by node and
summed over subtrees by prefix sums.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from gateway.core.errors import InvalidInputError
from gateway.core.model import Int32s

PHASES = "ABC"


class NodeKind(IntEnum):
    SUBSTATION = 0
    FEEDER = 1
    SWITCH = 2
    RECLOSER = 3
    FUSE = 4
    SECTION = 5
    TRANSFORMER = 6
    SERVICE = 7

    @property
    def word(self) -> str:
        return self.name.lower()


NODE_KINDS: dict[str, NodeKind] = {kind.word: kind for kind in NodeKind}


def phase_mask(phases: str) -> int:
    """'ABC' → 7, 'A' → 1; empty means all three. Raises ValueError for anything else."""
    mask = 0
    for letter in phases or PHASES:
        bit = 1 << PHASES.index(letter) if letter in PHASES else 0
        if not bit or mask & bit:
            raise ValueError(f"phases {phases!r} are not made of A, B and C, each at most once")
        mask |= bit
    return mask


def phase_letters(mask: int) -> str:
    return "".join(letter for i, letter in enumerate(PHASES) if mask >> i & 1)


class Network:
    """The tree, in depth-first order.

    ids: n node names;  names: n names for people;  parent: int32[n], −1 at roots;  kind, phases: uint8[n];
    level: int32[n], 0 at roots;  size: int32[n], nodes in the subtree, itself included;  lat, lon: float64[n] or NaN;
    attributes: what else was written about a node, by node, only where there is something.
    """

    def __init__(
        self,
        ids: Sequence[str],
        parents: Sequence[str],
        kinds: Sequence[str],
        *,
        names: Sequence[str] | None = None,
        phases: Sequence[str] | None = None,
        lat: npt.ArrayLike | None = None,
        lon: npt.ArrayLike | None = None,
        attributes: Sequence[Mapping[str, str]] | None = None,
        where: Sequence[str] | None = None,
    ) -> None:
        """Build and check the tree. `where[i]` says where row i was written ("network.csv line 7").

        Raises:
            InvalidInputError: duplicate or missing nodes, unknown kinds, wrong phases, cycles: all of them listed.
        """
        count = len(ids)
        place = where if where is not None else [f"node {name}" for name in ids]
        faults: list[str] = []
        index: dict[str, int] = {}
        for i, name in enumerate(ids):
            if name in index:
                faults.append(f"{place[i]}: node_id {name!r} is there already at {place[index[name]]}")
            else:
                index[name] = i
        parent = np.full(count, -1, np.int32)
        for i, name in enumerate(parents):
            if name:
                parent[i] = index.get(name, -2)
        faults += [
            f"{place[i]}: parent_id {parents[i]!r} is not a node of this network"
            for i in np.flatnonzero(parent == -2).tolist()
        ]
        kind = np.zeros(count, np.uint8)
        for i, word in enumerate(kinds):
            if word in NODE_KINDS:
                kind[i] = NODE_KINDS[word]
            else:
                faults.append(f"{place[i]}: kind {word!r} is not one of {', '.join(NODE_KINDS)}")
        mask = np.full(count, 7, np.uint8)
        for i, letters in enumerate(phases or ()):
            try:
                mask[i] = phase_mask(letters)
            except ValueError as exc:
                faults.append(f"{place[i]}: {exc}")
        parent[parent == -2] = -1
        level = _levels(parent)
        for loop in _cycles(parent, np.flatnonzero(level < 0).tolist()):
            faults.append(
                f"{place[loop[0]]}: the network has a cycle: {' -> '.join(ids[i] for i in [*loop, loop[0]])}"
            )
        if faults:
            raise InvalidInputError(faults)

        order, size = _depth_first(parent, level)
        rank = np.empty(count, np.int32)
        rank[order] = np.arange(count, dtype=np.int32)
        self.ids: tuple[str, ...] = tuple(ids[i] for i in order)
        self.names: tuple[str, ...] = tuple((names or ids)[i] or ids[i] for i in order)
        old = parent[order]
        self.parent: Int32s = np.where(old < 0, -1, rank[old]).astype(np.int32)
        self.kind: npt.NDArray[np.uint8] = kind[order]
        self.phases: npt.NDArray[np.uint8] = mask[order]
        self.level: Int32s = level[order]
        self.size: Int32s = size[order]
        nowhere = np.full(count, np.nan)
        self.lat = nowhere if lat is None else np.asarray(lat, np.float64)[order]
        self.lon = nowhere if lon is None else np.asarray(lon, np.float64)[order]
        self._index: dict[str, int] = {name: i for i, name in enumerate(self.ids)}
        self.attributes: dict[int, Mapping[str, str]] = {
            int(rank[i]): extra for i, extra in enumerate(attributes or ()) if extra
        }

    def __len__(self) -> int:
        return len(self.ids)

    def __contains__(self, node_id: object) -> bool:
        return node_id in self._index

    def index(self, node_id: str) -> int:
        """Raises KeyError for a node that is not there."""
        return self._index[node_id]

    def subtree(self, node: int) -> slice:
        """The nodes at and below `node`, as a slice of every per-node array."""
        return slice(node, node + int(self.size[node]))

    def is_below(self, node: int, ancestor: int) -> bool:
        """True when `node` is `ancestor` or hangs below it."""
        return ancestor <= node < ancestor + int(self.size[ancestor])

    def lowest_above(self, nodes: npt.ArrayLike) -> int:
        """The lowest node at or above all of these, one or more; where they have no root in common, a root."""
        found = np.asarray(nodes)
        node, last = int(found.min()), int(found.max())
        while not self.is_below(last, node) and self.parent[node] >= 0:
            node = int(self.parent[node])
        return node

    def path(self, node: int) -> list[int]:
        """From the root down to `node`, both included."""
        steps = [node]
        while (above := int(self.parent[steps[-1]])) >= 0:
            steps.append(above)
        return steps[::-1]

    def ancestor_of_kind(self, kind: NodeKind) -> Int32s:
        """For every node the nearest node of that kind at or above it, −1 where there is none: int32[n]."""
        found = np.where(self.kind == kind, np.arange(len(self), dtype=np.int32), np.int32(-1))
        for depth in range(1, int(self.level.max(initial=0)) + 1):
            here = np.flatnonzero((self.level == depth) & (found < 0))
            found[here] = found[self.parent[here]]
        return found

    def subtree_sums(self, per_node: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        """Sum of `per_node` (shape [n] or [n, k]) over every node's subtree; same shape."""
        total = np.concatenate(
            [np.zeros((1, *per_node.shape[1:]), per_node.dtype), np.cumsum(per_node, axis=0)]
        )
        start = np.arange(len(self))
        result: npt.NDArray[np.generic] = total[start + self.size] - total[start]
        return result


def _levels(parent: Int32s) -> Int32s:
    """Distance to the root by pointer doubling; −1 for nodes that never reach one (on or below a cycle)."""
    count = len(parent)
    above = np.where(parent < 0, count, parent).astype(np.int64)
    above = np.append(above, count)  # one virtual node above all roots, its own parent
    distance = np.ones(count + 1, np.int64)
    distance[count] = 0
    for _ in range(max(1, count.bit_length())):
        distance = distance + distance[above]
        above = above[above]
    reached = above[:count] == count
    return np.where(reached, distance[:count] - 1, -1).astype(np.int32)


def _cycles(parent: Int32s, lost: Sequence[int]) -> Iterator[list[int]]:
    """The cycles among `lost`, nodes that never reach a root."""
    done: set[int] = set()
    for start in lost:
        walk: dict[int, int] = {}
        node = start
        while node not in walk and node not in done:
            walk[node] = len(walk)
            node = int(parent[node])
        if node in walk:
            yield list(walk)[walk[node] :]
        done.update(walk)


def _depth_first(parent: Int32s, level: Int32s) -> tuple[npt.NDArray[np.int64], Int32s]:
    """(order, size): the input rows in depth-first order with siblings as written, and each row's subtree size."""
    count = len(parent)
    size = np.ones(count, np.int64)
    depth = int(level.max(initial=0))
    by_level = [np.flatnonzero(level == d) for d in range(depth + 1)] if depth < 64 else _rows_by_level(level)
    for rows in by_level[:0:-1]:
        np.add.at(size, parent[rows], size[rows])
    enter = np.zeros(count, np.int64)
    for d, rows in enumerate(by_level):
        group = parent[rows] if d else np.full(len(rows), -1, np.int32)
        inner = np.argsort(group, kind="stable")
        rows, group = rows[inner], group[inner]
        before = np.cumsum(size[rows]) - size[rows]  # nodes taken by what stands left of it in this level
        first = np.concatenate([[True], group[1:] != group[:-1]])
        base = before[np.maximum.accumulate(np.where(first, np.arange(len(rows)), 0))]
        enter[rows] = before - base + (enter[group] + 1 if d else 0)
    return np.argsort(enter, kind="stable"), size.astype(np.int32)


def _rows_by_level(level: Int32s) -> list[npt.NDArray[np.int64]]:
    order = np.argsort(level, kind="stable")
    return np.split(order, np.cumsum(np.bincount(level))[:-1])
