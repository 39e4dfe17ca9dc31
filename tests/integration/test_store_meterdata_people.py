"""What persons say of meter data: edits of intervals, changes of meters; and what a device list says of them."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import numpy as np
import pytest

from gateway.core.access import AuditEntry
from gateway.core.clock import DAY, HOUR, MINUTE, to_datetime
from gateway.core.errors import InvalidInputError
from gateway.core.inventory import Device, Inventory
from gateway.core.meterdata import ChangeOf, IntervalEdit, IntervalStatus, MeterChange, Rule
from gateway.store import Store
from gateway.store.intervals import Put
from tests.integration.store_world import T0, ready_store, rows, settings_for, small_network
from tests.integration.test_store_meterdata import (
    DEVICES,
    ESTIMATED,
    LONG_AGO,
    MISSING,
    QUARTER,
    SUSPECT,
    VALID,
    intervals,
)

NOW = T0 + DAY
NAN = float("nan")


def edit(value: float | None, *, start: int = T0, quarters: int = 4, **changes: object) -> IntervalEdit:
    made = IntervalEdit(
        device=0,
        quantity="energy_import",
        start=start,
        end=start + quarters * QUARTER,
        value=value,
        by="wang",
        at=NOW,
        reason="read at the meter",
    )
    return msgspec.structs.replace(made, **changes)


async def hour(store: Store) -> list[float]:
    found = await store.meterdata.intervals(DEVICES, "energy_import", T0, T0 + HOUR)
    values: list[float] = found.value.tolist()
    return values


async def test_an_edit_is_shared_out_as_the_intervals_were_and_taken_back(database_url: str) -> None:
    made = intervals([1.0, 2.0, 2.0, 3.0], status=[VALID, ESTIMATED, SUSPECT, VALID], rules=Rule.HIGH)
    entry = AuditEntry(at=NOW, actor="wang", action="interval.edit", object="M0", outcome="done")
    async with ready_store(database_url) as store:
        book = store.meterdata
        await book.put(made, at=T0, final_before=LONG_AGO)
        tried = await book.edit(edit(16.0), dry_run=True)
        assert [e.value for e in tried.changed] == [2.0, 4.0, 4.0, 6.0]
        assert (await hour(store))[0] == 1.0
        view = await book.edit(edit(16.0), audit=entry)
        assert [(e.was_value, e.was_status, e.value) for e in view.changed] == [
            (1.0, VALID, 2.0),
            (2.0, ESTIMATED, 4.0),
            (2.0, SUSPECT, 4.0),
            (3.0, VALID, 6.0),
        ]
        assert await hour(store) == [2.0, 4.0, 4.0, 6.0]
        again = await book.edit(edit(12.0, start=T0 + QUARTER, quarters=2, by="li"))
        assert [e.value for e in again.changed] == [6.0, 6.0]
        taken = await book.edit(edit(None, at=NOW + 1, reason="wrong meter"))
        assert [(e.was_value, e.value, e.status) for e in taken.changed] == [
            (2.0, 1.0, VALID),
            (6.0, 2.0, ESTIMATED),
            (6.0, 2.0, SUSPECT),
            (6.0, 3.0, VALID),
        ]
        told = await book.history(0, "energy_import", T0 + QUARTER)
        assert told is not None
        assert [(v.version, v.value, v.by, v.edit is None, v.rules) for v in told.versions] == [
            (1, 2.0, "", True, Rule.HIGH),
            (2, 4.0, "wang", False, Rule.HIGH | Rule.EDITED),
            (3, 6.0, "li", False, Rule.HIGH | Rule.EDITED),
            (4, 2.0, "wang", False, Rule.HIGH),
        ]
        assert [e.value for _, e in await book.edits(0, "energy_import", T0, T0 + 1)] == [16.0, None]
        marks = await book.take_late(10)
        assert (marks.device.tolist(), marks.first.tolist()) == ([0], [T0])
        # what the machine says from now on is its own again
        assert await book.put(intervals([1.5]), at=NOW + 2, final_before=LONG_AGO) == Put(replaced=1)
        last = await book.history(0, "energy_import", T0)
        assert last is not None
        assert (last.versions[-1].by, last.versions[-1].edit) == ("", None)
    assert await rows(database_url, "select object from audit") == [("M0",)]


async def test_the_machine_leaves_what_is_edited_and_keeps_its_own_word_under_it(database_url: str) -> None:
    async with ready_store(database_url) as store:
        book = store.meterdata
        await book.put(intervals([1.0] * 4, status=ESTIMATED), at=T0, final_before=LONG_AGO)
        await book.edit(edit(8.0))
        late = intervals([1.5] * 4)
        assert await book.put(late, at=NOW, final_before=LONG_AGO) == Put(replaced=4)
        assert await book.put(late, at=NOW, final_before=LONG_AGO) == Put(kept=4)
        worse = intervals([1.0] * 4, status=ESTIMATED)
        assert await book.put(worse, at=NOW, final_before=LONG_AGO) == Put(kept=4)
        found = await book.intervals(DEVICES, "energy_import", T0, T0 + HOUR)
        assert found.value.tolist() == [2.0] * 4
        assert found.raw.tolist() == [1.5] * 4
        assert set(found.status.tolist()) == {IntervalStatus.EDITED}
        # final or not, a person may edit and take back
        await book.put(intervals([0.0], start=T0 - DAY), at=NOW, final_before=NOW)
        await book.edit(edit(None))
        assert await hour(store) == [1.5] * 4
        await book.edit(edit(2.0))
        assert await hour(store) == [0.5] * 4
    seen = "select distinct status, edited_by, edit_reason, final from interval_validated where value = 0.5"
    assert await rows(database_url, seen) == [("edited", "wang", "read at the meter", True)]


async def test_where_something_lacks_an_edit_goes_by_length(postgres_url: str) -> None:
    async with ready_store(postgres_url) as store:
        for day, values in enumerate(([0.0] * 4, [NAN] * 4, [1.0, NAN, 2.0, 5.0])):
            start = T0 + day * DAY
            status = [MISSING if np.isnan(x) else VALID for x in values]
            made = intervals(values, status=status, start=start)
            await store.meterdata.put(made, at=T0, final_before=LONG_AGO)
            view = await store.meterdata.edit(edit(2.0, start=start))
            assert [e.value for e in view.changed] == [0.5] * 4


WRONG: list[tuple[Mapping[str, object], str]] = [
    ({"by": " "}, "by: is empty"),
    ({"reason": ""}, "reason: is empty"),
    ({"reason": "x" * 2001}, "reason: is longer than 2000 characters"),
    ({"quantity": "voltage_a"}, "quantity: 'voltage_a' is no register"),
    ({"end": T0}, "end: does not lie after start"),
    ({"value": -1.0}, "value: is not a number of at least 0"),
    ({"value": NAN}, "value: is not a number of at least 0"),
    ({"value": None}, "value: nobody edited that stretch, so there is nothing to take back"),
    ({"device": 3}, "start: there are no intervals of this quantity in that stretch"),
    ({"end": T0 + HOUR + MINUTE}, "start: the stretch is not made of whole intervals"),
    ({"start": T0 + MINUTE}, "start: the stretch is not made of whole intervals"),
    ({"end": T0 + 2 * HOUR}, "start: the stretch is not made of whole intervals"),
]


async def test_an_edit_that_cannot_be_is_refused(postgres_url: str) -> None:
    async with ready_store(postgres_url) as store:
        await store.meterdata.put(intervals([1.0] * 4), at=T0, final_before=LONG_AGO)
        for changes, fault in WRONG:
            with pytest.raises(InvalidInputError) as refused:
                await store.meterdata.edit(msgspec.structs.replace(edit(4.0), **changes))
            assert [told[: len(fault)] for told in refused.value.faults] == [fault]
    assert await rows(postgres_url, "select count(*) from interval_edit") == [(0,)]


async def test_people_need_no_more_than_the_group_of_the_api_has(database_url: str) -> None:
    async with ready_store(database_url) as store:
        await store.meterdata.put(intervals([1.0] * 4), at=T0, final_before=LONG_AGO)
        keys = store.devices
    async with Store.open(settings_for(database_url, role="feederline_api")) as store:
        store.devices = keys
        assert len((await store.meterdata.edit(edit(8.0))).changed) == 4
        assert await store.meterdata.record_change(exchange(), at=NOW)
        assert await store.meterdata.history(0, "energy_import", T0) is not None


def exchange(**changes: object) -> MeterChange:
    made = MeterChange(
        device=0, at=T0, of=ChangeOf.EXCHANGE, before=812.5, after=0.25, by="li", reason="cracked"
    )
    return msgspec.structs.replace(made, **changes)


async def test_changes_are_on_record_once_and_let_be_reckoned_anew(database_url: str) -> None:
    async with ready_store(database_url) as store:
        book = store.meterdata
        assert await book.record_change(exchange(device=2, at=NOW), at=NOW)
        assert not len(await book.take_late(10))  # nothing was reckoned yet
        await book.put(intervals([1.0] * 8, start=T0 - HOUR), at=NOW, final_before=LONG_AGO)
        await book.set_done(NOW)
        assert await book.record_change(exchange(), at=NOW)
        assert not await book.record_change(exchange(), at=NOW)
        marks = await book.take_late(10)
        assert (marks.device.tolist(), marks.first.tolist(), marks.last.tolist()) == ([0], [T0], [NOW])
        found = await book.changes(DEVICES)
        assert found == [exchange(), exchange(device=2, at=NOW)]
        assert await book.changes(DEVICES[:2], frm=T0 + 1) == []
        for wrong in (
            exchange(after=1.0),
            exchange(by=""),
            exchange(at=NOW + 1),
            exchange(before=NAN),
            exchange(of=ChangeOf.MULTIPLIER, before=None),
        ):
            with pytest.raises(InvalidInputError):
                await book.record_change(wrong, at=NOW)


async def test_a_device_list_tells_of_other_meters_and_ratios(database_url: str) -> None:
    def listed(*attributes: Mapping[str, str]) -> Inventory:
        devices = [Device(id=f"M{i}", node="T0", attributes=a) for i, a in enumerate(attributes)]
        return Inventory(devices, small_network())

    async with ready_store(
        database_url, listed({"serial": "A1", "ct_ratio": "40"}, {"pt_ratio": "100"}, {}, {"ct_ratio": "x"})
    ) as store:
        assert await store.meterdata.changes(DEVICES[:4]) == []
        after = listed(
            {"serial": "B7", "ct_ratio": "40.0"}, {"pt_ratio": "100", "ct_ratio": "20"}, {"serial": "C"}, {}
        )
        for _ in range(2):
            await store.sync_inventory(after)
        found = await store.meterdata.changes(DEVICES[:4])
        assert [(c.device, c.of, c.before, c.after, c.by) for c in found] == [
            (0, ChangeOf.EXCHANGE, None, None, "inventory"),
            (1, ChangeOf.MULTIPLIER, 100.0, 2000.0, "inventory"),
        ]
        assert found[0].reason == "serial A1 → B7 in the device list"
        changed = await rows(database_url, "select changed_at from device where device_id = 'M0'")
        assert [(to_datetime(found[0].at),)] == changed
