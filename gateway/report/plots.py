"""Plots as inline SVG: each with a title and a description in words for those who do not see it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil, floor, log10
from typing import NamedTuple
from xml.etree.ElementTree import Element

from gateway.report.figures import percent, up
from gateway.report.markup import el, shortened
from gateway.report.words import Words

WIDTH = 720
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 12, 26
_SHADES = 5


class DayBar(NamedTuple):
    """Minutes per customer of what began that day; `open`: of what still goes on."""

    label: str
    closed: float
    open: float


def days_plot(bars: Sequence[DayBar], budget: float | None, periods: int, words: Words) -> Element:
    """SAIDI by day with its sum so far, against the budget (minutes per customer) at its end and the even pace to it.
    `periods`: days of the whole span, those to come included."""
    height = 180
    total, sums = 0.0, []
    for bar in bars:
        total += bar.closed + bar.open
        sums.append(total)
    top = max([total, budget or 0.0, 1e-9]) * 1.08
    grid, y = _vertical(top, height, words("min"))
    step = (WIDTH - _LEFT - _RIGHT) / max(periods, 1)
    parts: list[Element | None] = [grid]
    for i, bar in enumerate(bars):
        x, wide = _LEFT + i * step + step * 0.12, step * 0.76
        for low, high, style in ((0.0, bar.closed, "bar"), (bar.closed, bar.closed + bar.open, "bar-open")):
            if high > low:
                parts.append(
                    el("rect", x=x, y=y(high), width=wide, height=max(0.6, y(low) - y(high)), class_=style)
                )
    path = f"M{_LEFT},{y(0):.2f}" + "".join(
        f"H{_LEFT + i * step:.2f}V{y(value):.2f}" for i, value in enumerate(sums)
    )
    if bars:
        parts.append(el("path", d=f"{path}H{_LEFT + len(bars) * step:.2f}", class_="sum"))
    if budget is not None:
        end = _LEFT + periods * step
        parts += [
            el("line", x1=_LEFT, y1=y(0), x2=end, y2=y(budget), class_="pace"),
            el("line", x1=_LEFT, y1=y(budget), x2=end, y2=y(budget), class_="budget"),
            el(
                "text",
                words("budget {minutes}", minutes=up(budget, 2, "min")),
                x=_LEFT + 4,
                y=y(budget) - 4,
                class_="mark",
            ),
        ]
    parts += _labels([bar.label for bar in bars], step, height)
    worst = max(bars, key=lambda bar: bar.closed + bar.open, default=None)
    told = words("Minutes per customer by the day on which the interruptions began, and their sum.")
    if worst is not None and worst.closed + worst.open > 0:
        told = words.join(
            [
                told,
                words(
                    "Together {total}; most on {day} with {minutes}.",
                    total=up(total, 2, "min"),
                    day=worst.label,
                    minutes=up(worst.closed + worst.open, 2, "min"),
                ),
            ]
        )
    return _svg("plot-days", height, words("SAIDI by day against its budget"), told, parts)


def months_plot(months: Sequence[tuple[str, float | None]], target: float | None, words: Words) -> Element:
    """ASAI by month: bars hang down from 100 %, so that their length is the time without supply."""
    height = 200
    lost = [1 - asai for _, asai in months if asai is not None]
    deepest = max([*lost, 0.0 if target is None else 1 - target, 1e-9]) * 1.15
    ticks = _ticks(deepest)
    deepest = ticks[-1]

    def y(share: float) -> float:
        return _TOP + (height - _TOP - _BOTTOM) * share / deepest

    digits = max(1, 2 - floor(log10(deepest * 100)))
    parts: list[Element | None] = [
        el(
            "g",
            *(
                [
                    el("line", x1=_LEFT, x2=WIDTH - _RIGHT, y1=y(tick), y2=y(tick), class_="grid"),
                    el(
                        "text",
                        f"{100 - tick * 100:.{digits}f}",
                        x=_LEFT - 6,
                        y=y(tick) + 3.5,
                        class_="tick end",
                    ),
                ]
                for tick in ticks
            ),
        )
    ]
    step = (WIDTH - _LEFT - _RIGHT) / max(len(months), 1)
    for i, (_, asai) in enumerate(months):
        if asai is not None:
            style = "bar-bad" if target is not None and asai < target else "bar"
            wide = min(step * 0.6, 52.0)
            x = _LEFT + (i + 0.5) * step - wide / 2
            parts.append(
                el("rect", x=x, y=y(0), width=wide, height=max(0.8, y(1 - asai) - y(0)), class_=style)
            )
            parts.append(
                el("text", percent(asai, 3), x=x + wide / 2, y=y(1 - asai) + 11, class_="tick middle value")
            )
    if target is not None:
        at = y(1 - target)
        parts.append(el("line", x1=_LEFT, x2=WIDTH - _RIGHT, y1=at, y2=at, class_="budget"))
        parts.append(
            el(
                "text",
                words("target {share}", share=_share(target)),
                x=WIDTH - _RIGHT - 2,
                y=at - 4,
                class_="mark end",
            )
        )
    parts += _labels([label for label, _ in months], step, height)
    listed = ", ".join(f"{label} {percent(asai)}" for label, asai in months if asai is not None)
    return _svg("plot-months", height, words("ASAI by month"), listed, parts)


def bars_plot(rows: Sequence[tuple[str, float]], words: Words) -> Element:
    """Customer minutes by cause, largest first."""
    line, name = 22, 250
    height = line * len(rows) + 8
    most = max([value for _, value in rows], default=0.0) or 1.0
    room = WIDTH - name - 110
    parts: list[Element | None] = []
    for i, (label, value) in enumerate(rows):
        y = 4 + i * line
        wide = room * value / most
        parts += [
            el("text", shortened(label, 40), x=name - 8, y=y + 14, class_="tick end"),
            el("rect", x=name, y=y + 3, width=max(0.8, wide), height=line - 7, class_="bar"),
            el("text", up(value), x=name + wide + 6, y=y + 14, class_="tick value"),
        ]
    listed = ", ".join(f"{shortened(label, 40)} {up(value)}" for label, value in rows)
    return _svg("plot-causes", height, words("Customer minutes by cause"), listed, parts)


def heat_plot(
    rows: Sequence[str], columns: Sequence[str], values: dict[tuple[int, int], float], words: Words
) -> Element:
    """Customer minutes by row (feeder) and column (day or month); the darker the more."""
    line, name, legend = 17, 150, 34
    height = 22 + line * len(rows) + legend
    step = (WIDTH - name - 4) / max(len(columns), 1)
    bounds = _bounds([value for value in values.values() if value > 0])
    parts: list[Element | None] = []
    every = max(1, ceil(24 / step))
    for j, label in enumerate(columns):
        if j % every == 0:
            parts.append(el("text", label, x=name + (j + 0.5) * step, y=14, class_="tick middle"))
    for i, row in enumerate(rows):
        parts.append(el("text", shortened(row, 24), x=name - 6, y=22 + i * line + 12, class_="tick end"))
        for j in range(len(columns)):
            value = values.get((i, j), 0.0)
            cell = el(
                "rect",
                x=name + j * step,
                y=22 + i * line,
                width=max(0.5, step - 1),
                height=line - 1,
                class_=_shade(value, bounds),
            )
            if value > 0:
                cell.append(el("title", f"{row}, {columns[j]}: {up(value)}"))
            parts.append(cell)
    y = height - 18
    parts.append(el("text", words("customer minutes"), x=name - 6, y=y + 11, class_="tick end"))
    wide = 110
    for k, bound in enumerate(bounds):
        parts += [
            el("rect", x=name + k * wide, y=y, width=14, height=14, class_=f"heat-{k + 1}"),
            el("text", f"≤ {up(bound)}", x=name + k * wide + 19, y=y + 11, class_="tick"),
        ]
    told = words("The worst feeders from top to bottom; the darker, the more customer minutes.")
    return _svg("plot-heat", height, words("Customer minutes by feeder and time"), told, parts)


def _shade(value: float, bounds: Sequence[float]) -> str:
    return "heat-0" if value <= 0 else f"heat-{1 + sum(value > bound for bound in bounds[:-1])}"


def _bounds(values: Sequence[float]) -> list[float]:
    """Upper bounds of the shades, in even ratios: minutes spread over orders of magnitude."""
    if not values:
        return []
    most, least = max(values), min(values)
    if most <= least * 2:
        return [most]
    shades = _SHADES if most > least * 10 else 3
    ratio = (most / least) ** (1 / shades)
    return [least * ratio ** (k + 1) for k in range(shades - 1)] + [most]


def _vertical(top: float, height: int, unit: str) -> tuple[Element, Callable[[float], float]]:
    """Lines of the grid with their figures, and the place of a value."""
    ticks = _ticks(top)

    def y(value: float) -> float:
        return height - _BOTTOM - (height - _TOP - _BOTTOM) * value / ticks[-1]

    parts: list[Element] = []
    for tick in ticks:
        parts += [
            el("line", x1=_LEFT, x2=WIDTH - _RIGHT, y1=y(tick), y2=y(tick), class_="grid"),
            el("text", f"{tick:g}", x=_LEFT - 6, y=y(tick) + 3.5, class_="tick end"),
        ]
    parts.append(el("text", unit, x=4, y=_TOP + 4, class_="tick"))
    return el("g", parts), y


def _labels(labels: Sequence[str], step: float, height: int) -> list[Element | None]:
    every = max(1, ceil(34 / step))
    return [
        el("text", label, x=_LEFT + (i + 0.5) * step, y=height - 8, class_="tick middle")
        for i, label in enumerate(labels)
        if i % every == 0
    ]


def _ticks(top: float) -> list[float]:
    """From 0 in even steps of 1, 2 or 5 times a power of ten, up to `top` or just above."""
    rough = top / 5
    power = 10.0 ** floor(log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    return [i * step for i in range(ceil(top / step - 1e-9) + 1)]


def _share(target: float) -> str:
    return f"{target * 100:.6g} %"


def _svg(name: str, height: int, title: str, told: str, parts: Sequence[Element | None]) -> Element:
    return el(
        "svg",
        el("title", title, id=f"{name}-title"),
        el("desc", told, id=f"{name}-desc"),
        *parts,
        viewBox=f"0 0 {WIDTH} {height}",
        role="img",
        aria_labelledby=f"{name}-title {name}-desc",
        class_="plot",
    )
