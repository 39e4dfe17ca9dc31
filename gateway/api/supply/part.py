"""The network as whoever draws it wants it: columns in depth-first order of the part that somebody sees."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Sequence
from functools import cached_property
from hashlib import blake2b
from typing import NamedTuple

import msgspec
import numpy as np

from gateway.api.inventory.field import Field
from gateway.core.clock import format_time
from gateway.core.model import Bools, IncidentKind, Int64s, Record
from gateway.core.network import NodeKind
from gateway.store.supply import Trouble, Without

_KINDS = [kind.word for kind in NodeKind]
_LEVEL = 4  # of gzip: as small as 6 here, and three times as fast


class Encoded(NamedTuple):
    """An answer, packed. `tag` names what it says; it is the same for the same content."""

    tag: str
    packed: bytes

    def plain(self) -> bytes:
        return zlib.decompress(self.packed, wbits=31)


class Held(NamedTuple):
    """Customers without supply at their own nodes: int64[k], by rising node; each since when, µs UTC."""

    node: Int64s
    customers: Int64s
    since: Int64s


class Moment(Record, frozen=True, kw_only=True):
    """Who is without supply in the whole network. `planned` are those of `off` whose outage was announced."""

    at: int
    off: Held
    planned: Held
    unknown: Held
    troubles: tuple[tuple[int, Trouble], ...]  # with the nodes that they are at


class Part:
    """What lies at or below `tops`, none of them below another: numbered anew from 0, with the tops as roots."""

    def __init__(self, field: Field, tops: Sequence[int]) -> None:
        self._field = field
        self._tops = np.array(sorted(tops), np.int64)
        self._size = field.network.size[self._tops].astype(np.int64)
        self._first = np.cumsum(self._size) - self._size

    @cached_property
    def picture(self) -> Encoded:
        """Columns by node. A name that is the id is empty, a place that is not known is null."""
        network, inventory = self._field.network, self._field.inventory
        spans = [network.subtree(top) for top in self._tops.tolist()]
        rows = np.concatenate([np.arange(0), *(np.arange(span.start, span.stop) for span in spans)])
        parent, _ = self._places(network.parent[rows].astype(np.int64))
        listed = inventory.node >= 0
        at, count = inventory.node[listed], len(network)
        customers = np.bincount(at, weights=inventory.customers[listed], minlength=count).astype(np.int64)
        devices = np.bincount(at, minlength=count)
        ids = [name for span in spans for name in network.ids[span]]
        names = [name for span in spans for name in network.names[span]]
        columns: dict[str, list[str] | list[int] | list[float]] = {
            "ids": ids,
            "names": ["" if name == known else name for name, known in zip(names, ids, strict=True)],
            "parent": parent.tolist(),
            "kind": network.kind[rows].tolist(),
            "customers": customers[rows].tolist(),
            "devices": devices[rows].tolist(),
            "lat": np.round(network.lat[rows], 6).tolist(),  # NaN is null in JSON
            "lon": np.round(network.lon[rows], 6).tolist(),
        }
        # One column after the other, so that who waits for something else is not kept from it for long.
        told = [b'"%s":%s' % (name.encode(), msgspec.json.encode(values)) for name, values in columns.items()]
        kinds = b'"kinds":' + msgspec.json.encode(_KINDS)
        body = b",".join([kinds, *told])
        tag = _tag(body)
        return Encoded(tag, gzip.compress(b'{"revision":"%s",%s}' % (tag.encode(), body), _LEVEL, mtime=0))

    def state(self, moment: Moment) -> Encoded:
        """Sparse rows `[node, customers, since]`, and the incidents."""
        told: dict[str, object] = {"revision": self.picture.tag}
        for name, held in (("off", moment.off), ("planned", moment.planned), ("unknown", moment.unknown)):
            node, mine = self._places(held.node)
            since = np.datetime_as_string(held.since[mine].astype("datetime64[us]"), unit="s", timezone="UTC")
            told[name] = [
                *zip(node[mine].tolist(), held.customers[mine].tolist(), since.tolist(), strict=True)
            ]
        places, mine = self._places(np.array([node for node, _ in moment.troubles], np.int64))
        told["incidents"] = [
            {"node": place, "id": one.incident, "kind": one.kind, "state": one.state, "drill": one.drill}
            for place, own, (_, one) in zip(places.tolist(), mine.tolist(), moment.troubles, strict=True)
            if own
        ]
        body = msgspec.json.encode(told)
        at = b'{"at":"%s",' % format_time(moment.at).encode()
        return Encoded(_tag(body), gzip.compress(at + body[1:], 1, mtime=0))

    def _places(self, node: Int64s) -> tuple[Int64s, Bools]:
        """(place, mine): the number of each node in this part, −1 where it is not of it, and whether it is."""
        if not len(self._tops):
            return np.full(len(node), -1), np.zeros(len(node), np.bool_)
        which = np.maximum(np.searchsorted(self._tops, node, "right") - 1, 0)
        deep = node - self._tops[which]
        mine = (deep >= 0) & (deep < self._size[which])
        return np.where(mine, deep + self._first[which], -1), mine


def moment(field: Field, without: Sequence[Without], troubles: Sequence[Trouble], at: int) -> Moment:
    """Sorts devices to their nodes; those without customers say nothing of supply here."""
    announced = {one.incident for one in troubles if one.kind is IncidentKind.PLANNED_OUTAGE}
    key = np.array([-1 if (k := field.inventory.key(one.device)) is None else k for one in without], np.int64)
    since = np.array([one.since for one in without], np.int64)
    off = np.array([one.state == "off" for one in without], np.bool_)
    planned = off & np.array([one.incident in announced for one in without], np.bool_)
    known = key >= 0
    here = (*(field.network.index(one.node) if one.node in field.network else -1 for one in troubles),)
    return Moment(
        at=at,
        off=_held(field, key[off & known], since[off & known]),
        planned=_held(field, key[planned & known], since[planned & known]),
        unknown=_held(field, key[~off & known], since[~off & known]),
        troubles=tuple((node, one) for node, one in zip(here, troubles, strict=True) if node >= 0),
    )


def _held(field: Field, key: Int64s, since: Int64s) -> Held:
    some = field.inventory.customers[key] > 0
    key, since = key[some], since[some]
    node, which = np.unique(field.inventory.node[key].astype(np.int64), return_inverse=True)
    customers = np.bincount(which, weights=field.inventory.customers[key], minlength=len(node))
    earliest = np.full(len(node), np.iinfo(np.int64).max)
    np.minimum.at(earliest, which, since)
    return Held(node, customers.astype(np.int64), earliest)


def _tag(body: bytes) -> str:
    return blake2b(body, digest_size=12).hexdigest()
