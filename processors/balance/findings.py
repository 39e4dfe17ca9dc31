"""What the balance finds that accuses no customer: areas, registers of the supply, places in the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from gateway.core.balance import AreaFinding
from gateway.core.clock import format_time
from gateway.core.inventory import Inventory
from gateway.core.model import Reason, Suspicion
from gateway.core.usage import AreaEvidence
from processors.balance.area import AreaBook
from processors.balance.areas import Areas
from processors.balance.explain import Explained
from processors.balance.guests import Looked, look
from processors.balance.judge import AreaJudged
from processors.balance.phases import misplaced
from processors.balance.settings import BalanceSettings
from processors.balance.window import AreaWindow, Left, basis

__all__ = ["AreaFinding", "find", "suspicions"]

_AMISS = 8.0  # standard errors, for a place in the network to be doubted
_NEIGHBOUR = (0.6, 1.4)  # kWh lost over there for each kWh sold here
_PRIOR = 0.02  # share of areas in which an inspection of the transformer finds something
_OPEN_LOSS = 0.4  # share of the excess that nobody explains, from which on the area itself is told of


def find(  # noqa: PLR0917
    judged: AreaJudged,
    book: AreaBook,
    areas: Areas,
    windows: Sequence[AreaWindow],
    evidence: AreaEvidence,
    inventory: Inventory,
    *,
    settings: BalanceSettings,
    looked: Sequence[Looked] | None = None,
) -> list[AreaFinding]:
    """At most one finding of each kind for an area or device. looked: of `look(windows, ...)` where at hand."""
    together = look(windows, judged, areas) if looked is None else looked
    pairs = [(one.window, one.seen) for one in together]
    explained = {one.seen.row: one.found for one in together}
    found = _topology(pairs, explained, judged, areas, inventory)
    amiss = {f.node for f in found} | {f.other for f in found}
    for row in np.flatnonzero(judged.judged & (judged.proportional | judged.negative)).tolist():
        told = int((book.coverage[row] >= settings.coverage).sum()) >= settings.least_days
        if judged.proportional[row] or (told and int(judged.node[row]) not in amiss):
            found.append(_supply_meter(judged, row))
    for window, seen in pairs:
        if int(judged.node[seen.row]) not in amiss and not judged.supply_fault[seen.row]:
            kwh, clear = _explained(explained[seen.row], evidence, window)
            if not clear or kwh < (1 - _OPEN_LOSS) * float(judged.level[seen.row]):
                found += _area_loss(judged, seen.row, kwh, settings)
        found += _phases(window, inventory)
    return found


def suspicions(
    found: Sequence[AreaFinding], areas: Areas, *, received_at: int, until: int
) -> list[Suspicion]:
    """Findings "area_loss" and "supply_meter" as suspicions of the device that measures the supply, which hangs on the
    transformer: so the incident and its ticket name the transformer, and nobody below. `reasons[0].rule` is the kind.
    """
    prior = float(np.log(_PRIOR / (1 - _PRIOR)))
    made = []
    for one in found:
        if one.kind not in {"area_loss", "supply_meter"} or (row := areas.row(one.node)) < 0:
            continue
        device = int(np.flatnonzero(areas.supply & (areas.area_of == row))[0])
        weight = one.figures["weight"]
        made.append(
            Suspicion(
                device=device,
                received_at=received_at,
                since=one.since if one.since >= 0 else until,
                until=until,
                score=float(1 / (1 + np.exp(-(prior + weight)))),
                reasons=(Reason(rule=one.kind, weight=weight, words=one.words, figures=one.figures),),
            )
        )
    return made


def _topology(
    looked: Sequence[tuple[AreaWindow, Left]],
    explained: Mapping[int, Explained],
    judged: AreaJudged,
    areas: Areas,
    inventory: Inventory,
) -> list[AreaFinding]:
    """Members that are sold here and supplied elsewhere; where a neighbour on the same feeder loses just what they use,
    there. Where the supply's own meter may be at fault, only such a neighbour is proof."""
    found = []
    for window, seen in looked:
        odd = explained[seen.row]
        for member in np.flatnonzero(odd.foreign & (odd.clarity >= _AMISS)).tolist():
            others = [
                (w, s)
                for w, s in looked
                if s.row != seen.row and areas.feeder[s.row] == areas.feeder[seen.row]
            ]
            there, clarity = _lost_by(window, member, others)
            if there < 0 and judged.supply_fault[seen.row]:
                continue
            device = int(window.customer[member])
            name = inventory.ids[device]
            place = inventory.network.ids
            said = (
                f"and {place[there]} loses just as much at the same hours: it hangs there."
                if there >= 0
                else "and nowhere among its neighbours is it missed."
            )
            found.append(
                AreaFinding(
                    kind="topology",
                    node=window.node,
                    other=there,
                    device=device,
                    since=-1,
                    words=f"What {name} uses does not come through {place[window.node]}, {said}",
                    figures=_figures(clarity=float(odd.clarity[member]), clarity_there=clarity),
                )
            )
    return found


def _lost_by(window: AreaWindow, member: int, others: Sequence[tuple[AreaWindow, Left]]) -> tuple[int, float]:
    """The area whose loss holds what this member uses, with how clearly; −1 for none."""
    best, clarity = -1, np.nan
    for other, seen in others:
        _, here, there = np.intersect1d(window.start, other.start[seen.at], return_indices=True)
        use = window.kwh[member, here] / window.hours
        fine = np.isfinite(use)
        if fine.sum() < 48:
            continue
        use, lost = use[fine], seen.excess[there[fine]]
        plain = basis(seen.plain[there[fine]])
        use, lost = use - plain @ (plain.T @ use), lost - plain @ (plain.T @ lost)
        length, size = float(use @ use), float(lost @ lost)
        slope = float(use @ lost) / max(length, 1e-12)
        r = float(use @ lost) / max(float(np.sqrt(length * size)), 1e-12)
        freedom = max(len(use) * min(other.hours, 1.0) - 4, 1.0)
        t = r * float(np.sqrt(freedom / max(1 - r * r, 1e-6)))
        if _NEIGHBOUR[0] <= slope <= _NEIGHBOUR[1] and t >= _AMISS and not t <= clarity:
            best, clarity = other.node, t
    return best, clarity


def _supply_meter(judged: AreaJudged, row: int) -> AreaFinding:
    ratio = float(judged.ratio[row])
    if judged.proportional[row]:
        words = (
            f"The loss is {ratio:.1%} of the load at every hour: the register of the supply counts "
            f"{1 / judged.factor[row]:.2f} times what it should; look at its current transformers and their ratio."
        )
        weight = 6.0
    else:
        words = (
            f"More is sold than supplied ({-ratio:.1%}): a current transformer or a phase of the supply's meter "
            "fails, or meters hang here that other transformers supply."
        )
        weight = 4.5
    return AreaFinding(
        kind="supply_meter",
        node=int(judged.node[row]),
        since=int(judged.since[row]) if abs(judged.step[row]) > 0.7 * abs(judged.level[row]) else -1,
        words=words,
        figures=_figures(ratio=ratio, factor=float(judged.factor[row]), weight=weight),
    )


def _area_loss(
    judged: AreaJudged, row: int, explained_kwh: float, settings: BalanceSettings
) -> list[AreaFinding]:
    """Nothing where the excess is small."""
    level = float(judged.level[row])
    if not (judged.high[row] or judged.stepped[row]):
        return []
    if level < max(settings.step_kwh, settings.step_ratio * float(judged.supply[row])):
        return []
    ratio, since = float(judged.ratio[row]), int(judged.since[row])
    score = float(np.nan_to_num(judged.score[row]))
    weight = (2.5 + min(score / 4, 3.5) if judged.stepped[row] else 0.0) + (3.5 if judged.high[row] else 0.0)
    begun = f" since {format_time(since)[:10]}" if since >= 0 else ""
    words = (
        f"{level:.1f} kWh a day more than is technical are lost{begun} ({ratio:.1%} of the supply), and no meter below "
        f"explains more than {max(explained_kwh, 0.0):.1f} kWh of it: look for a line tapped before the meters."
    )
    figures = _figures(
        level_kwh=level,
        ratio=ratio,
        explained_kwh=explained_kwh,
        step_kwh=float(judged.step[row]),
        weight=weight,
    )
    return [
        AreaFinding(kind="area_loss", node=int(judged.node[row]), since=since, words=words, figures=figures)
    ]


def _explained(explained: Explained, evidence: AreaEvidence, window: AreaWindow) -> tuple[float, bool]:
    """kWh a day that members explain, hour by hour or by drops that came with it; and whether anybody is accused."""
    by_hour = float(np.nansum(explained.kwh[~explained.foreign])) + explained.guests_kwh
    rows = evidence.row_of(window.customer)
    rows = rows[rows >= 0]
    if not len(rows):
        return by_hour, False
    rose = evidence.weights[rows, evidence.rules.index("loss_rose_with_drop")] > 1.0
    dropped = float(np.nansum(evidence.figures["drop_kwh"][rows][rose]))
    return max(by_hour, dropped), bool((evidence.weight[rows] > 1.0).any())


def _phases(window: AreaWindow, inventory: Inventory) -> list[AreaFinding]:
    return [
        AreaFinding(
            kind="phase",
            node=window.node,
            device=int(window.customer[member]),
            since=-1,
            words=f"The voltage of {inventory.ids[int(window.customer[member])]} moves with phase {'ABC'[phase]} of "
            f"the transformer, not with the one it is registered on (correlation {best:.2f} against {own:.2f}).",
            figures=_figures(phase=float(phase), correlation=best, registered=own),
        )
        for member, phase, best, own in misplaced(window)
    ]


def _figures(**named: float) -> dict[str, float]:
    return {name: value for name, value in named.items() if np.isfinite(value)}
