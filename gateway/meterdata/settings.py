"""Settings of the book: what is reckoned of meter data once it is in the database."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from gateway.core.settings import Seconds, Settings

Share = Annotated[float, Field(gt=0, le=1)]


class MeterDataSettings(Settings):
    """The section `meterdata`."""

    enabled: bool = Field(default=True, description="Whether this gateway keeps the book at all.")
    every_s: Seconds = Field(default=900, description="How often what is new or late is reckoned.")
    wait_s: Annotated[float, Field(ge=0, le=86_400)] = Field(
        default=300,
        description="How long after its end an interval is left to arrive before it is looked at.",
    )
    chunk: Annotated[int, Field(ge=1, le=100_000)] = Field(
        default=500, description="Devices taken at once, at most."
    )
    chunk_rows: Annotated[int, Field(ge=1000, le=50_000_000)] = Field(
        default=500_000, description="Rows of readings or intervals expected at once, at most."
    )
    back_days: Annotated[int, Field(ge=1, le=3660)] = Field(
        default=62, description="How far back the first run on an existing database goes."
    )
    reach_s: Seconds = Field(
        default=7 * 86_400,
        description="How far before and after a stretch the nearest reading of a register is looked for.",
    )
    history_days: Annotated[int, Field(ge=0, le=92)] = Field(
        default=28, description="Days before that like days are taken from; 0 for none."
    )
    close_after_s: Seconds = Field(
        default=4 * 3600,
        description="How long after its end a local day is closed: estimates made, gaps laid to causes, supply quality "
        "accounted.",
    )
    account_every_s: Seconds = Field(
        default=3600, description="How often the collection account of days that are not closed is renewed."
    )
    gap_after_s: Annotated[float, Field(ge=0, le=31 * 86_400)] = Field(
        default=3600, description="An interval that has not come so long after its end is a gap."
    )
    silent_share: Share = Field(
        default=0.8,
        description="A concentrator, endpoint or protocol is silent where at least so much of what else it carries is "
        "missing.",
    )
    complete_share: Share = Field(
        default=0.98, description="A closed day is judged from this share of its intervals collected."
    )
    judge_after_s: Seconds = Field(
        default=36 * 3600, description="Or so long after its end, whatever was collected."
    )
    judge_chunk: Annotated[int, Field(ge=100, le=1_000_000)] = Field(
        default=20_000, description="Customers judged at once; those of one transformer stay together."
    )
    recall: bool = Field(
        default=True, description="Whether meters that keep a load profile are asked for what lacks."
    )
    recall_per_second: Annotated[float, Field(gt=0, le=1000)] = Field(
        default=1.0, description="Gaps asked for per second."
    )
    recall_at_once: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=8, description="Under way at once; of these one for each concentrator or endpoint."
    )
    recall_longest_s: Seconds = Field(default=120, description="How long one may take.")
    recall_again_s: Seconds = Field(
        default=3600,
        description="A gap that stays is asked for again after this, then twice as long, and so on.",
    )
    recall_tries: Annotated[int, Field(ge=1, le=100)] = Field(
        default=5, description="How often one gap is asked for."
    )
    recall_back_days: Annotated[int, Field(ge=1, le=3660)] = Field(
        default=14, description="Gaps that ended longer ago are left as they are."
    )
