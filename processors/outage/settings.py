"""Settings of the outage detector. Where a default has a source, its description names it."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field, model_validator

from gateway.core.settings import Seconds, Settings

Share = Annotated[float, Field(gt=0, le=1)]
Probability = Annotated[float, Field(gt=0, lt=1)]
Count = Annotated[int, Field(ge=1, le=1000)]


class OutageSettings(Settings):
    """The section `outage`. Durations are seconds."""

    collecting_s: Seconds = Field(
        default=10,
        description="Wait this long after the first dark evidence below a transformer before concluding; "
        "signals of one fault arrive over tens of seconds.",
    )
    sustained_s: Seconds = Field(
        default=300,
        description="An outage is sustained when longer than this, else momentary. "
        "IEEE 1366: 5 min; DL/T 836: 3 min.",
    )
    sustained_comparator: Literal[">", ">="] = Field(
        default=">",
        description="Whether an outage of exactly `sustained_s` is momentary still (IEEE 1366) or not.",
    )
    reclose_s: Seconds = Field(
        default=120,
        description="A momentary outage stays open to further ones for this long after its last return: a reclosing "
        "sequence is one incident.",
    )
    off_below: Share = Field(
        default=0.6, description="Share of nominal voltage; DL/T 698.45: 132 V of 220 V."
    )
    on_above: Share = Field(default=0.8, description="Share of nominal voltage; DL/T 698.45: 176 V of 220 V.")
    last_gasp_wait_s: Seconds = Field(
        default=30,
        description="How long meters wait before a last gasp. Subtracted from reception where a gasp carries no "
        "plausible time of its own. In the field 30 s to 60 s.",
    )
    max_clock_error_s: Seconds = Field(
        default=1800,
        description="A device's own time further than this from reception is not used. "
        "Gasps are repeated for up to 20 min in the field.",
    )
    flapping_s: Seconds = Field(
        default=600,
        description="A device whose gasps were contradicted by readings twice within this time flaps: its gasps "
        "conclude nothing alone until it has been steady for as long.",
    )
    clock_tolerance_s: Seconds = Field(
        default=2, description="Two clocks this close are not told apart when evidence contradicts itself."
    )
    delivery_rate: Probability = Field(
        default=0.5,
        description="p: share of dark meters whose evidence arrives, before anything is known of it: the mean of a "
        "vague prior over which scores are integrated. No citable figure exists.",
    )
    false_rate: Probability = Field(
        default=0.001, description="ε: share of living meters that give dark evidence within one window."
    )
    target_failed_rate: Probability = Field(
        default=0.05,
        description="Share of polls that a concentrator answers with exception 0x0B although the meter has supply; "
        "weighs one such answer so that a meter alone needs two.",
    )
    shared_hop_confidence: Share = Field(
        default=0.8,
        description="Highest confidence where exceptions 0x0B of one concentrator are all there is: its meters share "
        "the last hop, so the bus may be at fault. Keep it below `alerts.confirm_confidence`.",
    )
    silent_rate: Probability = Field(
        default=0.05, description="Share of living meters that miss their reports or polls for other reasons."
    )
    false_life_rate: Probability = Field(
        default=0.001,
        description="Share of dark meters that still seem alive (a wrong clock, a late message).",
    )
    min_score: float = Field(
        default=4.6,
        gt=0,
        description="Log-likelihood one more incident has to earn: ln 100, a prior of one in a hundred.",
    )
    phase_score: float = Field(
        default=2.0,
        ge=0,
        description="What an incident has to earn in addition where one phase is lost while others remain; four times "
        "as much where two are.",
    )
    silence_polls: Count = Field(
        default=3, description="Unanswered polls in a row that make a device silent."
    )
    silence_intervals: Annotated[float, Field(ge=1, le=1000)] = Field(
        default=3, description="Reporting intervals without a message that make a device silent."
    )
    expect_unheard: bool = Field(
        default=True,
        description="Whether devices that were never heard become silent, counted from the start. A recording need not "
        "hold all devices: `feederline replay` takes false unless it is written.",
    )
    restored_share: Share = Field(
        default=0.9, description="Share of members seen alive from which an outage counts as restored."
    )
    remainder_s: Seconds = Field(
        default=120,
        description="After the last member came back, wait this long (at least one and a half reporting "
        "intervals) before whoever is still dark is judged apart.",
    )
    verify_sample: Count = Field(
        default=3, description="Members that must show a reading with voltage before an outage is closed."
    )
    verify_s: Seconds = Field(default=120, description="Time from restored to closed, at least.")
    verify_max_s: Seconds = Field(
        default=1800,
        description="An outage that nobody gave a reading for since it was restored is closed after this long.",
    )
    ask_below: Share = Field(
        default=0.95,
        description="Members of outages with less confidence than this are asked whether they answer.",
    )
    ask_s: Seconds = Field(default=60, description="How long an answer is waited for.")
    ask_again_s: Seconds = Field(default=600, description="No device is asked twice within this time.")
    ask_per_minute: Count = Field(default=60, description="Questions to the field, all incidents together.")
    planned_early_s: Seconds = Field(
        default=300, description="An announced outage may begin this much before its time."
    )
    planned_grace_s: Seconds = Field(
        default=300,
        description="Members of an announced outage have this long after its end (at least one and a half reporting "
        "intervals) to show supply before those still dark become an outage.",
    )
    join_s: Seconds = Field(
        default=300,
        description="Onsets further apart than this are not taken as one fault when incidents roll up.",
    )

    def enough(self, members: int) -> int:
        """How many of so many members have to be back for all to count as restored."""
        return max(1, math.ceil(self.restored_share * members - 1e-9))

    @model_validator(mode="after")
    def _ordered(self) -> OutageSettings:
        if self.off_below >= self.on_above:
            raise ValueError("off_below must be smaller than on_above")
        if self.false_rate >= self.delivery_rate:
            raise ValueError("false_rate must be smaller than delivery_rate")
        return self
