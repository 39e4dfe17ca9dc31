"""When to try again, and what a failure says."""

from __future__ import annotations

from alerts.exchange import Reply
from alerts.targets import RetrySettings
from gateway.core.clock import SECOND
from gateway.core.ticket import Delivery

_ABOUT_THE_MESSAGE = frozenset({400, 406, 409, 410, 413, 414, 415, 422, 429})
"""Answers of a receiver that works: it does not like this message, wants none at all, or wants them more slowly."""


def speaks_for_the_target(reply: Reply) -> bool:
    """Whether the try failed in a way in which the next message's would: nobody there, broken, not letting us in."""
    return not (reply.accepted or reply.by_design or reply.status in _ABOUT_THE_MESSAGE)


def next_try_at(
    delivery: Delivery,
    settings: RetrySettings,
    *,
    now: int,
    retry_after: int | None = None,
    chance: float = 0.0,
) -> int | None:
    """Time of the next try after one that failed at `now`, or None when the message is to be given up.

    `delivery.attempts` counts the tries before this one; after a replay the waits begin anew. `chance` in [0, 1)
    shortens the wait by up to the fraction `jitter`; `retry_after` (µs) is the receiver's own wish, kept up to a bound
    and never undercut.
    """
    rung = delivery.attempts - delivery.attempts_before
    step_s = settings.ladder_s[min(rung, len(settings.ladder_s) - 1)]
    wait = round(step_s * (1 - settings.jitter * chance) * SECOND)
    if retry_after is not None:
        wait = max(wait, min(retry_after, round(settings.retry_after_max_s * SECOND)))
    if now + wait - delivery.created_at > settings.give_up_after_s * SECOND:
        return None
    return now + wait
