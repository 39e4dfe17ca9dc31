"""What the API answers of energy by interval. Energy is kWh (kvarh of reactive registers), null where there is none."""

from __future__ import annotations

from gateway.api.meterdata.words import qualities_of, rules_of
from gateway.api.shapes import Shape, Time, WindowOut
from gateway.core.meterdata import IntervalEdit, Rule
from gateway.store.edits import Edited, ReadingView, VersionView
from gateway.store.meterchanges import ChangeView
from gateway.store.meterlists import IntervalView, SaidView


class IntervalOut(Shape):
    """`raw`: the plain difference of the readings at its ends, as they came; `value`: what is billed; `by`, `reason`:
    of the person whose value stands."""

    start: Time
    end: Time
    raw: float | None
    value: float | None
    status: str
    rules: list[str]
    version: int
    made_at: Time
    final: bool
    by: str | None
    reason: str | None


class IntervalsOut(Shape):
    """Earliest first; `next` is the `after` of the page that follows, null on the last one."""

    device: str
    quantity: str
    unit: str
    window: WindowOut
    intervals: list[IntervalOut]
    next: Time | None


class ReadingOut(Shape):
    """The register as read; `quality` names what is odd about it, nothing for a good one."""

    measured_at: Time
    received_at: Time
    value: float
    quality: list[str]


class VersionOut(Shape):
    """`rules`: every rule that touched it, with its meaning; `by`, `reason`, `edit`: null where the machine made it."""

    version: int
    made_at: Time
    raw: float | None
    value: float | None
    status: str
    rules: dict[str, str]
    by: str | None
    reason: str | None
    edit: int | None


class EditTermsOut(Shape):
    """`value` is of the whole stretch; null: what was said before was taken back."""

    number: int
    start: Time
    end: Time
    value: float | None
    at: Time
    by: str
    reason: str


class EditOut(EditTermsOut):
    device: str
    quantity: str


class WithdrawnOut(Shape):
    at: Time
    by: str
    reason: str


class ChangeOut(Shape):
    """`recorded_at`: since when it is on record; `withdrawn`: by whom, where it was a mistake and holds no more."""

    number: int
    of: str
    at: Time
    before: float | None
    after: float | None
    by: str
    reason: str
    recorded_at: Time
    withdrawn: WithdrawnOut | None


class HistoryOut(Shape):
    """One interval: what stands, and everything on record that led to it.

    `opening`, `closing`: the last readings at or before its ends, within a day. `versions`: oldest first, the last one
    stands. `too_late`: what came when it was final, without effect; its `version` is the one that stood. `edits`: of
    stretches that it lies in. `changes`: of the meter, between the two readings, those that were withdrawn too.
    """

    device: str
    node: str
    quantity: str
    unit: str
    start: Time
    end: Time
    raw: float | None
    value: float | None
    status: str
    final: bool
    revision: int
    opening: ReadingOut | None
    closing: ReadingOut | None
    versions: list[VersionOut]
    too_late: list[VersionOut]
    edits: list[EditTermsOut]
    changes: list[ChangeOut]


class WasOut(Shape):
    value: float | None
    status: str


class EffectOut(Shape):
    start: Time
    end: Time
    before: WasOut
    after: WasOut


class EditedOut(Shape):
    """`revision`: of the stretch before, as `If-Match` names it. `effects` names the first hundred intervals at most;
    `changed` is the full number."""

    dry_run: bool
    number: int
    device: str
    quantity: str
    start: Time
    end: Time
    value: float | None
    at: Time
    by: str
    reason: str
    revision: int
    changed: int
    effects: list[EffectOut]


class EditsOut(Shape):
    """`next` is the `before` of the page that follows; null on the last one."""

    edits: list[EditOut]
    next: str | None


class ChangesOut(Shape):
    """Of one meter, earliest first; those that were withdrawn too."""

    device: str
    changes: list[ChangeOut]


class ChangedOut(Shape):
    """`new`: false where the very same was on record already, or was withdrawn already."""

    new: bool
    device: str
    change: ChangeOut


def interval(view: IntervalView) -> IntervalOut:
    return IntervalOut(
        start=view.start,
        end=view.end,
        raw=view.raw,
        value=view.value,
        status=view.status.word,
        rules=Rule(view.rules).words,
        version=view.version,
        made_at=view.made_at,
        final=view.final,
        by=view.by or None,
        reason=view.reason or None,
    )


def reading(view: ReadingView | None) -> ReadingOut | None:
    if view is None:
        return None
    return ReadingOut(
        measured_at=view.measured_at,
        received_at=view.received_at,
        value=view.value,
        quality=qualities_of(view.quality),
    )


def version(view: VersionView) -> VersionOut:
    return VersionOut(
        version=view.version,
        made_at=view.made_at,
        raw=view.raw,
        value=view.value,
        status=view.status.word,
        rules=rules_of(view.rules),
        by=view.by or None,
        reason=view.reason or None,
        edit=view.edit,
    )


def edit(number: int, said: IntervalEdit) -> EditTermsOut:
    return EditTermsOut(
        number=number,
        start=said.start,
        end=said.end,
        value=said.value,
        at=said.at,
        by=said.by,
        reason=said.reason,
    )


def said(view: SaidView) -> EditOut:
    return EditOut.model_validate(view)


def change(view: ChangeView) -> ChangeOut:
    made = view.change
    return ChangeOut(
        number=view.number,
        of=made.of.value,
        at=made.at,
        before=made.before,
        after=made.after,
        by=made.by,
        reason=made.reason,
        recorded_at=view.recorded_at,
        withdrawn=None if view.withdrawn is None else WithdrawnOut.model_validate(view.withdrawn),
    )


def effect(of: Edited) -> EffectOut:
    return EffectOut(
        start=of.start,
        end=of.end,
        before=WasOut(value=of.was_value, status=of.was_status.word),
        after=WasOut(value=of.value, status=of.status.word),
    )
