"""The figures as tables: Markdown as in docs/usage-accuracy.md, the same for the terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TextIO

from rich import box
from rich.console import Console
from rich.table import Table

Cells = Sequence[str]
_SIDES = ("with_balance", "without_balance")


def show(result: Mapping[str, object], *, out: TextIO | None = None) -> None:
    """Print what `run` returned, to standard output if not told otherwise."""
    console = Console(file=out or sys.stdout, width=180, highlight=False)
    for title, head, rows in tables(result):
        table = Table(*head, title=title, title_justify="left", box=box.SIMPLE, padding=(0, 1, 0, 0))
        for row in rows:
            table.add_row(*row)
        console.print(table)
    for name in _list(result["left_out"]):
        console.print(f"{name} was left out: its data comes with pip install -e '.[bench]'", markup=False)
    console.print(f"played in {_number(result['seconds']):.0f} s")


def markdown(result: Mapping[str, object]) -> str:
    parts = []
    for title, head, rows in tables(result):
        lines = [head, ["---"] * len(head), *rows]
        parts.append(f"### {title}\n\n" + "\n".join("| " + " | ".join(line) + " |" for line in lines))
    return "\n\n".join(parts)


def tables(result: Mapping[str, object]) -> Iterable[tuple[str, Cells, list[Cells]]]:
    """Title, heading and rows of each."""
    shapes = _map(result["by_shapes"])
    yield "Overall", ["customers", "judged", *[t for _, t in _OVERALL]], list(_overall(shapes))
    for name, figures in shapes.items():
        yield f"Found, {name}", _KIND_HEAD, list(_kinds(_map(figures)))
    for name, figures in shapes.items():
        yield (
            f"Honest, {name}",
            ["what", "customers", "cried at", "share", "without balance"],
            list(_honest(_map(figures))),
        )
    for name, figures in shapes.items():
        yield (
            f"Calibration, {name}",
            [
                "score",
                "customer-days",
                "predicted",
                "found",
                "without balance: customer-days",
                "predicted",
                "found",
            ],
            list(_calibration(_map(figures))),
        )
    heads = [
        "tapped",
        "found",
        "share",
        "days, median",
        "p90",
        "with thieves",
        "of these told",
        "clean",
        "of these told",
    ]
    yield (
        "Areas",
        ["customers", *heads],
        [
            [name, *(_cell(_map(_map(figures)["areas"])[key]) for key in _AREA)]
            for name, figures in shapes.items()
        ],
    )
    if million := _map(result["million"]):
        yield (
            "A day of quarter-hours judged",
            ["", ""],
            [[key, _cell(value)] for key, value in million.items()],
        )


_OVERALL = (
    ("auc_highest", "AUC, highest score"), ("auc_standing", "AUC, score at the end"),
    ("precision_top", "true of the top 1 %"), ("detected", "detected"),
    ("false_per_1000_years", "false per 1,000 customer-years"), ("precision_of_tickets", "true of the tickets"),
    ("auc_highest_with_ever", "AUC with those who always stole"),
)  # fmt: skip
_KIND_HEAD = (
    "what", "customers", "detected", "days, median", "p90", "AUC",
    "without balance: detected", "days, median", "p90", "AUC",
)  # fmt: skip
_AREA = (
    "tapped", "found", "detected", "days_median", "days_p90", "with_thieves", "with_thieves_told",
    "clean", "clean_told",
)  # fmt: skip


def _overall(shapes: Mapping[str, object]) -> Iterable[Cells]:
    for name, figures in shapes.items():
        for side in _SIDES:
            of = _map(_map(figures)[side])
            yield [name, side.replace("_", " "), *(_cell(of[key]) for key, _ in _OVERALL)]


def _kinds(figures: Mapping[str, object]) -> Iterable[Cells]:
    full, alone = (_map(_map(figures[side])["kinds"]) for side in _SIDES)
    for kind in full:
        a, b = _map(full[kind]), _map(alone[kind])
        yield [
            kind.replace("_", " "), _cell(a["count"]),
            *(_cell(of[key]) for of in (a, b) for key in ("detected", "days_median", "days_p90", "auc")),
        ]  # fmt: skip


def _honest(figures: Mapping[str, object]) -> Iterable[Cells]:
    full, alone = (_map(_map(figures[side])["honest_kinds"]) for side in _SIDES)
    for kind in full:
        a, b = _map(full[kind]), _map(alone[kind])
        yield [kind, _cell(a["count"]), _cell(a["cried_at"]), _cell(a["rate"]), _cell(b["cried_at"])]


def _calibration(figures: Mapping[str, object]) -> Iterable[Cells]:
    full, alone = (_list(_map(figures[side])["calibration"]) for side in _SIDES)
    for one, other in zip(full, alone, strict=True):
        a, b = _map(one), _map(other)
        yield [
            f"{a['from']} … {a['to']}",
            *(_cell(of[key]) for of in (a, b) for key in ("count", "predicted", "found")),
        ]


def _cell(value: object) -> str:
    if value is None:
        return "·"
    if isinstance(value, float):
        return (
            f"{value:.1f}"
            if abs(value) >= 10
            else f"{value:.4f}"
            if 0 < abs(value) < 0.01
            else f"{value:.3f}"
        )
    return f"{value:,}" if isinstance(value, int) else str(value)


def _map(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise TypeError(f"figures are a dictionary, not {value!r}")
    return value


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
