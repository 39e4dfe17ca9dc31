"""Evidence in how much is used, and when of the day: drops, what they look like, and what speaks for the customer."""

from __future__ import annotations

import numpy as np

from gateway.core.model import Bools, Int32s
from processors.usage.baseline import AT, DAYS, Float32s, blended
from processors.usage.chunk import Chunk
from processors.usage.drops import LASTING, Drop, Splits, in_order
from processors.usage.findings import FIGURE
from processors.usage.rules import UsageRule

MIDDAY = slice(10, 16)
_CLEAR, _BEYOND = (
    4.0,
    6.0,
)  # standard deviations: no drop below the one, as clear as can be with the other on top
_DOUBT = 3.0  # from here on what is usual is not learned any more
_MARGIN = 0.12  # shapes differ by so much more than usual before they are another
_FLAT, _FLATTER = 0.62, 0.15  # load factor of a standby, and by how much it has to exceed the usual one
_STANDBY, _DEEP = 0.35, 0.45  # shares of expected use: nobody at home; hardly anybody
_WEEK, _TEN = 7, 10
_DARK = (20, 21, 22, 23, 0, 1, 2, 3, 4, 5, 6)  # hours whose lack is told beside the night floor
_STEADY = 0.75  # share of the days since a drop that have to lie below its middle: absences one after the other do not


def level(chunk: Chunk) -> tuple[Int32s, Bools]:
    """Find what there is; the usual noise among the scalars is still that of before today.

    Returns (days since the drop began int32[m], 0 for none; what is too unusual to learn from bool[m]).
    """
    found, settings, expected = chunk.found, chunk.settings, np.nan_to_num(chunk.expected)
    splits = Splits.of(in_order(chunk.state[:, AT["ratio"]], chunk.day.number))
    noise = chunk.scalar("noise")
    lasting = splits.drop(noise, least=LASTING, most=DAYS)
    sudden = splits.drop(noise, least=2, most=LASTING - 1)
    worth = chunk.known & (expected >= settings.least_kwh)
    lasts = worth & (lasting.share >= settings.drop_share) & (lasting.sigma >= _CLEAR)
    lasts &= splits.steady(lasting) >= _STEADY
    clear = np.clip((lasting.sigma - _CLEAR) / _BEYOND, 0, 1)
    # Deep ones are mostly empty places, and short ones absences: what is taken past a meter is a part, for long.
    depth = 1 - 0.5 * np.clip((lasting.share - 0.6) / 0.2, 0, 1)
    length = 0.5 + 0.5 * np.clip((lasting.days - 10) / 20, 0, 1)
    sharp = _sharp(splits, lasting)
    found.say(UsageRule.LASTING_DROP, (0.4 + 0.6 * clear) * depth * length * sharp, lasts)
    falls = worth & (sudden.share >= settings.sudden_share) & (sudden.sigma >= _CLEAR)
    found.say(UsageRule.SUDDEN_DROP, 0.4 + 0.6 * sudden.share * np.clip(sudden.sigma / 10, 0, 1), falls)
    drops = lasts | falls
    best = _either(lasting, sudden, lasts)
    recent = np.exp(np.nan_to_num(splits.mean(_WEEK)))
    found.note("drop", np.where(drops, best.share, np.nan))
    found.note("drop_sigma", best.sigma)
    found.note("drop_days", best.days)
    before = expected * np.exp(best.before)
    found.note("kwh_before", before)
    found.note("kwh_since", before * (1 - best.share))
    found.note("recent_share", recent)
    _shape(chunk, recent, drops, lasts, best)
    _zero(chunk, worth)
    _solar(chunk, drops)
    nights = _night(chunk, splits, worth)
    unusual = _doubtful(lasting, worth) | _doubtful(sudden, worth) | (found.weight[:, UsageRule.ZERO_USE] > 0)
    unusual |= found.weight[:, UsageRule.NIGHT_FLOOR] >= 1
    return np.where(drops, best.days, nights).astype(np.int32), unusual


def _sharp(splits: Splits, drop: Drop) -> Float32s:
    """0.3 … 1: what came over weeks is a season or a habit, what came within days is not."""
    abrupt = np.where(np.isnan(share := splits.abrupt(drop)), 0.7, share)
    return (0.3 + 0.7 * np.clip((abrupt - 0.4) / 0.3, 0, 1)).astype(np.float32)


def _doubtful(drop: Drop, worth: Bools) -> Bools:
    """Too likely a drop to be learned as usual, though not yet evidence."""
    return worth & (drop.share >= 0.2) & (drop.sigma >= _DOUBT)


def _either(lasting: Drop, sudden: Drop, lasts: Bools) -> Drop:
    return Drop(
        share=np.where(lasts, lasting.share, sudden.share),
        sigma=np.where(lasts, lasting.sigma, sudden.sigma),
        days=np.where(lasts, lasting.days, sudden.days),
        before=np.where(lasts, lasting.before, sudden.before),
    )


def _shape(chunk: Chunk, recent: Float32s, drops: Bools, lasts: Bools, drop: Drop) -> None:
    """The same shape on a smaller scale is a slower meter or a bypass of a part; another one is another way of life;
    none at all, with a standby left, is an empty home."""
    found = chunk.found
    lately, usually = _shapes(chunk)
    at_all = (lately.sum(axis=1) > 0.5) & (usually.sum(axis=1) > 0.5)
    distance = 0.5 * np.abs(lately - usually).sum(axis=1)
    beyond = distance - 0.5 * chunk.scalar("shape_noise")
    found.note("shape_distance", np.where(at_all, distance, np.nan))
    flat = 1 / (24 * np.maximum(lately.max(axis=1), 1 / 24))
    flat_usually = 1 / (24 * np.maximum(usually.max(axis=1), 1 / 24))
    found.note("load_factor", np.where(at_all, flat, np.nan))
    nothing = chunk.scalar("zero_days") >= 2
    standby = at_all & ~nothing & (flat >= _FLAT) & (flat >= flat_usually + _FLATTER)
    vacant = drops & (recent < _STANDBY) & (standby | nothing)
    same = np.clip(1 - beyond / _MARGIN, 0, 1)
    found.say(
        UsageRule.SLOW_DOWN,
        same * np.clip(drop.share / 0.4, 0.3, 1),
        lasts & at_all & ~nothing & ~vacant & (beyond < _MARGIN),
    )
    found.say(
        UsageRule.SHAPE_CHANGED,
        (beyond - _MARGIN) / _MARGIN,
        drops & at_all & ~nothing & ~vacant & (beyond > _MARGIN),
    )
    found.say(UsageRule.VACANCY, np.where(nothing, 0.6, 1.0), vacant)
    short = drops & (drop.days <= chunk.settings.absence_days) & (recent < _DEEP)
    found.say(UsageRule.ABSENCE, np.where(vacant | (beyond > _MARGIN), 1.0, 0.5), short)


def _shapes(chunk: Chunk) -> tuple[Float32s, Float32s]:
    """Shares of the hours in the use of the last days, today's with them, and those that were to be expected."""
    state = chunk.state
    pending = state[:, AT["pending"]]
    today = ~np.isnan(pending[:, 0])
    lately = blended(state[:, AT["recent"]], np.nan_to_num(pending), today)
    return lately, blended(state[:, AT["usual"]], np.nan_to_num(chunk.profile), today)


def _zero(chunk: Chunk, worth: Bools) -> None:
    """Nothing is used though there is voltage, and neighbours use as ever."""
    found, settings, days = chunk.found, chunk.settings, chunk.scalar("zero_days")
    found.note("zero_days", days)
    voltage = found.figure[:, FIGURE["voltage_seen"]]
    peers = found.figure[:, FIGURE["peers"]]
    there = np.where(np.isnan(voltage), 0.5, voltage)
    found.say(
        UsageRule.ZERO_USE,
        (0.4 + 0.04 * days) * there,
        worth & (days >= settings.zero_days) & (there >= 0.5) & (peers > 0.5),
    )


def _solar(chunk: Chunk, drops: Bools) -> None:
    """Who generates uses less from the network around midday."""
    dip = -np.expm1(np.minimum(chunk.scalar("midday"), 0))
    found = chunk.found
    found.note("midday_drop", dip)
    generates = chunk.facts.generation_kw > 0
    sends = chunk.scalar("export_days") >= 1
    clarity = np.where(generates | sends, 1.0, np.clip((dip - 0.3) / 0.3, 0, 0.8))
    found.say(UsageRule.SOLAR, clarity, drops & (generates | sends | (dip > 0.3)))


def _night(chunk: Chunk, by_day: Splits, worth: Bools) -> Int32s:
    """What runs all night fell though days are as ever: days since then int32[m], 0 where it did not. A car that is no
    longer charged leaves the floor as it was."""
    found = chunk.found
    nights = Splits.of(in_order(chunk.state[:, AT["night"]], chunk.day.number))
    fell, count = nights.mean(_TEN), nights.count[:, _TEN - 1]
    days = np.nan_to_num(by_day.mean(_TEN))
    alone = np.nan_to_num(fell) - np.minimum(days, 0)
    sigma = -alone / (np.maximum(chunk.scalar("floor_noise"), 0.1) * np.sqrt(2 / np.maximum(count, 1)))
    share = -np.expm1(np.minimum(np.nan_to_num(fell), 0))
    found.note("night_drop", share)
    clarity = (0.3 + 0.7 * np.clip((sigma - _CLEAR) / _BEYOND, 0, 1)) * np.clip(share / 0.8, 0, 1)
    fall = nights.drop(chunk.scalar("floor_noise"), least=5, most=DAYS)
    at_once = (nights.abrupt(fall) >= 0.7) & (nights.steady(fall) >= _STEADY)
    holds = (
        worth & at_once & (count >= 5) & (share >= 0.4) & (alone < -0.4) & (sigma >= _CLEAR) & (days > -0.9)
    )
    holds &= chunk.scalar("floor") > 0.02
    found.say(UsageRule.NIGHT_FLOOR, clarity, holds)
    lately, usually = _shapes(chunk)
    lost = np.maximum(usually - lately * found.figure[:, FIGURE["recent_share"], None], 0)[:, _DARK].sum(
        axis=1
    )
    found.note("night_kwh", np.where(holds, lost * np.nan_to_num(chunk.expected), np.nan))
    return np.where(holds, fall.days, 0).astype(np.int32)
