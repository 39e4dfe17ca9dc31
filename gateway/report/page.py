"""The report as one HTML file without anything from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from xml.etree.ElementTree import Element
from zoneinfo import ZoneInfo

from gateway.report import chapters
from gateway.report.figures import count, minutes, moment, percent, percent_at_most
from gateway.report.gather import Report
from gateway.report.markup import document, el
from gateway.report.parts import Paper, section, tile
from gateway.report.summary import TONES, notices, summary, target_text
from gateway.report.tables import Table
from gateway.report.words import Words

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def page_of(report: Report, tables: Mapping[str, Table], words: Words) -> bytes:
    """UTF-8. `tables` by name, as they are in the CSV files."""
    zone = ZoneInfo(report.zone)
    paper = Paper(words, zone)
    title = words("Supply reliability, {period}", period=report.span.label)
    style = files("gateway.report").joinpath("style.css").read_text(encoding="utf-8")
    return document(
        el(
            "html",
            el(
                "head",
                el("meta", charset="utf-8"),
                el("meta", http_equiv="Content-Security-Policy", content=_POLICY),
                el("meta", name="viewport", content="width=device-width, initial-scale=1"),
                el("title", title),
                el("style", style),
            ),
            el(
                "body",
                el("header", el("h1", title), el("p", _about(report, words, zone))),
                el(
                    "main",
                    [el("p", text, class_="notice") for text in notices(report, words)],
                    el("ul", _tiles(report, words), class_="tiles"),
                    section(
                        "summary",
                        words("Summary"),
                        el(
                            "ul",
                            [el("li", s.text, class_=s.tone or None) for s in summary(report, words)],
                            class_="summary",
                        ),
                    ),
                    [chapter(report, tables, paper) for chapter in chapters.ALL],
                ),
                el(
                    "footer",
                    el(
                        "p",
                        words(
                            "Made by Feederline. Good shares are cut, bad ones rounded up, never in our "
                            "favour; the CSV files beside this page have every figure whole."
                        ),
                        class_="note",
                    ),
                ),
            ),
            lang="zh-Hans" if words.language == "zh" else "en",
        )
    )


def _about(report: Report, words: Words, zone: ZoneInfo) -> str:
    r = report.reliability
    return words(
        "{low} to {high} ({zone}), as known {at}; {served} customers served.",
        low=moment(r.window_from, zone),
        high=moment(r.window_to, zone),
        zone=report.zone,
        at=moment(report.at, zone),
        served=count(r.served),
    )


def _tiles(report: Report, words: Words) -> list[Element]:
    r = report.reliability
    found = [_target_tile(report, index, words) for index in ("asai", "saidi")]
    found.append(
        tile(
            words("Interruptions per customer (SAIFI)"),
            chapters.rate(r.all.saifi),
            words("{n} customer interruptions", n=count(r.all.customer_interruptions)),
            "",
        )
    )
    found.append(
        tile(
            words("Time of which nobody knows"),
            percent_at_most(r.unknown_share),
            words("of all customer time"),
            "warn" if r.unknown_share or report.deaf else "good",
        )
    )
    return found


def _target_tile(report: Report, index: str, words: Words) -> Element:
    a = report.reliability.all
    name = (
        words("Supply reliability (ASAI)")
        if index == "asai"
        else words("Without supply per customer (SAIDI)")
    )
    text = percent(a.asai) if index == "asai" else minutes(a.saidi_minutes)
    states = [s.state.value for m in report.months for s in m.standings if s.target.index == index]
    target = next((t for t in report.targets if t.index == index), None)
    if target is None or not states:
        return tile(name, text, words("no target"), "")
    worst = max(states, key=["met", "at_risk", "missed"].index)
    per = words("target {target} per month", target=target_text(target.index, target.value))
    verdict = words("{state} so far", state=words.term(worst)) if report.so_far else words.term(worst)
    if len(states) > 1:
        over = [
            s.state.value for m in report.months if m.over for s in m.standings if s.target.index == index
        ]
        kept = len(over) - over.count("missed")
        verdict = words("{kept} months kept, {missed} missed", kept=kept, missed=states.count("missed"))
    return tile(name, text, f"· {per}", TONES[worst], verdict)
