"""From stretches without supply to spells: what overlaps or adjoins is one interruption of its user.

A user is whoever is counted once: a metering point with its customers, or a transformer. Stretches are half-open
[started_at, ended_at) in µs; OPEN stands for an end that nobody knows yet. A stretch of no length is void.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gateway.core.clock import MINUTE
from gateway.core.model import Bools, Float64s, Int64s

OPEN = int(np.iinfo(np.int64).max)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spells:
    """Disjoint spells in order of user and start, in columns of int64[n].

    user: index of the user;  started_at, ended_at: µs, OPEN while it goes on;  customers: what it weighs;
    event: of its earliest stretch, −1 for none.
    """

    user: Int64s
    started_at: Int64s
    ended_at: Int64s
    customers: Int64s
    event: Int64s

    def __len__(self) -> int:
        return len(self.user)

    def where(self, chosen: Bools) -> Spells:
        return Spells(
            user=self.user[chosen],
            started_at=self.started_at[chosen],
            ended_at=self.ended_at[chosen],
            customers=self.customers[chosen],
            event=self.event[chosen],
        )

    def starting(self, low: int, high: int) -> Spells:
        """Those that start in [low, high), each with its whole length: a spell belongs to the moment it starts."""
        return self.where((self.started_at >= low) & (self.started_at < high))

    @property
    def going_on(self) -> Bools:
        going_on: Bools = self.ended_at == OPEN
        return going_on

    def lengths(self, at: int) -> Int64s:
        """µs from start to end; of what goes on, so far at the moment `at`, at least 0."""
        return np.where(self.going_on, np.maximum(at, self.started_at), self.ended_at) - self.started_at

    def customer_minutes(self, at: int) -> Float64s:
        """Customers × minutes of each spell: float64[n]."""
        return self.customers * (self.lengths(at) / MINUTE)


def unite(
    user: npt.ArrayLike,
    started_at: npt.ArrayLike,
    ended_at: npt.ArrayLike,
    customers: npt.ArrayLike | None = None,
    event: npt.ArrayLike | None = None,
) -> Spells:
    """Spells of each user from stretches in any order; all columns of length n, customers default to 1.

    A spell weighs the most that any of its stretches weighs. Of stretches that start together the one with the
    smallest event names it.
    """
    who = np.asarray(user, np.int64)
    start, end = np.asarray(started_at, np.int64), np.asarray(ended_at, np.int64)
    weight = np.ones(len(who), np.int64) if customers is None else np.asarray(customers, np.int64)
    cause = np.full(len(who), -1, np.int64) if event is None else np.asarray(event, np.int64)
    order = np.lexsort((cause, start, who))
    order = order[end[order] > start[order]]
    who, start, end, weight, cause = (column[order] for column in (who, start, end, weight, cause))
    first = np.ones(len(who), np.bool_)
    other_user = who[1:] != who[:-1]
    first[1:] = other_user | (start[1:] > _latest_end(other_user, end)[:-1])
    at = np.flatnonzero(first)
    return Spells(
        user=who[at],
        started_at=start[at],
        ended_at=_most(end, at),
        customers=_most(weight, at),
        event=cause[at],
    )


def together(spells: Spells, group: Int64s, members: Int64s) -> Spells:
    """Spells of groups, each off while all its members are: transformers from the metering points below them.

    group: int64[users], the group of each user of `spells`, −1 for users that do not count;  members: int64[groups],
    how many users each group has. The result's users are groups; each weighs 1 and has no event.
    """
    spells = spells.where(group[spells.user] >= 0)
    of = group[spells.user]
    owner = np.concatenate([of, of])
    at = np.concatenate([spells.started_at, spells.ended_at])
    step = np.repeat(np.array([1, -1]), len(spells))
    order = np.lexsort((step, at, owner))  # who ends comes before who starts at the same moment
    owner, at, step = owner[order], at[order], step[order]
    complete = np.flatnonzero((step > 0) & (np.cumsum(step) == members[owner]))
    return Spells(
        user=owner[complete],
        started_at=at[complete],
        ended_at=at[complete + 1],  # the next to change in a complete group is the first who comes back
        customers=np.ones(len(complete), np.int64),
        event=np.full(len(complete), -1, np.int64),
    )


def unknown_minutes(
    *,
    user: Int64s,
    started_at: Int64s,
    ended_at: Int64s,
    customers: Int64s,
    unknown: Bools,
    low: int,
    high: int,
) -> tuple[Int64s, Float64s]:
    """(users, customer minutes): time within [low, high) of which nobody knows whether there was supply.

    The columns are stretches of both states, `unknown` where they are no known interruption; off wins over unknown. A
    user weighs the most that any of its stretches within [low, high) weighs. Users without unknown time are left out.
    """
    start, end = np.maximum(started_at, low), np.minimum(ended_at, high)
    within = end > start
    start, end, customers, unknown = start[within], end[within], customers[within], unknown[within]
    users, place = np.unique(user[within], return_inverse=True)
    weight = np.zeros(len(users), np.int64)
    np.maximum.at(weight, place, customers)
    dark, either = unite(place[~unknown], start[~unknown], end[~unknown]), unite(place, start, end)
    length = np.bincount(either.user, either.lengths(high), len(users))
    length -= np.bincount(dark.user, dark.lengths(high), len(users))
    some = length > 0
    return users[some], (weight * (length / MINUTE))[some]


def _latest_end(other_user: Bools, end: Int64s) -> Int64s:
    """The latest end so far within each user, rows sorted by user: a running maximum that starts anew with each."""
    if not len(end):
        return end
    ascending = np.argsort(end, kind="stable")
    rank = np.empty(len(end), np.int64)
    rank[ascending] = np.arange(len(end))
    block = np.concatenate([[0], np.cumsum(other_user)]) * len(end)
    latest: Int64s = end[ascending[np.maximum.accumulate(block + rank) - block]]
    return latest


def _most(values: Int64s, first: npt.NDArray[np.intp]) -> Int64s:
    """Largest value of each block that begins at `first`."""
    return np.maximum.reduceat(values, first) if len(first) else values[:0]
