"""Keeps a part going: what fails is started again after a jittered pause, without disturbing the others."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from gateway.core.backoff import Backoff
from gateway.core.errors import FeederlineError
from gateway.metrics import RESTARTS

log = logging.getLogger(__name__)

_STEADY_S = 60.0  # a run this long was a good one; the next failure starts from a short pause again


async def keep_running(
    name: str, work: Callable[[], Awaitable[None]], *, base_s: float = 1.0, cap_s: float = 30.0
) -> None:
    """Run `work` until cancelled; start it again whenever it fails. Ends only when `work` returns by itself."""
    backoff = Backoff(base_s=base_s, cap_s=cap_s)
    loop = asyncio.get_running_loop()
    while True:
        started = loop.time()
        try:
            # A task of its own each time: before Python 3.11.4 a task group that failed leaves its task marked as being
            # cancelled, and the next timeout in that task would end it.
            await asyncio.create_task(_started(work), name=name)
            return
        except FeederlineError as exc:
            if not exc.retry:
                backoff.failures = max(backoff.failures, 5)  # someone has to act; no use in hurrying
            log.warning("task failed; starting again", extra={"task": name, "error": str(exc)})
        except Exception:  # a boundary: one part's mistake must not take the others down
            log.exception("task failed; starting again", extra={"task": name})
        RESTARTS.labels(name).inc()
        if loop.time() - started > _STEADY_S:
            backoff.reset()
        await backoff.sleep()


async def _started(work: Callable[[], Awaitable[None]]) -> None:
    await work()
