"""Keeps a part going: what fails is started again after a jittered pause, without disturbing the others; and hears
what the system tells the whole."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import Awaitable, Callable, Iterator

from gateway.core.backoff import Backoff
from gateway.core.errors import FeederlineError, first_of
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
        except* FeederlineError as found:  # also out of a task group
            error = first_of(found)
            if not error.retry:
                backoff.failures = max(backoff.failures, 5)  # someone has to act; no use in hurrying
            log.warning("task failed; starting again", extra={"task": name, "error": str(error)})
        except* Exception:  # a boundary: one part's mistake must not take the others down
            log.exception("task failed; starting again", extra={"task": name})
        RESTARTS.labels(name).inc()
        if loop.time() - started > _STEADY_S:
            backoff.reset()
        await backoff.sleep()


async def _started(work: Callable[[], Awaitable[None]]) -> None:
    await work()


@contextlib.contextmanager
def on_signals(stop: asyncio.Event, reread: Callable[[], None]) -> Iterator[None]:
    """The first Ctrl-C or SIGTERM asks to stop; a second one cancels at once. SIGHUP rereads the configuration."""
    loop = asyncio.get_running_loop()
    main = asyncio.current_task()

    def ask_to_stop() -> None:
        if stop.is_set() and main is not None:
            main.cancel()
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ask_to_stop)
    loop.add_signal_handler(signal.SIGHUP, reread)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.remove_signal_handler(number)
