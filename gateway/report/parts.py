"""What sections of the page are made of: tables that are cut, tiles, paragraphs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import tzinfo
from xml.etree.ElementTree import Element

from gateway.report.figures import count
from gateway.report.markup import Child, el, shortened
from gateway.report.tables import NUMBERS, Column, Table, Value, shown
from gateway.report.words import Words

Tables = Mapping[str, Table]  # by name

MOST_ROWS = 15
_SHORT = 10  # rows that stay on one sheet
_LONG = 18  # characters that may be broken anywhere
_TONES: Mapping[str, Mapping[Value, str]] = {
    "over": {True: "bad"},
    "met": {True: "good", False: "bad"},
    "major": {True: "warn"},
    "state": {"met": "good", "at_risk": "warn", "missed": "bad"},
}


class Paper:
    """Makes tables in one language and time zone."""

    def __init__(self, words: Words, zone: tzinfo) -> None:
        self.words = words
        self.zone = zone

    def table(
        self, table: Table, *, most: int = MOST_ROWS, without_empty: Collection[str] = ()
    ) -> list[Element]:
        """The first rows and how many more there are; `without_empty`: columns left out where no row has anything."""
        if not table.rows:
            return [el("p", el("strong", table.title), ": ", table.empty, class_="soft")]
        bare = [k for k in without_empty if not any(table.column(k)[:most])]
        if bare:
            table = table.only(*(c.key for c in table.columns if c.key not in bare))
        rows = table.rows[:most]
        found = [
            el(
                "div",
                el(
                    "table",
                    el("caption", table.title),
                    el(
                        "thead",
                        el("tr", [el("th", c.heading, scope="col", class_=_side(c)) for c in table.columns]),
                    ),
                    el("tbody", [self._row(table, row) for row in rows]),
                ),
                class_="scroll short" if len(rows) <= _SHORT else "scroll",
                tabindex="0",
                role="region",
                aria_label=table.title,
            )
        ]
        notes = [table.note] if table.note else []
        if (more := len(table.rows) - len(rows)) > 0:
            notes.append(self.words("and {n} more; all in {file}", n=count(more), file=f"{table.name}.csv"))
        if notes:
            found.append(el("p", " ".join(notes), class_="note"))
        return found

    def _row(self, table: Table, row: Collection[Value]) -> Element:
        return el(
            "tr",
            [
                el("td", text := self._text(value, column), class_=_class(value, column, text))
                for value, column in zip(row, table.columns, strict=True)
            ],
        )

    def _text(self, value: Value, column: Column) -> str:
        return shortened(shown(value, column, self.words, self.zone) or "–", 80)


def section(name: str, title: str, *children: Child, new_page: bool = False) -> Element:
    return el(
        "section",
        el("h2", title, id=name),
        *children,
        aria_labelledby=name,
        class_="new-page" if new_page else None,
    )


def tile(name: str, figure: str, beside: str, tone: str, verdict: str = "") -> Element:
    return el(
        "li",
        el("span", name, class_="name"),
        el("span", figure, class_="figure"),
        el(
            "span",
            el("span", verdict, class_="verdict") if verdict else None,
            " " if verdict else None,
            beside,
            class_="beside",
        ),
        class_=f"tile {tone}".strip(),
    )


def notes(*texts: str) -> list[Element]:
    return [el("p", text, class_="note") for text in texts if text]


def figure(plot: Element, caption: str) -> Element:
    return el("figure", plot, el("figcaption", caption))


def _side(column: Column) -> str | None:
    return "n" if column.kind in NUMBERS else None


def _class(value: Value, column: Column, text: str) -> str | None:
    tone = _TONES.get(column.key, {}).get(value, "")
    long = "long" if any(len(word) > _LONG for word in text.split()) else ""
    return " ".join(filter(None, [_side(column), tone, long])) or None
