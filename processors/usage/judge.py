"""The daily look: what one day, and the days before it, say of each customer. Vectorised over all of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gateway.core.clock import DAY
from gateway.core.model import Bools, Int32s, Int64s
from processors.usage import wiring
from processors.usage.baseline import AT, DAYS, OF, Baselines, Float32s, response
from processors.usage.calibration import FREEZE
from processors.usage.chunk import Chunk
from processors.usage.day import CustomerFacts, UsageDay
from processors.usage.features import Features, features
from processors.usage.findings import FIGURE, FIGURES
from processors.usage.level import MIDDAY, level
from processors.usage.peers import common
from processors.usage.rules import RULES, UsageRule
from processors.usage.settings import UsageSettings

_CHUNK = 8192  # customers at a time: what is worked on stays in the processor's cache
_PEER_DAYS = 7  # days after which a customer tells of the weather, and is compared with others
_SCATTER_DAYS = 12  # days after which the usual scatter is learned: before, it is that of the profile itself
_SCATTER = 1.2533 / 2**0.5  # from the mean size of differences between two days to their standard deviation
_FADE = 0.01  # a day, of what `response` is made of


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    """Evidence of one day, in the order of its devices.

    weight: float32[n, len(UsageRule)], log-odds by rule, 0 where it says nothing;  figure: float32[n, len(FIGURES)],
    NaN where not at hand;  since: int64[n] µs UTC, when what stands out began (the day's start where nothing does);
    usable: bool[n], the day was measured whole;  known: bool[n], there was a baseline to judge by.
    """

    devices: Int32s
    start: int
    end: int
    weight: Float32s
    figure: Float32s
    since: Int64s
    usable: Bools
    known: Bools


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Looks:
    """What the first pass leaves for the second, by customer."""

    hours: Float32s
    kwh: Float32s
    floor: Float32s
    whole: Bools
    clean: Bools
    own: Float32s  # ln of the day over the profile, NaN where either is not known
    own_floor: Float32s
    weather: Float32s  # what of it the peers share
    nights: Float32s

    @staticmethod
    def empty(n: int) -> _Looks:
        columns = (np.empty(n, np.float32) for _ in range(6))
        kwh, floor, own, own_floor, weather, nights = columns
        return _Looks(
            hours=np.empty((n, 24), np.float32),
            kwh=kwh,
            floor=floor,
            whole=np.empty(n, np.bool_),
            clean=np.empty(n, np.bool_),
            own=own,
            own_floor=own_floor,
            weather=weather,
            nights=nights,
        )

    def features(self, rows: slice) -> Features:
        return Features(
            hours=self.hours[rows],
            kwh=self.kwh[rows],
            floor=self.floor[rows],
            whole=self.whole[rows],
            clean=self.clean[rows],
        )


def judge(day: UsageDay, baselines: Baselines, facts: CustomerFacts, settings: UsageSettings) -> Judged:
    """Judge the day of all customers together (their peers are among them), and take it into the baselines.

    The three have the same customers in the same order. A day judged again gives the same and leaves the same state.

    Raises:
        ValueError: shapes or order differ, or a customer was judged for a later day already.
    """
    n = len(day)
    if len(facts) != n or not np.array_equal(day.devices, baselines.device):
        raise ValueError(
            "the day, the baselines and the facts are not of the same customers in the same order"
        )
    if int(baselines.number.max(initial=-1)) > day.number:
        raise ValueError("a later day was judged already")
    looks = _Looks.empty(n)
    for rows in _chunks(n):
        baselines.settle(rows, day.number, settings.relearn_days)
        _look(looks, day, baselines, rows)
    days = baselines.state[:, AT["settled"].start + OF["days"]]
    tells = ~np.isnan(looks.own) & (days >= _PEER_DAYS)
    looks.weather[:] = common(looks.own, tells, facts.transformer, facts.customer_class)
    tells = ~np.isnan(looks.own_floor) & (days >= _PEER_DAYS)
    nowhere = np.full(n, -1, np.int32)
    looks.nights[:] = common(looks.own_floor, tells, nowhere, facts.customer_class)
    judged = Judged(
        devices=day.devices,
        start=day.start,
        end=day.end,
        weight=np.empty((n, RULES), np.float32),
        figure=np.empty((n, len(FIGURES)), np.float32),
        since=np.full(n, day.start, np.int64),
        usable=looks.whole,
        known=days >= settings.least_days,
    )
    for rows in _chunks(n):
        state = baselines.state[rows]
        chunk = Chunk(
            day=day,
            rows=rows,
            facts=facts.part(rows),
            settings=settings,
            seen=looks.features(rows),
            state=state,
            scalars=state[:, AT["settled"]].copy(),
            known=judged.known[rows],
        )
        _judge(judged, looks, chunk)
    baselines.number[:] = day.number
    return judged


def _chunks(n: int) -> Iterator[slice]:
    for start in range(0, n, _CHUNK):
        yield slice(start, min(start + _CHUNK, n))


def _look(looks: _Looks, day: UsageDay, baselines: Baselines, rows: slice) -> None:
    seen = features(day, rows)
    looks.hours[rows], looks.kwh[rows], looks.floor[rows] = seen.hours, seen.kwh, seen.floor
    looks.whole[rows], looks.clean[rows] = seen.whole, seen.clean
    state = baselines.state[rows]
    usual = state[:, AT["profile"]].reshape(-1, 7, 24)[:, day.weekday].sum(axis=1)
    floor = state[:, AT["settled"].start + OF["floor"]]
    least, least_floor = 0.05 * usual + 0.02, 0.05 * floor + 0.002
    looks.own[rows] = np.log((seen.kwh + least) / (usual + least))
    looks.own_floor[rows] = np.where(
        floor > 0, np.log((seen.floor + least_floor) / (floor + least_floor)), np.nan
    )


def _judge(judged: Judged, looks: _Looks, chunk: Chunk) -> None:
    rows, seen, state, day = chunk.rows, chunk.seen, chunk.state, chunk.day
    days = chunk.scalar("days")
    moved = np.clip(looks.weather[rows] * response(chunk.scalars), -1.5, 1.5)
    told = days >= _PEER_DAYS
    ratio = np.where(told, np.clip(looks.own[rows] - moved, -3.5, 3.5), np.nan)
    night = np.where(told, np.clip(looks.own_floor[rows] - looks.nights[rows], -3.5, 3.5), np.nan)
    state[:, AT["ratio"].start + day.number % DAYS] = ratio
    state[:, AT["night"].start + day.number % DAYS] = night
    state[:, AT["pending"]] = seen.hours * np.exp(-moved)[:, None]
    chunk.expected = chunk.profile.sum(axis=1) * np.exp(moved)

    found = chunk.found
    found.note("kwh", seen.kwh)
    found.note("expected_kwh", chunk.expected)
    found.note("peers", np.exp(moved))
    found.note("voltage_seen", np.nan if day.voltage_seen is None else day.voltage_seen[rows])
    zero = _zero_days(chunk)
    _midday(chunk, zero | ~told)
    wiring.contract(chunk)
    sends, backwards = wiring.generation(chunk)
    wiring.events(chunk)
    since, unusual = level(chunk)
    wiring.tamper(chunk, since)
    unusual |= (found.weight[:, UsageRule.NIGHT_FLOOR : UsageRule.VACANCY] > FREEZE).any(axis=1)
    unusual &= chunk.known
    young = days < chunk.settings.least_days
    learn = seen.whole & (young | (seen.clean & ~unusual))
    wiring.phases(chunk, sends, backwards, learn)
    frozen = chunk.scalar("frozen")
    frozen[:] = np.where(seen.whole, np.where(unusual, frozen + 1, 0), frozen)
    _usual(chunk, looks, learn)
    state[:, AT["standing"]] = chunk.scalars
    judged.weight[rows], judged.figure[rows] = found.weight, found.figure
    judged.since[rows] = day.start - np.maximum(since - 1, 0).astype(np.int64) * DAY


def _zero_days(chunk: Chunk) -> Bools:
    """Who used nothing today; a day that was not measured leaves the count as it is."""
    seen, count = chunk.seen, chunk.scalar("zero_days")
    zero: Bools = seen.whole & (seen.kwh <= chunk.settings.zero_kwh)
    count[:] = np.where(seen.whole, np.where(zero, count + 1, 0), count)
    return zero


def _midday(chunk: Chunk, leave: Bools) -> None:
    """ln of midday's share in the day over what it usually is, fading."""
    seen, profile, column = chunk.seen, chunk.profile, chunk.scalar("midday")
    noon, usual_noon = seen.hours[:, MIDDAY].sum(axis=1), profile[:, MIDDAY].sum(axis=1)
    usual = profile.sum(axis=1)
    least = 0.03 * usual + 0.02
    lift = np.log((noon + least) / (usual_noon + least))
    lift -= np.log((seen.kwh - noon + least) / (usual - usual_noon + least))
    good = ~np.isnan(lift) & ~leave
    column += np.where(good, 0.15 * (np.clip(np.nan_to_num(lift), -3, 3) - column), 0)


def _usual(chunk: Chunk, looks: _Looks, learn: Bools) -> None:
    """Take the day into what is usual, where it may be learned."""
    seen, rows, state = chunk.seen, chunk.rows, chunk.state
    days = chunk.scalar("days")
    ratio = state[:, AT["ratio"].start + chunk.day.number % DAYS]
    night = state[:, AT["night"].start + chunk.day.number % DAYS]

    def move(name: str, target: Float32s, where: Bools, slowest: float, since: int = 0) -> None:
        column = chunk.scalar(name)
        pace = np.maximum(1 / np.maximum(days - since + 3, 1), slowest)
        good = where & ~np.isnan(target)
        column += np.where(good, pace * (np.nan_to_num(target) - column), 0).astype(np.float32)

    steady = learn & (days >= _SCATTER_DAYS)
    noise = chunk.scalar("noise").copy()
    yesterday = (chunk.day.number - 1) % DAYS  # from day to day: a step in the level is no scatter
    for name, ring, today in (("noise", "ratio", ratio), ("floor_noise", "night", night)):
        jump = _SCATTER * np.abs(today - state[:, AT[ring].start + yesterday])
        move(name, np.minimum(jump, 3 * chunk.scalar(name)), steady, 0.03, since=_SCATTER_DAYS)
    profile = chunk.profile
    share = seen.hours / np.maximum(seen.kwh, 1e-3)[:, None]
    usual = profile / np.maximum(profile.sum(axis=1), 1e-3)[:, None]
    move("shape_noise", 0.5 * np.abs(share - usual).sum(axis=1), steady, 0.03, since=_SCATTER_DAYS)
    floor = chunk.scalar("floor")
    first = learn & (floor == 0)
    floor[first] = seen.floor[first]
    move("floor", np.minimum(seen.floor, 3 * floor + 0.02), learn & ~first, 0.05)
    weather = looks.weather[rows]
    follows = steady & (np.abs(ratio) < 2.5 * noise)  # who stands out does not tell of the weather
    y = np.clip(np.nan_to_num(looks.own[rows]), -1, 1)
    for name, product in (("covariance", weather * y), ("variance", weather * weather)):
        column = chunk.scalar(name)
        column += np.where(follows, product - _FADE * column, 0).astype(np.float32)
    peak, column = chunk.found.figure[:, FIGURE["peak_kw"]], chunk.scalar("peak")
    column[learn] = np.maximum(0.99 * column[learn], peak[learn])
    chunk.scalar("learn")[:] = learn
    days += learn
