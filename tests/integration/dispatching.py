"""A dispatcher as a process of its own, to be killed: python -m tests.integration.dispatching DATABASE OWNER URL"""

from __future__ import annotations

import asyncio
import contextlib
import sys

from alerts.dispatch import Dispatcher
from gateway.core.clock import SystemClock
from gateway.store import Store
from tests.alerting import settings, target
from tests.integration.store_world import settings_for


async def main(database: str, owner: str, url: str) -> None:
    chosen = settings(target(url, timeout_s=1), idle_s=0.05, concurrency=4)
    async with Store.open(settings_for(database)) as store:
        outbox = store.outbox(["desk"], owner=owner)
        await outbox.release()
        sys.stdout.write("runs\n")
        sys.stdout.flush()
        await Dispatcher(outbox, chosen.targets[0], SystemClock(), chosen).run()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(*sys.argv[1:]))
