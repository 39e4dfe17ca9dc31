"""Watches for targets that do not get their messages, says so once, and once more when they do again."""

from __future__ import annotations

import asyncio
import logging

from alerts import metrics
from alerts.formats import FORMATS, AlarmNotice
from alerts.settings import AlertSettings
from alerts.targets import About
from alerts.telling import message_id
from gateway.core.clock import SECOND, Clock, format_time
from gateway.core.ticket import Delivery
from gateway.store.lateness import Lateness, TargetLateness

log = logging.getLogger(__name__)

_PERIOD_S = 5.0
_RAISED, _CLEARED = 1, 2  # revisions within the subject of one alarm


class Alarms:
    """That the alarm stands is kept in the database, so restarts and further gateways do not raise it again."""

    def __init__(
        self, lateness: Lateness, settings: AlertSettings, clock: Clock, *, period_s: float = _PERIOD_S
    ) -> None:
        self._lateness = lateness
        self._settings = settings
        self._clock = clock
        self._period_s = period_s
        self._names = [target.name for target in settings.targets]
        self._late_after = round(settings.retry.late_after_s * SECOND)
        self.troubles: tuple[str, ...] = ()
        """One sentence for each target that does not get its messages, as last looked at."""

    async def run(self) -> None:
        """Look again and again until cancelled. Raises UnavailableError while the database is away."""
        while True:
            await self.look()
            await asyncio.sleep(self._period_s)

    async def look(self) -> None:
        """Look once: raise and clear alarms, and bring metrics and `troubles` up to date."""
        at = self._clock.now()
        before = at - self._late_after
        if buried := await self._lateness.bury(self._names, before=before, at=at):
            log.error(
                "messages for targets that are not configured are among the dead letters",
                extra={"deliveries": buried},
            )
        found = await self._lateness.look(self._names, before=before)
        for state in found:
            metrics.LATE.labels(state.target).set(state.count)
            metrics.DISABLED.labels(state.target).set(state.disabled_at is not None)
            await self._judge(state, at)
        self.troubles = tuple(_in_words(state) for state in found if _is_troubled(state))

    async def _judge(self, state: TargetLateness, at: int) -> None:
        """Messages about alarms raise none: two targets that hear of each other's would never be done. What was given
        up is not waited for any more, but it clears none either: only something that got through does."""
        fields = {
            "target": state.target,
            "late": state.count,
            "oldest_at": None if state.oldest_at is None else format_time(state.oldest_at),
            "error": state.error,
        }
        if state.count > state.alarms and state.late_since is None:
            told = self._told(state, _RAISED, since=at, at=at)
            if await self._lateness.begin(state.target, told, at=at):
                metrics.LATE_TARGETS.labels(state.target).inc()
                log.error("messages do not get through to a target", extra=fields)
        elif not state.count and state.disabled_at is None and state.late_since is not None and state.through:
            told = self._told(state, _CLEARED, since=state.late_since, at=at)
            if await self._lateness.end(state.target, told, since=state.late_since):
                log.info("messages get through to a target again", extra={"target": state.target})

    def _told(self, state: TargetLateness, revision: int, *, since: int, at: int) -> list[Delivery]:
        """Messages to the other targets that want to hear of alarms."""
        subject = f"alarm/{state.target}/{since}"
        deliveries = []
        for target in self._settings.targets:
            if target.name == state.target or About.ALARM not in target.about:
                continue
            message = FORMATS.get(target.format).alarm(
                AlarmNotice(
                    late_target=state.target,
                    count=state.count,
                    oldest_at=at if state.oldest_at is None else state.oldest_at,
                    error=state.error,
                    public_url=self._settings.public_url,
                    at=at,
                    options=target.options,
                )
            )
            if message is None:
                continue
            deliveries.append(
                Delivery(
                    id=message_id(subject, revision, target.name),
                    subject=subject,
                    ticket=None,
                    revision=revision,
                    target=target.name,
                    created_at=at,
                    body=message.body,
                    content_type=message.content_type,
                )
            )
        return deliveries


def _is_troubled(state: TargetLateness) -> bool:
    stands = state.late_since is not None and not state.through
    return bool(state.count) or state.disabled_at is not None or stands


def _in_words(state: TargetLateness) -> str:
    if state.disabled_at is not None:
        since = f"{format_time(state.disabled_at)} ({state.error})"
        return f"target {state.target} is disabled since {since}; dead letters: {state.count}"
    if not state.count and state.late_since is not None:
        since = format_time(state.late_since)
        return f"target {state.target} has got nothing since the alarm of {since}; dead letters: {state.dead}"
    oldest = "" if state.oldest_at is None else f", the oldest of {format_time(state.oldest_at)}"
    why = f": {state.error}" if state.error else ""
    return f"target {state.target} does not get its messages; late: {state.count}{oldest}{why}"
