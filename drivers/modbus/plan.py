"""Which requests to send for the registers one wants. Pure: no sockets, no profiles, just addresses.

A request costs a round trip, often over a slow serial bus, so neighbours are merged and small gaps are read along.
Some devices refuse a range with unassigned addresses in it; `split` then says what to try instead.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

from drivers.profile import MAX_BITS, Profile, Table


class Span(NamedTuple):
    """Addresses [start, end) of one table that must be read in one request."""

    table: Table
    start: int
    end: int


class Read(NamedTuple):
    """One request: `length` registers, or bits, from `address` on."""

    table: Table
    address: int
    length: int

    @property
    def end(self) -> int:
        return self.address + self.length

    @property
    def size(self) -> int:
        """Bytes of its answer."""
        return (self.length + 7) // 8 if self.table.of_bits else 2 * self.length

    def covers(self, span: Span) -> bool:
        return span.table is self.table and self.address <= span.start and span.end <= self.end


def spans_of(profile: Profile) -> tuple[Span, ...]:
    """One span per register of the profile, in its order."""
    return tuple(Span(r.table, r.address, r.end) for r in profile.registers)


def plan(spans: Iterable[Span], *, max_read: int, max_gap: int) -> tuple[Read, ...]:
    """The fewest requests for the spans, by table and address.

    At most `max_read` registers (MAX_BITS bits) each; at most `max_gap` registers that nobody asked for between two
    that somebody did (for bits 16 times as many: the same bytes). No span is ever cut in two.
    """
    reads: list[Read] = []
    for span in sorted(set(spans)):
        limit, gap = (MAX_BITS, 16 * max_gap) if span.table.of_bits else (max_read, max_gap)
        if span.end - span.start > limit:
            raise ValueError(f"{span} does not fit into one request of {limit}")
        last = reads[-1] if reads else None
        if (
            last is not None
            and last.table is span.table
            and span.start - last.end <= gap
            and max(span.end, last.end) - last.address <= limit
        ):
            reads[-1] = last._replace(length=max(span.end, last.end) - last.address)
        else:
            reads.append(Read(span.table, span.start, span.end - span.start))
    return tuple(reads)


def split(read: Read, spans: Iterable[Span]) -> tuple[Read, ...]:
    """What to try after the device refused `read` as an illegal address.

    Two requests without the widest gap between them; where there is no gap, the two halves; nothing at all when
    only one span was asked for, which the device then does not have.
    """
    wanted = plan((span for span in set(spans) if read.covers(span)), max_read=read.length, max_gap=0)
    if not wanted:
        return ()
    if len(wanted) > 1:
        gaps = [right.address - left.end for left, right in pairwise(wanted)]
        cut = gaps.index(max(gaps)) + 1
        parts: tuple[tuple[Read, ...], ...] = (wanted[:cut], wanted[cut:])
        return tuple(Read(read.table, p[0].address, p[-1].end - p[0].address) for p in parts)
    whole = wanted[0]
    if whole.length < read.length:
        return wanted
    # A span that runs across a border forbids to cut there.
    inside = sorted(span for span in set(spans) if read.covers(span))
    borders = [
        border
        for border in {span.start for span in inside}
        if border > whole.address and not any(span.start < border < span.end for span in inside)
    ]
    if not borders:
        return ()
    border = min(borders, key=lambda at: abs(2 * at - whole.address - whole.end))
    return (
        Read(read.table, whole.address, border - whole.address),
        Read(read.table, border, whole.end - border),
    )
