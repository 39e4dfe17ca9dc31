"""What can be configured about tickets and the messages that tell service systems about them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator, model_validator

from alerts.targets import BreakerSettings, RetrySettings, TargetSettings
from gateway.core.model import IncidentKind
from gateway.core.settings import Seconds, Settings

HoldOff = Annotated[float, Field(ge=0, le=86_400)]
Count = Annotated[int, Field(ge=1)]
Fraction = Annotated[float, Field(ge=0, le=1)]


class SeverityRule(Settings):
    """A ticket has this severity when at least one of the thresholds is reached; null never is."""

    customers: Count | None = None
    critical: Count | None = None  # metering points of priority critical
    important: Count | None = None


class AlertSettings(Settings):
    """The section `alerts`."""

    kinds: tuple[IncidentKind, ...] = (IncidentKind.OUTAGE, IncidentKind.PHASE_LOSS)
    hold_off_s: HoldOff = (
        60.0  # an incident over sooner leaves no ticket behind; none where evidence is direct
    )
    communications_hold_off_s: HoldOff = 900.0
    update_s: HoldOff = 30.0  # at most one update message per ticket in this time
    confirm_confidence: Fraction = (
        0.99  # from here on an incident counts as confirmed, as direct evidence does
    )
    severity_1: SeverityRule = SeverityRule(customers=1000, critical=1)
    severity_2: SeverityRule = SeverityRule(customers=100, important=1)
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
