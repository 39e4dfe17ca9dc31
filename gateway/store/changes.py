"""What changes in the database, told by the database as it happens."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import msgspec

from gateway.core.model import Record
from gateway.store.errors import boundary
from gateway.store.pool import connect
from gateway.store.queries import sql
from gateway.store.settings import DatabaseSettings

_PROVE_S = 15.0  # a connection that says nothing for so long is asked whether it is there


class ChangeNote(Record, frozen=True, kw_only=True):
    """One incident or ticket has a new revision. It is there to be read when this is told."""

    what: str  # "incident", "ticket"
    id: str
    revision: int
    node: str


_decode = msgspec.json.Decoder(ChangeNote).decode


class Changes:
    def __init__(self, settings: DatabaseSettings) -> None:
        self._settings = settings

    async def listen(self) -> AsyncGenerator[ChangeNote | None, None]:
        """None once it listens, then every change from there on, on one connection of its own.

        Raises UnavailableError when the connection cannot be made or is lost, RefusedError when the server says no.
        """
        conn = await connect(self._settings)
        try:
            with boundary("listening for changes"):
                await conn.execute(sql("change_listen"))
                yield None
                while True:
                    async for told in conn.notifies(timeout=_PROVE_S):
                        try:
                            yield _decode(told.payload)
                        except msgspec.DecodeError:  # somebody else spoke on the channel
                            continue
                    await conn.execute(sql("change_prove"))
        finally:
            await conn.close()
