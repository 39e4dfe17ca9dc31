"""The summary in words: inside the targets or not, by how much, and what drove it."""

from __future__ import annotations

from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from alerts.work import Work
from gateway.report.budget import Index
from gateway.report.figures import count, day, down, length, minutes, moment, percent, percent_at_most, up
from gateway.report.gather import Report
from gateway.report.markup import shortened
from gateway.report.words import Words
from processors.interruptions.targets import Standing, State, Target

Tone = Literal["good", "warn", "bad", ""]
TONES: dict[str, Tone] = {"met": "good", "at_risk": "warn", "missed": "bad"}


class Said(NamedTuple):
    tone: Tone
    text: str


def summary(report: Report, words: Words) -> list[Said]:
    """Sentences, the most important first."""
    found = [
        *_targets(report, words),
        *_open(report, words),
        *_drivers(report, words),
        _unknown(report, words),
    ]
    return [*found, *_before(report, words), *_clocks(report, words), *_drill(report, words)]


def notices(report: Report, words: Words) -> list[str]:
    """What the reader must know before any figure."""
    zone, found = ZoneInfo(report.zone), []
    if report.so_far:
        found.append(
            words(
                "This period is not over: every figure is so far, up to {at}.",
                at=moment(report.at, zone),
            )
        )
    if report.deaf:
        found.append(
            words(
                "The gateway is away: nothing is stored of the time since {since}. It counts as time with "
                "supply here until the gateway is back and says that it was away.",
                since=moment(report.heard_until, zone),
            )
        )
    if report.cut:
        found.append(
            words(
                "Observation began {since}, within this period: figures and budgets are for the time from "
                "then on; nothing is known of the time before.",
                since=moment(report.observed_since, zone),
            )
        )
    return found


def target_text(index: Index, value: float) -> str:
    return f"{value * 100:.6g} %" if index == "asai" else f"{value:g} min"


def _targets(report: Report, words: Words) -> list[Said]:
    if len(report.months) == 1:
        return [_one(s, report, words) for s in report.months[0].standings]
    return [_whole(report, words), *[_of_months(report, target, words) for target in report.targets]]


def _of_months(report: Report, target: Target, words: Words) -> Said:
    """A month that is not over has kept nothing yet."""
    held = [(m, s.state) for m in report.months if (s := m.against(target.index)) is not None]
    missed = [m.label for m, state in held if state is State.MISSED]
    kept = [m.label for m, state in held if m.over and state is not State.MISSED]
    text = words(
        "{index} target of {target} per month: kept in {kept} months, missed in {missed}.",
        index=words.term(target.index),
        target=target_text(target.index, target.value),
        kept=len(kept),
        missed=len(missed),
    )
    more = [words("Missed: {months}.", months=", ".join(missed))] if missed else []
    more += [
        words("{month} is not over: {state} so far.", month=m.label, state=words.term(state.value))
        for m, state in held
        if not m.over and state is not State.MISSED
    ]
    return Said("bad" if missed else "good" if len(kept) == len(held) else "warn", words.join([text, *more]))


def _whole(report: Report, words: Words) -> Said:
    a = report.reliability.all
    return Said(
        "",
        words(
            "Supply reliability (ASAI) was {asai}; on average a customer was without supply for {saidi} "
            "(SAIDI), {saifi} times (SAIFI).",
            asai=percent(a.asai),
            saidi=minutes(a.saidi_minutes),
            saifi=up(a.saifi, 3),
        ),
    )


def _one(s: Standing, report: Report, words: Words) -> Said:
    a = report.reliability.all
    target = target_text(s.target.index, s.target.value)
    if s.target.index == "asai":
        said = words("Supply reliability (ASAI) is {asai}.", asai=percent(a.asai))
    else:
        said = words(
            "On average a customer was without supply for {saidi} (SAIDI), {saifi} times (SAIFI).",
            saidi=minutes(a.saidi_minutes),
            saifi=up(a.saifi, 3),
        )
    if s.state is State.MISSED:
        verdict = words(
            "The target of {target} is missed: {spent} customer minutes of {budget} are spent ({share}), "
            "{over} too many.",
            target=target,
            spent=up(s.spent_minutes),
            budget=down(s.budget_minutes),
            share=percent_at_most(s.spent_share, 1),
            over=up(-s.left_minutes),
        )
    else:
        spent = {
            "target": target,
            "spent": up(s.spent_minutes),
            "budget": down(s.budget_minutes),
            "share": percent_at_most(s.spent_share, 1),
            "left": down(s.left_minutes),
        }
        if s.state is State.AT_RISK:  # the share so far may be far below what the whole period can still meet
            verdict = words(
                "The target of {target} can still be met: {spent} customer minutes of {budget} are spent "
                "({share}), {left} are left.",
                **spent,
            )
            verdict = words.join([verdict, words("At the rate so far it will be missed by the end.")])
        else:
            verdict = words(
                "That is inside the target of {target}: {spent} customer minutes of {budget} are spent "
                "({share}), {left} are left.",
                **spent,
            )
    return Said(TONES[s.state.value], words.join([said, verdict]))


def _open(report: Report, words: Words) -> list[Said]:
    still = report.reliability.all.open
    if not still.customers:
        return []
    return [
        Said(
            "warn",
            words(
                "{customers} customers are still off, for {minutes} customer minutes so far: in SAIFI and "
                "in the budgets spent already, in SAIDI, CAIDI and ASAI only when their interruptions end.",
                customers=count(still.customers),
                minutes=up(still.customer_minutes),
            ),
        )
    ]


def _drivers(report: Report, words: Words) -> list[Said]:
    if not report.spent:
        return [Said("good", words("No customer was without supply for longer than the threshold."))]
    found = []
    cause = report.causes[0] if report.causes else None
    if cause is not None:
        used = cause.customer_minutes + cause.open_customer_minutes
        found.append(
            Said(
                "",
                words(
                    "What drove it: {kind}, {cause}, with {share} of all customer minutes in {incidents} "
                    "incidents.",
                    kind=words.term(cause.kind),
                    cause=shortened(cause.cause) if cause.cause else words("no cause on record"),
                    share=percent_at_most(used / report.spent, 1),
                    incidents=count(cause.incidents),
                ),
            )
        )
    worst, over = report.feeders[0], [f for f in report.feeders if f.over]
    if worst.of_all:
        found.append(
            Said(
                "bad" if over else "",
                words(
                    "Most of it fell on feeder {feeder}: {share}. {over} of {feeders} feeders used more "
                    "than their own budget.",
                    feeder=shortened(report.names.get(worst.key) or worst.key or words("(none)")),
                    share=percent_at_most(worst.of_all, 1),
                    over=count(len(over)),
                    feeders=count(len(report.feeders)),
                ),
            )
        )
    dark = max(report.days, key=lambda d: d.customer_minutes + d.open.customer_minutes, default=None)
    if dark is not None and (used := dark.customer_minutes + dark.open.customer_minutes):
        found.append(
            Said(
                "",
                words(
                    "The worst day was {day} with {share} of it; major event days: {major}.",
                    day=day(dark.day, ZoneInfo(report.zone)),
                    share=percent_at_most(used / report.spent, 1),
                    major=count(sum(d.major for d in report.major.days)),
                ),
            )
        )
    return found


def _unknown(report: Report, words: Words) -> Said:
    share = report.reliability.unknown_share
    return Said(
        "warn" if share or report.deaf else "good",
        words(
            "For {share} of all customer time nobody knows whether there was supply; it counts neither as "
            "on nor as off.",
            share=percent_at_most(share),
        ),
    )


def _before(report: Report, words: Words) -> list[Said]:
    if report.before is None:
        return []
    now, then = report.reliability.all.saidi_minutes, report.before.reliability.all.saidi_minutes
    if now is None or then is None or (report.so_far and now <= then):
        return []  # that less is known of a span that is not over is no merit
    text = (
        words(
            "SAIDI is {minutes} higher than in {period}.",
            minutes=minutes(now - then),
            period=report.before.span.label,
        )
        if now > then
        else words(
            "SAIDI is {minutes} lower than in {period}.",
            minutes=down(then - now, 2, "min"),
            period=report.before.span.label,
        )
        if now < then
        else words("SAIDI is as in {period}.", period=report.before.span.label)
    )
    return [Said("", text)]


def _clocks(report: Report, words: Words) -> list[Said]:
    whole = [c for c in report.clocks if c.work is Work.REPAIR and not c.severity and c.share is not None]
    if not whole:
        return []
    listed = ", ".join(
        f"{words.term(c.clock)} {percent(c.share, 1)} ({count(c.kept)}/{count(c.kept + c.missed)})"
        for c in whole
    )
    bad = any(c.missed for c in whole)
    return [Said("warn" if bad else "good", words("Clocks of repairs kept: {listed}.", listed=listed))]


def _drill(report: Report, words: Words) -> list[Said]:
    due = report.drill_due_at
    till = min(report.high, report.at)
    if due is not None and till < due:
        return [
            Said(
                "good",
                words(
                    "Drills held: {n}; the next is due {due}.",
                    n=count(len(report.drills)),
                    due=day(due, ZoneInfo(report.zone)),
                ),
            )
        ]
    late = "" if due is None else length(till - due)
    if due is None:
        return [
            Said(
                "bad",
                words("No drill was ever held: one is due every {days} days.", days=report.drill_every_days),
            )
        ]
    return [
        Said(
            "bad",
            words(
                "A drill is due every {days} days, and overdue by {late}.",
                days=report.drill_every_days,
                late=late,
            ),
        )
    ]
