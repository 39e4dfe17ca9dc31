"""What can be configured about tickets and the messages that tell service systems about them."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, field_validator, model_validator

from alerts.targets import BreakerSettings, RetrySettings, TargetSettings
from alerts.work import Work
from gateway.core.model import IncidentKind
from gateway.core.network import NODE_KINDS
from gateway.core.settings import Seconds, Settings

HoldOff = Annotated[float, Field(ge=0, le=86_400)]
Count = Annotated[int, Field(ge=1)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Minutes = Annotated[float, Field(gt=0, le=31 * 1440)]
Levels: TypeAlias = tuple[Minutes | None, Minutes | None, Minutes | None]
"""For severity 1, 2 and 3; None is no such clock."""


class SeverityRule(Settings):
    """A ticket has this severity when at least one of the thresholds is reached; null never is."""

    customers: Count | None = None
    critical: Count | None = None  # metering points of priority critical
    public_welfare: Count | None = None
    important: Count | None = None
    minutes: Minutes | None = None  # lasting for at least so long
    level: str | None = None  # at a node of this kind, or of one above it: substation, feeder, …

    @field_validator("level")
    @classmethod
    def _kind_of_node(cls, word: str | None) -> str | None:
        if word is not None and word not in NODE_KINDS:
            raise ValueError(f"{word!r} is not one of {', '.join(NODE_KINDS)}")
        return word


class Limits(Settings):
    """Minutes by class of area and, in each, by severity."""

    urban: Levels
    rural: Levels
    remote: Levels


def _everywhere(*minutes: float) -> Limits:
    return Limits.model_validate(dict.fromkeys(("urban", "rural", "remote"), minutes))


class WorkLimits(Settings):
    """Minutes by severity, of work that is no repair: the same in every area."""

    response: Levels
    arrival: Levels


class SlaSettings(Settings):
    """By when what has to be done; without more said, for repairs. Where the defaults come from:

    response     to have acknowledged or sent somebody: a supply service's promise to respond within 1 to 2 h
    arrival      to be on site: 45 min urban, 90 rural, 120 remote, as Chinese utilities promise
    arrival_limit  the regulator's bounds of the same: 60, 120 and 240 min
    restoration  to have supply back: general faults (severity 3) 2 h, major 4 h, special 8 h
    quality      supply outside its limits: a complaint is answered within 2 h and handled within 24 h
    inspection   unusual usage: handled within 24 h, somebody there within 48 h as for complaints
    """

    area: Literal["urban", "rural", "remote"] = "urban"  # where neither node nor members say
    warn_at: Fraction = 0.75  # part of the time after which it is warned of
    response: Limits = _everywhere(60, 60, 120)
    arrival: Limits = Limits(urban=(45, 45, 45), rural=(90, 90, 90), remote=(120, 120, 120))
    arrival_limit: Limits = Limits(urban=(60, 60, 60), rural=(120, 120, 120), remote=(240, 240, 240))
    restoration: Limits = _everywhere(480, 240, 120)
    quality: WorkLimits = WorkLimits(response=(120, 120, 120), arrival=(1440, 1440, 1440))
    inspection: WorkLimits = WorkLimits(response=(1440, 1440, 1440), arrival=(2880, 2880, 2880))

    def limit(self, clock: str, *, severity: int, area: str, work: Work = Work.REPAIR) -> float | None:
        """Minutes; None for no limit. An `area` that is none counts as the default."""
        if work is not Work.REPAIR:
            other = self.quality if work is Work.QUALITY else self.inspection
            return {"response": other.response, "arrival": other.arrival}.get(clock, (None,) * 3)[
                severity - 1
            ]
        limits = {
            "response": self.response,
            "arrival": self.arrival,
            "arrival_limit": self.arrival_limit,
            "restoration": self.restoration,
        }[clock]
        levels = {"urban": limits.urban, "rural": limits.rural, "remote": limits.remote}
        return levels.get(area, levels[self.area])[severity - 1]


class StormSettings(Settings):
    """When there are so many tickets that targets get summaries instead of mere updates."""

    tickets: Annotated[int, Field(ge=2, le=100_000)] = (
        30  # opened within `window_s`; over at less than half of it
    )
    window_s: Seconds = 600.0
    summary_s: Seconds = 300.0  # between two summaries


class AlertSettings(Settings):
    """The section `alerts`."""

    kinds: tuple[IncidentKind, ...] = (
        IncidentKind.OUTAGE,
        IncidentKind.PHASE_LOSS,
        IncidentKind.POWER_QUALITY,
        IncidentKind.USAGE_ANOMALY,
    )
    hold_off_s: HoldOff = (
        60.0  # an incident over sooner leaves no ticket behind; none where evidence is direct
    )
    communications_hold_off_s: HoldOff = 900.0
    update_s: HoldOff = 30.0  # at most one update message per ticket in this time
    confirm_confidence: Fraction = (
        0.99  # from here on an incident counts as confirmed, as direct evidence does
    )
    reopen_after_s: HoldOff = (
        900.0  # what a person called over is opened again when customers are still off so much later
    )
    severity_1: SeverityRule = SeverityRule(customers=1000, critical=1, level="substation")
    severity_2: SeverityRule = SeverityRule(
        customers=100, public_welfare=1, important=1, minutes=240, level="feeder"
    )
    sla: SlaSettings = SlaSettings()
    storm: StormSettings = StormSettings()
    max_devices: int = Field(50, ge=0, le=1000)  # device ids listed in one message
    public_url: str = ""  # where people and receivers reach this gateway; empty for no links
    targets: tuple[TargetSettings, ...] = ()
    allow_hosts: tuple[str, ...] | None = None  # hosts that may be sent to; the targets' own by default
    retry: RetrySettings = RetrySettings()
    breaker: BreakerSettings = BreakerSettings()
    concurrency: int = Field(16, ge=1, le=1000)  # messages under way at once
    idle_s: Seconds = 1.0  # how often the outbox is looked at when nothing wakes us
    unavailable_s: Seconds = 1.0  # first wait when the database does not answer; doubles up to half a minute
    grace_s: HoldOff = 5.0  # how long messages under way may take to finish at shutdown

    @field_validator("kinds")
    @classmethod
    def _with_work_to_do(cls, kinds: tuple[IncidentKind, ...]) -> tuple[IncidentKind, ...]:
        if IncidentKind.MOMENTARY in kinds:
            raise ValueError("momentary interruptions are counted, never ticketed")
        if IncidentKind.PLANNED_OUTAGE in kinds:
            raise ValueError("planned outages have their work order already and are never ticketed")
        return kinds

    @field_validator("targets")
    @classmethod
    def _distinct(cls, targets: tuple[TargetSettings, ...]) -> tuple[TargetSettings, ...]:
        names = [target.name for target in targets]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"more than one target is named {', '.join(twice)}")
        return targets

    @model_validator(mode="after")
    def _allowed(self) -> AlertSettings:
        refused = [t for t in self.targets if t.host not in self.allowed_hosts]
        if refused:
            named = ", ".join(f"{t.host} (target {t.name})" for t in refused)
            raise ValueError(f"hosts not on allow_hosts: {named}")
        return self

    @property
    def allowed_hosts(self) -> frozenset[str]:
        if self.allow_hosts is None:
            return frozenset(target.host for target in self.targets)
        return frozenset(host.lower() for host in self.allow_hosts)
