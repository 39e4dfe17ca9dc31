"""Accounts: sums of spells by any group of users and any stretch of time. docs/indices.md says what each sum holds."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from gateway.core.clock import HOUR, MINUTE, SECOND
from gateway.core.model import Bools, Float64s, Int32s, Int64s, Record
from gateway.core.network import Network
from processors.interruptions.spells import Spells

Comparator: TypeAlias = Literal[">", ">="]


class Threshold(Record, frozen=True, kw_only=True):
    """What makes an interruption sustained; the rest are momentary. IEEE 1366: longer than 5 min, DL/T 836: 3 min."""

    seconds: float = 300.0
    comparator: Comparator = ">"

    def sustained(self, lengths: Int64s) -> Bools:
        """bool[n] for lengths in µs."""
        bound = self.seconds * SECOND
        return lengths >= bound if self.comparator == ">=" else lengths > bound


IEEE_1366 = Threshold(seconds=300.0)
DLT_836 = Threshold(seconds=180.0)

_PARTS = 2.0**32  # of a minute; summed over two million nodes they are whole numbers below 2⁵³


class Window(Record, frozen=True, kw_only=True):
    """Moments [low, high) that starts are counted in, as known at the moment `at`; µs."""

    low: int
    high: int
    at: int

    @property
    def end(self) -> int:
        """Where customer time ends: time to come does not count as supplied."""
        return max(self.low, min(self.high, self.at))

    @property
    def minutes(self) -> float:
        """T of IEEE 1366."""
        return (self.end - self.low) / MINUTE


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    """Spells of a window, told apart: bool[n] each. What goes on counts as an interruption at once."""

    spells: Spells
    counted: Bools  # sustained, or going on
    closed: Bools  # sustained, ended
    momentary: Bools


def judge(spells: Spells, window: Window, threshold: Threshold) -> Judged:
    within = spells.starting(window.low, window.high)
    open_, long = within.going_on, threshold.sustained(within.lengths(window.at))
    return Judged(spells=within, counted=open_ | long, closed=long & ~open_, momentary=~long & ~open_)


def momentary_events(judged: Judged) -> npt.NDArray[np.intp]:
    """Indices of the spells that stand for a momentary event of their user, the first of each event: MAIFI_E.

    A user has none in an event that also interrupted it for longer: the momentaries before a lockout are not counted.
    """
    spells = judged.spells
    if not len(spells):
        return np.zeros(0, np.intp)
    pair = spells.event * (spells.user.max() + 1) + spells.user
    short = np.flatnonzero(judged.momentary)
    _, first = np.unique(pair[short], return_index=True)
    return np.sort(short[first[~np.isin(pair[short[first]], pair[judged.counted])]])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Accounts:
    """One account per group, in columns of n groups: users × times interrupted, and users × minutes.

    momentary_events is NaN where spells have no event, as those of transformers.
    """

    customer_interruptions: Float64s
    customer_minutes: Float64s
    momentary_interruptions: Float64s
    momentary_events: Float64s
    open_customers: Float64s
    open_customer_minutes: Float64s

    def __len__(self) -> int:
        return len(self.customer_interruptions)

    def below(self, network: Network) -> Accounts:
        """Accounts of nodes, each with everything below it, from accounts of what hangs on each node itself."""
        return Accounts(**{part.name: _below(network, getattr(self, part.name)) for part in fields(self)})


def _below(network: Network, own: Float64s) -> Float64s:
    """Sums over subtrees are differences of sums over all nodes: whole numbers keep them exact, and nothing nothing."""
    whole = np.floor(own)
    parts = np.rint((own - whole) * _PARTS)
    total: Float64s = network.subtree_sums(whole).astype(np.float64)
    return total + network.subtree_sums(parts).astype(np.float64) / _PARTS


def account(judged: Judged, group: Int64s, groups: int, *, at: int) -> Accounts:
    """Sums by group; `group` int64[spells] is the group of each judged spell, −1 for none.

    A user's group: `feeder[judged.spells.user]`. A day: `period_of(judged.spells.started_at, begins)`. Both:
    `day * feeders + feeder`.
    """
    spells = judged.spells
    minutes = spells.customer_minutes(at)

    def total(chosen: Bools | npt.NDArray[np.intp], of: Int64s | Float64s) -> Float64s:
        return sums(of[chosen], group[chosen], groups)

    return Accounts(
        customer_interruptions=total(judged.counted, spells.customers),
        customer_minutes=total(judged.closed, minutes),
        momentary_interruptions=total(judged.momentary, spells.customers),
        momentary_events=total(momentary_events(judged), spells.customers)
        if (spells.event >= 0).all()
        else np.full(groups, np.nan),
        open_customers=total(spells.going_on, spells.customers),
        open_customer_minutes=total(spells.going_on, minutes),
    )


def sums(values: npt.NDArray[np.generic], group: npt.NDArray[np.signedinteger], groups: int) -> Float64s:
    """float64[groups]: what a column adds up to by group, −1 for none; customers served, unknown minutes."""
    known = group >= 0
    return np.bincount(group[known], weights=values[known], minlength=groups).astype(np.float64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rates:
    """Indices of each account in columns; NaN where nobody is served, no time has passed or nobody was interrupted."""

    saifi: Float64s
    saidi_minutes: Float64s
    caidi_minutes: Float64s
    asai: Float64s
    maifi: Float64s
    maifi_e: Float64s
    unknown_share: Float64s


def rates(
    accounts: Accounts, served: Float64s, minutes: npt.ArrayLike, unknown: npt.ArrayLike = 0.0
) -> Rates:
    """IEEE 1366 of every account. served: float64[n] users;  minutes: length of each account's time, one or [n];

    unknown: customer minutes of unknown supply. SAIFI = ΣN/N_T, SAIDI = ΣrN/N_T, CAIDI = ΣrN/ΣN,
    ASAI = 1 − ΣrN/(N_T·T), MAIFI and MAIFI_E = momentary interruptions and events / N_T.
    """
    time = served * np.asarray(minutes, np.float64)
    return Rates(
        saifi=_ratio(accounts.customer_interruptions, served),
        saidi_minutes=_ratio(accounts.customer_minutes, served),
        caidi_minutes=_ratio(accounts.customer_minutes, accounts.customer_interruptions),
        asai=1 - _ratio(accounts.customer_minutes, time),
        maifi=_ratio(accounts.momentary_interruptions, served),
        maifi_e=_ratio(accounts.momentary_events, served),
        unknown_share=_ratio(np.broadcast_to(np.asarray(unknown, np.float64), time.shape), time),
    )


def _ratio(part: Float64s, whole: Float64s) -> Float64s:
    ratio: Float64s = np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)
    return ratio


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Distinct:
    """What each interrupted user had, in columns of n users: CAIFI, CEMI_n, CELID_s and CELID_t come from these."""

    user: Int64s
    customers: Int64s  # the most that any of its counted spells weighs
    interruptions: Int64s  # sustained ones, and one that goes on
    longest: Int64s  # µs of the longest that has ended
    total: Int64s  # µs of all that have ended

    def with_at_least(self, interruptions: int) -> int:
        """Customers with at least so many sustained interruptions."""
        return int(self.customers[self.interruptions >= interruptions].sum())

    def longer_once(self, hours: float) -> int:
        """Customers with one interruption of at least so many hours."""
        return int(self.customers[self.longest >= hours * HOUR].sum())

    def longer_in_total(self, hours: float) -> int:
        """Customers without supply for at least so many hours in total, in sustained interruptions."""
        return int(self.customers[self.total >= hours * HOUR].sum())


def distinct(judged: Judged) -> Distinct:
    counted = judged.spells.where(judged.counted)
    first = np.flatnonzero(np.diff(counted.user, prepend=-1))
    length = np.where(counted.going_on, 0, counted.ended_at - counted.started_at)
    if not len(first):
        nobody = np.zeros(0, np.int64)
        return Distinct(user=nobody, customers=nobody, interruptions=nobody, longest=nobody, total=nobody)
    return Distinct(
        user=counted.user[first],
        customers=np.maximum.reduceat(counted.customers, first),
        interruptions=np.diff(first, append=len(counted)),
        longest=np.maximum.reduceat(length, first),
        total=np.add.reduceat(length, first),
    )


def points_per_transformer(transformer: Int32s, customers: Int32s, nodes: int) -> tuple[Int64s, Int64s]:
    """(group, members) for `together`: the transformers that are users of the medium-voltage basis, and their points.

    transformer: node of each metering point's transformer, −1 for none;  group: int64[points], the same node, −1
    where the point serves nobody;  members: int64[nodes], points of each, 0 at nodes that are no user.
    """
    group = np.where(customers > 0, transformer, -1).astype(np.int64)
    return group, np.bincount(group[group >= 0], minlength=nodes).astype(np.int64)
