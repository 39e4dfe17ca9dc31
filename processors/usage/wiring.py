"""Evidence in what the meter shows beside energy: phases, events, power against contract, energy sent out."""

from __future__ import annotations

import numpy as np

from gateway.core.model import Bools, Int32s, MeterEventKind
from processors.usage.baseline import OF
from processors.usage.chunk import Chunk
from processors.usage.day import EVENT_KINDS
from processors.usage.rules import UsageRule

_TWICE = 1.5  # a count that more than one day has to make
_SLOW_FADE = 0.97
_GONE, _USUAL = 0.02, 0.12  # share of a phase in the power: gone, and usually there
_DARK = (22, 23, 0, 1, 2, 3)  # hours
_SHARES = ("share_a", "share_b", "share_c")


def kinds(*wanted: MeterEventKind) -> list[int]:
    return [EVENT_KINDS.index(kind) for kind in wanted]


_TAMPER = kinds(MeterEventKind.COVER_OPEN, MeterEventKind.TERMINAL_COVER_OPEN, MeterEventKind.MAGNETIC_FIELD)
_SURE = kinds(MeterEventKind.CURRENT_WITHOUT_VOLTAGE)
_LIKELY = kinds(MeterEventKind.VOLTAGE_LOSS, MeterEventKind.CURRENT_LOSS)
_REVERSE = kinds(MeterEventKind.REVERSE_POWER)


def contract(chunk: Chunk) -> None:
    """Power above contract capacity; use in hours the contract does not give; use though nothing is owed."""
    found, day, rows, facts, settings = chunk.found, chunk.day, chunk.rows, chunk.facts, chunk.settings
    features = chunk.seen
    per_hour = np.float32(3600 / day.interval_s)
    energy, whole = day.import_kwh[rows], features.whole
    peak = np.where(whole, energy.max(axis=1, initial=0) * per_hour, np.nan)
    found.note("peak_kw", peak)
    limit = facts.contract_kw
    found.note("contract_kw", limit)
    over = np.zeros(len(peak), np.float32)
    beyond = np.flatnonzero(peak > limit * settings.over_contract)
    over[beyond] = (energy[beyond] * per_hour > (limit * settings.over_contract)[beyond, None]).sum(
        axis=1
    ) / per_hour
    found.note("over_hours", over)
    count = chunk.fade("over_days", over >= settings.over_contract_hours)
    found.say(UsageRule.OVER_CAPACITY, count / 4, count >= _TWICE)

    kwh = np.nan_to_num(features.kwh)
    bound = np.flatnonzero(facts.hours != (1 << 24) - 1)
    outside = np.zeros(len(kwh), np.float32)
    if len(bound):
        denied = (facts.hours[bound, None] >> np.arange(24, dtype=np.uint32)) & 1 == 0
        outside[bound] = np.where(denied, np.nan_to_num(features.hours[bound]), 0).sum(axis=1)
    share = outside / np.maximum(kwh, 0.1)
    found.note("outside_share", np.where(facts.hours != (1 << 24) - 1, share, np.nan))
    count = chunk.fade(
        "outside_days", (share >= settings.time_of_use_share) & (outside >= settings.least_kwh)
    )
    found.say(UsageRule.TIME_OF_USE, count / 4, count >= _TWICE)

    cut = np.zeros(len(kwh), np.bool_) if day.disconnected is None else day.disconnected[rows]
    used = cut & (kwh >= settings.disconnected_kwh)
    found.note("disconnected_kwh", np.where(cut, kwh, np.nan))
    count = chunk.fade("disconnected_days", used)
    found.say(UsageRule.USE_AFTER_DISCONNECTION, 0.5 + count / 4, used)


def generation(chunk: Chunk) -> tuple[Bools, Bools]:
    """Energy sent out by who has no generation registered. What is sent out at night no sun made.

    Returns (who sends out by day, who sends out at night without generation), each bool[m].
    """
    found, day, rows, settings = chunk.found, chunk.day, chunk.rows, chunk.settings
    registered = chunk.facts.generation_kw > 0
    if day.export_kwh is None:
        sent = at_night = np.zeros(len(chunk), np.float32)
    else:
        by_slot = np.nan_to_num(day.export_kwh[rows])
        sent = by_slot.sum(axis=1)
        at_night = by_slot[:, np.isin(day.hour, _DARK)].sum(axis=1)
    found.note("export_kwh", sent)
    backwards: Bools = ~registered & (at_night >= settings.zero_kwh) & (at_night >= 0.1 * sent)
    sends: Bools = (sent >= settings.export_kwh) & ~backwards
    count = chunk.fade("export_days", sends & ~registered)
    found.say(UsageRule.UNREGISTERED_GENERATION, count / 4, count >= _TWICE)
    return sends, backwards


def events(chunk: Chunk) -> None:
    """Current without voltage, opened covers and magnetic fields, and a register that jumps."""
    found, scalars, day, rows = chunk.found, chunk.scalars, chunk.day, chunk.rows
    seen = np.zeros((len(scalars), len(EVENT_KINDS)), np.uint16) if day.events is None else day.events[rows]
    sure, likely = seen[:, _SURE].any(axis=1), seen[:, _LIKELY].any(axis=1)
    count = chunk.fade("wiring_days", np.where(sure, 1.0, np.where(likely, 0.5, 0.0)))
    found.note("wiring_days", count)
    found.say(UsageRule.CURRENT_WITHOUT_VOLTAGE, count / 3, count >= 0.5)
    tampered = seen[:, _TAMPER].any(axis=1)
    scalars[tampered, OF["tamper_day"]] = day.number
    jumps = np.zeros(len(scalars), np.float32) if day.anomalies is None else day.anomalies[rows]
    count = chunk.fade("anomalies", jumps, _SLOW_FADE)
    found.note("anomalies", count)
    found.say(UsageRule.REGISTER_ANOMALIES, count / 5, count >= _TWICE)


def tamper(chunk: Chunk, since: Int32s) -> None:
    """An opened cover or a magnetic field, and all the more where use fell soon after. since: days the drop lasts."""
    at = chunk.scalar("tamper_day")
    found, number, settings = chunk.found, chunk.day.number, chunk.settings
    ago = np.where(at > 0, number - at, np.nan)
    found.note("tamper_days", ago)
    after = ago - since + 1  # days from the event to the first day of the drop
    belongs = (since > 0) & (after >= -1) & (after <= settings.tamper_days)
    found.say(UsageRule.TAMPER, np.where(belongs, 1.0, 0.4), belongs | (ago <= settings.tamper_days))


def phases(chunk: Chunk, sends: Bools, backwards: Bools, learn: Bools) -> None:
    """One phase of several that vanished though it was used, or whose power runs backwards while others do not."""
    found, scalars, day, rows, facts = chunk.found, chunk.scalars, chunk.day, chunk.rows, chunk.facts
    if day.phase_power is None:
        chunk.fade("vanished_days", False)
        count = chunk.fade("reversed_days", backwards)
        found.say(UsageRule.PHASE_REVERSED, count / 3, backwards & (count >= _TWICE))
        return
    power = day.phase_power[rows]
    several = (np.isfinite(power).sum(axis=1) >= 2) & ((facts.phases & (facts.phases - 1)) > 0)
    amount = np.nan_to_num(np.abs(power))
    total = amount.sum(axis=1)
    share = amount / np.maximum(total, 1)[:, None]
    usual = scalars[:, [OF[name] for name in _SHARES]]
    back = (power < -np.maximum(20, 0.05 * total)[:, None]) & (np.nan_to_num(power).max(axis=1) > 0)[:, None]
    told = np.zeros(len(power), np.bool_) if day.events is None else day.events[rows][:, _REVERSE].any(axis=1)
    generates = (facts.generation_kw > 0) | sends
    reverse = backwards | (several & ~generates & (back.any(axis=1) | told))
    gone = (share < _GONE) & (usual >= _USUAL) & (total > 50)[:, None] & ~back
    vanished = several & gone.any(axis=1)
    vanished_days, reversed_days = (
        chunk.fade("vanished_days", vanished),
        chunk.fade("reversed_days", reverse),
    )
    which = np.where(back.any(axis=1), np.argmax(back, axis=1), np.argmax(gone, axis=1))
    at = np.arange(len(power))
    odd = reverse | vanished
    found.note("phase", np.where(odd, which, np.nan))
    found.note("phase_share", np.where(odd, usual[at, which], np.nan))
    found.note("phase_w", np.where(odd, power[at, which], np.nan))
    flows = np.zeros(len(power), np.bool_)
    if day.phase_current is not None:
        flows = np.nan_to_num(np.abs(day.phase_current[rows]))[at, which] >= 0.5
    found.say(UsageRule.PHASE_VANISHED, np.where(flows, 1.0, 0.7), vanished & (vanished_days >= 2))
    found.say(UsageRule.PHASE_REVERSED, reversed_days / 3, reverse & (reversed_days >= _TWICE))
    calm = np.flatnonzero(several & (total > 50) & ~odd & learn)
    pace = np.where(usual[calm].sum(axis=1) > 0, 0.05, 1.0)[:, None]
    for i, name in enumerate(_SHARES):
        scalars[calm, OF[name]] += (pace[:, 0] * (share[calm, i] - usual[calm, i])).astype(np.float32)
