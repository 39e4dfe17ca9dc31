"""Dashboards as Grafana opens them: the range, the variables' first values, each panel's step and SQL.

For tests and benchmarks, which ask the database what a browser would make Grafana ask. Read from the generated JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dashboards.macros import ALL, Value, Window, expand, seconds_of
from gateway.core.clock import SECOND

FOLDER = Path(__file__).parent / "generated"
SCREEN_PX = 1600
"""Width of the window that a dashboard is opened in; a panel as wide as all of it draws so many points at most."""

Ask = Callable[[str], Awaitable[Sequence[str]]]
"""Runs SQL and returns a column of values, those of a variable's query."""

_RELATIVE = re.compile(r"now-(\d+)([smhdwMy])(?:/[a-zA-Z])?|now/([dwMy])")
_LENGTH_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "M": 30 * 86_400, "y": 365 * 86_400}
# Steps that Grafana rounds to, each up to the limit beside it, ms.
_STEPS = (
    (10, 1), (15, 10), (35, 20), (75, 50), (150, 100), (350, 200), (750, 500), (1500, 1000), (3500, 2000), (7500, 5000),
    (12_500, 10_000), (17_500, 15_000), (25_000, 20_000), (45_000, 30_000), (90_000, 60_000), (210_000, 120_000),
    (450_000, 300_000), (750_000, 600_000), (1_050_000, 900_000), (1_500_000, 1_200_000), (2_700_000, 1_800_000),
    (5_400_000, 3_600_000), (9_000_000, 7_200_000), (16_200_000, 10_800_000), (32_400_000, 21_600_000),
    (86_400_000, 43_200_000), (604_800_000, 86_400_000), (1_814_400_000, 604_800_000), (3_628_800_000, 2_592_000_000),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One target of a panel. width: in parts of 24.  least_ms, points: the panel's own least step and most points."""

    panel: str
    sql: str
    width: int
    least_ms: int
    points: int | None
    timescale: bool = True

    def window(self, low: int, high: int) -> Window:
        """The range with the step that Grafana takes for this panel."""
        points = self.points or max(SCREEN_PX * self.width // 24, 100)
        return Window(
            low=low, high=high, interval_ms=max(rounded_step((high - low) // 1000 / points), self.least_ms)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """current: the value that the dashboard comes with; None where the first that its query gives is taken."""

    name: str
    sql: str
    current: Value | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A dashboard. range_us: how far back it begins where nobody chose."""

    name: str
    uid: str
    title: str
    range_us: int
    panels: tuple[Asked, ...]
    variables: tuple[Variable, ...]

    async def choose(self, ask: Ask, low: int, high: int) -> dict[str, Value]:
        """The variables' values as they are when the dashboard is opened; empty text where the query gives none."""
        chosen: dict[str, Value] = {}
        for variable in self.variables:
            if variable.current is not None:
                chosen[variable.name] = variable.current
            else:
                found = await ask(expand(variable.sql, Window(low=low, high=high), variables=chosen))
                chosen[variable.name] = found[0] if found else ""
        return chosen


def dashboards(language: str = "en") -> tuple[Opened, ...]:
    """All of them, by name."""
    return tuple(_read(path) for path in sorted((FOLDER / language).glob("*.json")))


def rounded_step(ms: float) -> int:
    """Grafana's step for a width of `ms` between two points."""
    return next((step for limit, step in _STEPS if ms < limit), 31_536_000_000)


def _read(path: Path) -> Opened:
    model = json.loads(path.read_text(encoding="utf-8"))
    annotations = [
        a["target"] | {"title": a["name"]}
        for a in model.get("annotations", {}).get("list", [])
        if "target" in a
    ]
    asked = [_asked(target["title"], {"gridPos": {"w": 24}}, target) for target in annotations]
    asked += [
        _asked(panel["title"], panel, target)
        for panel in _panels(model)
        for target in panel.get("targets", ())
    ]
    return Opened(
        name=path.stem,
        uid=model["uid"],
        title=model["title"],
        range_us=_range(model["time"]["from"]),
        panels=tuple(asked),
        variables=tuple(
            _variable(v) for v in model.get("templating", {}).get("list", ()) if v["type"] == "query"
        ),
    )


def _panels(model: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Those in rows that are folded too."""
    for panel in model.get("panels", ()):
        if panel["type"] == "row":
            yield from _panels(panel)
        else:
            yield panel


def _asked(title: str, panel: Mapping[str, Any], target: Mapping[str, Any]) -> Asked:
    least = panel.get("interval")
    return Asked(
        panel=title,
        sql=target["rawSql"],
        width=panel["gridPos"]["w"],
        least_ms=round(seconds_of(least) * 1000) if least else 1,
        points=panel.get("maxDataPoints"),
    )


def _variable(model: Mapping[str, Any]) -> Variable:
    current = model.get("current", {}).get("value")
    if current in ("$__all", ["$__all"]):
        current = model.get("allValue") or ALL
    return Variable(name=model["name"], sql=model["query"], current=current or None)


def _range(text: str) -> int:
    found = _RELATIVE.fullmatch(text)
    if found is None:
        raise ValueError(f"{text} is no range of time that begins at a time before now")
    count, unit = (int(found[1]), found[2]) if found[1] else (1, found[3])
    return count * _LENGTH_S[unit] * SECOND
