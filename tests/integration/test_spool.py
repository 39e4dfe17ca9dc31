"""The spool keeps what it promised: order, durability, its bound, and one owner at a time."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gateway.core.errors import RefusedError, UnavailableError
from gateway.core.model import Batch, DeadLetter, Signal, SignalKind, Tick
from gateway.spool import Spool, known_devices
from tests.waiting import until


def ticks(*at: int) -> list[Tick]:
    return [Tick(at=t) for t in at]


async def test_entries_come_back_in_order_with_their_content(tmp_path: Path) -> None:
    batch = Batch.of(
        ("voltage_a", "energy_import"), [3, 4], [10, 20], [[230.0, np.nan], [0.0, 7.5]], source="x"
    )
    gasp = Signal(kind=SignalKind.LAST_GASP, device=3, received_at=30, occurred_at=25)
    letter = DeadLetter(received_at=31, source="mqtt", topic="t", payload=b"\x00\xff", reason="not JSON")
    async with Spool(tmp_path) as spool:
        await spool.put([batch, gasp])
        await spool.put([letter, Tick(at=40)])
        items = await spool.read(0)
    assert [item.seq for item in items] == [1, 2, 3, 4]
    back = items[0].entry
    assert isinstance(back, Batch)
    assert np.array_equal(back.values, batch.values, equal_nan=True)
    assert (back.device.tolist(), back.source) == ([3, 4], "x")
    assert [item.entry for item in items[1:]] == [gasp, letter, Tick(at=40)]


async def test_numbers_are_never_given_twice_even_after_everything_was_trimmed(tmp_path: Path) -> None:
    async with Spool(tmp_path) as spool:
        await spool.put(ticks(1, 2, 3))
        await spool.trim(3)
        identity = spool.id
    async with Spool(tmp_path) as spool:
        assert (spool.first, spool.last, spool.size, spool.id) == (4, 3, 0, identity)
        assert spool.heard_at == 3
        await spool.put(ticks(4))
        assert [item.seq for item in await spool.read(3)] == [4]


async def test_concurrent_writers_share_commits_and_lose_nothing(tmp_path: Path) -> None:
    async with Spool(tmp_path) as spool:
        await asyncio.gather(*(spool.put(ticks(2 * i, 2 * i + 1)) for i in range(200)))
        items = await spool.read(0)
        times = [item.entry.at for item in items if isinstance(item.entry, Tick)]
    assert sorted(times) == list(range(400))
    assert all(times[i + 1] == times[i] + 1 for i in range(0, 400, 2))  # each writer's entries stay together


async def test_a_full_spool_makes_writers_wait_until_it_is_trimmed(tmp_path: Path) -> None:
    async with Spool(tmp_path, max_bytes=1) as spool:
        await spool.put(ticks(1))
        waiting = asyncio.create_task(spool.put(ticks(2)))
        done, _ = await asyncio.wait([waiting], timeout=0.1)
        assert not done
        await spool.trim(1)
        await asyncio.wait_for(waiting, 5)
        assert [item.seq for item in await spool.read(1)] == [2]


async def test_a_reader_waits_for_the_first_entry(tmp_path: Path) -> None:
    async with Spool(tmp_path) as spool:
        reading = asyncio.create_task(spool.read(0))
        await spool.put(ticks(7))
        assert (await asyncio.wait_for(reading, 5))[0].entry == Tick(at=7)


async def test_reading_is_bounded(tmp_path: Path) -> None:
    async with Spool(tmp_path) as spool:
        await spool.put(ticks(*range(100)))
        assert len(await spool.read(0, max_bytes=1)) == 1


async def test_a_second_gateway_on_the_same_directory_is_refused(tmp_path: Path) -> None:
    async with Spool(tmp_path):
        with pytest.raises(RefusedError, match="in use by another gateway"):
            await Spool(tmp_path).__aenter__()


async def test_a_directory_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UnavailableError, match="cannot be used"):
        await Spool(tmp_path / "file" / "spool").__aenter__()


async def test_nobody_else_may_read_what_customers_used(tmp_path: Path) -> None:
    async with Spool(tmp_path / "spool") as spool:
        assert spool.directory.stat().st_mode & 0o077 == 0


async def test_a_spool_that_breaks_tells_its_writers_and_can_be_left(tmp_path: Path) -> None:
    async with Spool(tmp_path) as spool:
        await spool.put(ticks(1))
        with sqlite3.connect(tmp_path / "spool.db") as connection:
            connection.execute(
                "drop table entry"
            )  # an OperationalError for the writer, as a full disk would be
        connection.close()
        waiting = asyncio.create_task(spool.put(ticks(2)))
        done, _ = await asyncio.wait([waiting], timeout=0.1)
        assert not done  # it keeps trying
        assert "no such table" in spool.trouble
        with pytest.raises(UnavailableError, match="cannot be read"):
            await spool.read(0)
    with pytest.raises(UnavailableError, match="cannot be written"):
        await waiting


async def test_an_error_that_waiting_does_not_mend_is_told_at_once(tmp_path: Path) -> None:
    async with Spool(tmp_path) as spool:
        await spool.put(ticks(1))
        with sqlite3.connect(tmp_path / "spool.db") as connection:
            connection.execute(
                "create trigger broken before insert on entry begin select raise(abort, 'broken'); end"
            )
        connection.close()
        with pytest.raises(UnavailableError, match="broken"):
            await asyncio.wait_for(spool.put(ticks(2)), 5)
        with sqlite3.connect(tmp_path / "spool.db") as connection:
            connection.execute("drop trigger broken")
        connection.close()
        await asyncio.wait_for(spool.put(ticks(3)), 5)
        assert [item.entry for item in await spool.read(0)] == ticks(1, 3)


async def test_a_damaged_entry_becomes_a_dead_letter(tmp_path: Path) -> None:
    async with Spool(tmp_path) as spool:
        await spool.put(ticks(1, 2))
    with sqlite3.connect(tmp_path / "spool.db") as connection:
        connection.execute("update entry set data = x'42ff' where seq = 1")
    connection.close()
    async with Spool(tmp_path) as spool:
        first, second = await spool.read(0)
    assert isinstance(first.entry, DeadLetter)
    assert first.entry.payload == b"\x42\xff"
    assert second.entry == Tick(at=2)


async def test_device_names_keep_their_keys(tmp_path: Path) -> None:
    assert known_devices(tmp_path) == []
    async with Spool(tmp_path) as spool:
        spool.remember_devices(["a", "b"])
        spool.remember_devices(["a", "b", "c"])
    async with Spool(tmp_path) as spool:
        assert spool.devices() == ["a", "b", "c"]
        assert known_devices(tmp_path) == ["a", "b", "c"]


async def test_a_damaged_snapshot_is_not_used(tmp_path: Path) -> None:
    async with Spool(tmp_path) as spool:
        spool.save_snapshot("outage", 17, b"state")
        file = tmp_path / "outage.snapshot"
        whole = file.read_bytes()
        for damaged in (whole[:-1], whole[:-1] + b"x", whole[:10], b""):
            file.write_bytes(damaged)
            assert spool.load_snapshot("outage") is None


async def test_a_snapshot_that_cannot_be_written_is_said_and_the_former_one_kept(tmp_path: Path) -> None:
    async with Spool(tmp_path) as spool:
        spool.save_snapshot("outage", 17, b"state")
        (tmp_path / "outage.new").mkdir()
        with pytest.raises(UnavailableError, match="cannot be written"):
            spool.save_snapshot("outage", 18, b"other")
        assert spool.load_snapshot("outage") == (17, b"state")


async def test_a_snapshot_belongs_to_its_stream(tmp_path: Path) -> None:
    async with Spool(tmp_path / "one") as spool:
        spool.save_snapshot("outage", 17, b"state")
        assert spool.load_snapshot("outage") == (17, b"state")
        data = (tmp_path / "one" / "outage.snapshot").read_bytes()
    async with Spool(tmp_path / "two") as other:
        (tmp_path / "two" / "outage.snapshot").write_bytes(data)
        assert other.load_snapshot("outage") is None


_WRITER = """
import asyncio, sys
from pathlib import Path
from gateway.core.model import Tick
from gateway.spool import Spool, known_devices
async def main():
    async with Spool(Path(sys.argv[1])) as spool:
        at = 0
        while True:
            at += 1
            await spool.put([Tick(at=at)])
            print(at, flush=True)
asyncio.run(main())
"""


async def test_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    acknowledged = 0
    while acknowledged < 50:
        acknowledged = int(process.stdout.readline())
    os.kill(process.pid, signal.SIGKILL)
    rest = process.stdout.read().split()
    process.stdout.close()
    process.wait()
    acknowledged = int(rest[-1]) if rest else acknowledged
    async with Spool(tmp_path) as spool:
        kept = await until(lambda: spool.read(0), what="entries after the kill")
    assert [item.seq for item in kept][:acknowledged] == list(range(1, acknowledged + 1))
