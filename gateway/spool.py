"""The durable queue between the field and everything else: SQLite in WAL mode with group commit.

What `put` has returned for is on disk and survives `kill -9` and power loss; the source is acknowledged after that.
The queue is one ordered stream with a sequence number per entry, bounded in bytes, read by position, and trimmed once
the store and the detectors' snapshot are past it.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import sqlite3
import threading
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import IO, NamedTuple

from gateway import snapshots
from gateway.core import codec
from gateway.core.clock import SystemClock
from gateway.core.errors import RefusedError, UnavailableError
from gateway.core.model import DeadLetter, Entry, Tick

log = logging.getLogger(__name__)

_SCHEMA = """
create table if not exists identity (id text not null, heard_at integer not null default 0);
create table if not exists device (key integer primary key, id text not null unique);
create table if not exists entry (seq integer primary key autoincrement, data blob not null);
"""
_RETRY_S = 1.0  # between tries while the disk refuses


class Item(NamedTuple):
    seq: int
    entry: Entry


class Spool:
    """Use as `async with Spool(directory) as spool`. One process at a time holds it, and only its user may read it."""

    def __init__(self, directory: Path, *, max_bytes: int = 1 << 30) -> None:
        self.directory = directory
        self.max_bytes = max_bytes
        self.id = uuid.UUID(int=0)
        self.first = 0  # lowest sequence number still held, or the next one
        self.last = 0  # highest ever given
        self.size = 0  # bytes of the entries held
        self.heard_at = 0  # time of the latest tick ever put, µs; 0 for a new stream
        self.trouble = ""  # why nothing can be written now; empty when all is well
        self._pending: list[tuple[list[bytes], asyncio.Future[None]]] = []
        self._flushing: asyncio.Task[None] | None = None
        self._arrived = asyncio.Condition()
        self._room = asyncio.Condition()
        self._leaving = threading.Event()
        self._writer_thread = ThreadPoolExecutor(1, "spool-writer")
        self._reader_thread = ThreadPoolExecutor(1, "spool-reader")
        self._writer: sqlite3.Connection
        self._reader: sqlite3.Connection
        self._lock: IO[str]

    async def __aenter__(self) -> Spool:
        """Raises RefusedError when another process holds the directory, UnavailableError when it cannot be used."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._writer_thread, self._open)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leaving.set()
        if self._flushing is not None:
            await asyncio.wait([self._flushing])
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._reader_thread, self._reader.close)
        await loop.run_in_executor(self._writer_thread, self._writer.close)
        self._reader_thread.shutdown()
        self._writer_thread.shutdown()
        self._lock.close()

    def _open(self) -> None:
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            self.directory.chmod(0o700)  # readings of customers are in it
            self._lock = (self.directory / "lock").open("a")
        except OSError as exc:
            raise UnavailableError(
                f"spool directory {self.directory} cannot be used: {exc.strerror}"
            ) from exc
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            self._lock.close()
            raise RefusedError(f"spool directory {self.directory} is in use by another gateway") from exc
        file = self.directory / "spool.db"
        try:
            self._writer = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
            self._writer.execute("pragma journal_mode = wal")
            self._writer.execute("pragma synchronous = full")
            self._writer.executescript(_SCHEMA)
            self._reader = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
            self._reader.execute("pragma query_only = on")
            self.id, self.heard_at = self._identity()
            row = self._writer.execute(
                "select min(seq), coalesce(sum(length(data)), 0) from entry"
            ).fetchone()
            given = self._writer.execute("select seq from sqlite_sequence where name = 'entry'").fetchone()
        except sqlite3.Error as exc:
            self._lock.close()
            raise UnavailableError(f"spool {file} cannot be used: {exc}") from exc
        self.last = given[0] if given else 0
        self.first = row[0] if row[0] is not None else self.last + 1
        self.size = row[1]

    def _identity(self) -> tuple[uuid.UUID, int]:
        row = self._writer.execute("select id, heard_at from identity").fetchone()
        if row is None:
            row = (str(uuid.uuid4()), 0)
            self._writer.execute("insert into identity values (?, ?)", row)
        return uuid.UUID(row[0]), row[1]

    # -- devices: names behind the integer keys in the entries ------------------------------------------------

    def devices(self) -> list[str]:
        """Names by key, 0 … n−1, of every device ever written about."""
        return [row[0] for row in self._writer.execute("select id from device order by key")]

    def remember_devices(self, ids: Sequence[str]) -> None:
        """Make the names durable; `ids` starts with what `devices` returned."""
        known = self._writer.execute("select count(*) from device").fetchone()[0]
        with _transaction(self._writer):
            self._writer.executemany("insert into device values (?, ?)", list(enumerate(ids))[known:])

    # -- writing ----------------------------------------------------------------------------------------------

    async def put(self, entries: Sequence[Entry]) -> None:
        """Return when `entries` are on disk, in this order; wait while the spool is over its bound."""
        if not entries:
            return
        async with self._room:
            await self._room.wait_for(lambda: self.size < self.max_bytes)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.heard_at = max([self.heard_at, *(entry.at for entry in entries if isinstance(entry, Tick))])
        self._pending.append(([codec.encode(entry) for entry in entries], done))
        if self._flushing is None:
            self._flushing = asyncio.create_task(self._flush(), name="spool-flush")
        await asyncio.shield(done)

    async def _flush(self) -> None:
        """Commit what is pending; what arrives meanwhile forms the next group."""
        loop = asyncio.get_running_loop()
        try:
            while self._pending:
                group, self._pending = self._pending, []
                blobs = [blob for entry_blobs, _ in group for blob in entry_blobs]
                try:
                    self.last = await loop.run_in_executor(self._writer_thread, self._append, blobs)
                except sqlite3.Error as exc:
                    self.trouble = str(exc)
                    log.error("spool cannot be written", extra={"error": str(exc)})  # noqa: TRY400
                    _settle(group, UnavailableError(f"spool in {self.directory} cannot be written: {exc}"))
                    continue
                self.size += sum(map(len, blobs))
                _settle(group, None)
                async with self._arrived:
                    self._arrived.notify_all()
        finally:
            self._flushing = None

    def _append(self, blobs: list[bytes]) -> int:
        """Keeps trying while the disk refuses, until we leave; nothing is acknowledged meanwhile."""
        failing = False
        while True:
            try:
                with _transaction(self._writer):
                    self._writer.executemany(
                        "insert into entry(data) values (?)", [(blob,) for blob in blobs]
                    )
                    self._writer.execute("update identity set heard_at = ?", (self.heard_at,))
                    last: int = self._writer.execute("select max(seq) from entry").fetchone()[0]
                self.trouble = ""
                return last
            except sqlite3.OperationalError as exc:
                self.trouble = str(exc)
                if not failing:
                    log.error("spool cannot be written; waiting for the disk", extra={"error": str(exc)})  # noqa: TRY400
                failing = True
                if self._leaving.wait(_RETRY_S):
                    raise

    # -- reading ----------------------------------------------------------------------------------------------

    async def read(self, after: int, *, max_bytes: int = 8 << 20) -> list[Item]:
        """The next entries after sequence number `after`, about `max_bytes` of them; waits until there is one.

        Raises UnavailableError when the file cannot be read.
        """
        async with self._arrived:
            await self._arrived.wait_for(lambda: self.last > after)
        loop = asyncio.get_running_loop()
        with self._reported("read"):
            return await loop.run_in_executor(self._reader_thread, self._fetch, after, max_bytes)

    def _fetch(self, after: int, max_bytes: int) -> list[Item]:
        items: list[Item] = []
        taken = 0
        with contextlib.closing(
            self._reader.execute("select seq, data from entry where seq > ? order by seq", (after,))
        ) as rows:
            for seq, data in rows:
                items.append(Item(seq, _decoded(data)))
                taken += len(data)
                if taken >= max_bytes:
                    break
        return items

    async def trim(self, upto: int) -> None:
        """Forget entries up to and including `upto`; whoever waits for room is let in.

        Raises UnavailableError when the file cannot be written.
        """
        if upto < self.first:
            return
        loop = asyncio.get_running_loop()
        with self._reported("trimmed"):
            freed = await loop.run_in_executor(self._writer_thread, self._delete, upto)
        self.first = min(upto, self.last) + 1
        async with self._room:
            self.size -= freed
            self._room.notify_all()

    @contextlib.contextmanager
    def _reported(self, done: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as exc:
            raise UnavailableError(f"spool in {self.directory} cannot be {done}: {exc}") from exc

    def _delete(self, upto: int) -> int:
        with _transaction(self._writer):
            freed: int = self._writer.execute(
                "select coalesce(sum(length(data)), 0) from entry where seq <= ?", (upto,)
            ).fetchone()[0]
            self._writer.execute("delete from entry where seq <= ?", (upto,))
        return freed

    # -- snapshots of the detectors, beside the stream that they were taken from ---------------------------------

    def save_snapshot(self, name: str, seq: int, state: bytes) -> None:
        """Keep `state`, which covers the stream up to `seq`. Raises UnavailableError when the disk refuses."""
        snapshots.save(self._snapshot(name), self.id, seq, state)

    def load_snapshot(self, name: str) -> tuple[int, bytes] | None:
        """(sequence number, state), or None when there is no sound one for this stream."""
        return snapshots.load(self._snapshot(name), self.id)

    def _snapshot(self, name: str) -> Path:
        return self.directory / f"{name}.snapshot"


def known_devices(directory: Path) -> list[str]:
    """Names by key of the devices that a spool has ever held, without opening it; none where there is no spool.

    Raises UnavailableError when there is one that cannot be read.
    """
    file = directory / "spool.db"
    if not file.exists():
        return []
    try:
        with contextlib.closing(
            sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)
        ) as connection:
            return [row[0] for row in connection.execute("select id from device order by key")]
    except sqlite3.Error as exc:
        raise UnavailableError(f"spool {file} cannot be read: {exc}") from exc


def is_held(directory: Path) -> bool:
    """Whether a gateway works with this spool at this moment; changes nothing."""
    try:
        with (directory / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # there is none, or it is somebody else's
        return False
    return False


def _settle(group: list[tuple[list[bytes], asyncio.Future[None]]], error: Exception | None) -> None:
    for _, done in group:
        if done.done():  # its writer has been cancelled
            continue
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("begin immediate")
    try:
        yield
    except BaseException:
        connection.execute("rollback")
        raise
    connection.execute("commit")


def _decoded(data: bytes) -> Entry:
    """An entry that cannot be read back (a damaged disk) is kept as a dead letter and stops nothing."""
    try:
        return codec.decode(data)
    except ValueError as exc:
        return DeadLetter(
            received_at=SystemClock().now(),
            source="spool",
            topic="",
            payload=data,
            reason=f"damaged entry: {exc}",
        )
