"""Interruption records: what is read, and every fault with its line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.clock import format_time, parse_time
from gateway.core.errors import InvalidInputError
from processors.interruptions.records import Records, read_records
from processors.interruptions.spells import OPEN

HEADER = "event_id,start,end,customers,kind"
START, END = "2026-01-01T08:00:00Z", "2026-01-01T09:00:00Z"


def read(*rows: str, header: str = HEADER, served: int | None = None) -> Records:
    return read_records("\n".join([header, *rows]).encode(), "steps.csv", served=served)


def faults(*rows: str, header: str = HEADER, served: int | None = None) -> tuple[str, ...]:
    with pytest.raises(InvalidInputError) as caught:
        read(*rows, header=header, served=served)
    return caught.value.faults


def test_columns_in_any_order_and_what_else_is_written() -> None:
    records = read(
        f"fault,3,{END},{START},B,residential,M2,N7",
        f"planned,4,,{START},A,,,",
        header="kind,customers,end,start,event_id,class,device,node",
    )
    assert records.events == ("A", "B")
    assert records.event.tolist() == [1, 0]
    assert records.customers.tolist() == [3, 4]
    assert records.planned.tolist() == [False, True]
    assert records.started_at.tolist() == [parse_time(START)] * 2
    assert records.ended_at.tolist() == [parse_time(END), OPEN]
    assert (records.devices, records.device.tolist()) == (("M2",), [0, -1])
    assert dict(records.attributes) == {"class": ("residential", ""), "node": ("N7", "")}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_byte_order_mark_quotes_and_any_ends_of_lines(end: str) -> None:
    text = end.join(["\ufeff" + HEADER, "", f'"E ""1"", x","{START}",{END}, 7 ,fault', ",,,,"])
    records = read_records(text.encode(), "steps.csv")
    assert records.events == ('E "1", x',)
    assert records.customers.tolist() == [7]


def test_a_header_alone_is_a_file_without_interruptions() -> None:
    assert len(read()) == 0


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-01T08:00:00+08:00",
        "2026-01-01 08:00:00.25Z",
        "2026-01-01T08:00Z",
        "1969-12-31T23:59:59Z",
        "2028-02-29T00:00:00Z",
        "0001-01-01T00:00:00Z",
    ],
)
def test_times_are_those_of_everything_else(text: str) -> None:
    assert read(f"E,{text},,1,fault", f"E,{START},,1,fault").started_at.tolist() == [
        parse_time(text),
        parse_time(START),
    ]


@given(st.lists(st.integers(-(10**16), 10**17).map(format_time), min_size=1, max_size=20))
def test_many_times_at_once_are_read_as_one_by_one(texts: list[str]) -> None:
    records = read(*(f"E,{text},,1,fault" for text in texts))
    assert records.started_at.tolist() == [parse_time(text) for text in texts]


def test_every_fault_is_named_with_its_line_in_order() -> None:
    found = faults(
        f"E1,{END},{START},2,fault",
        "",
        f"E2,{START},{END},-2,fault",
        f",{START[:-1]},{END},3.5,foul",
        '"E',
        f'3",2026-02-30T08:00:00Z,0000-01-01T00:00:00Z,{"9" * 30},fault',
        "E4,,,,",
        "E5,now",
        f"E6,{START},{END},11,planned",
        f"E7,{START},{START},1e1,fault",
        f"E8,{START},{END},10,fault",
        served=10,
    )
    assert found == (
        f"steps.csv line 2: ends at {START}, before its start at {END}",
        "steps.csv line 4: customers -2 is negative",
        "steps.csv line 5: event_id is empty",
        f"steps.csv line 5: start '{START[:-1]}' is not an ISO 8601 time with a zone, such as 2026-03-01T08:00:04Z",
        "steps.csv line 5: customers '3.5' is not a whole number",
        "steps.csv line 5: kind 'foul' is not one of fault, planned",
        "steps.csv line 6: start '2026-02-30T08:00:00Z': day is out of range for month",
        "steps.csv line 6: end '0000-01-01T00:00:00Z': year 0 is out of range",
        f"steps.csv line 6: customers {'9' * 30} is more than the 10 that are served",
        "steps.csv line 8: start is empty",
        "steps.csv line 8: customers is empty",
        "steps.csv line 8: kind '' is not one of fault, planned",
        "steps.csv line 9: 2 fields where the header has 5",
        "steps.csv line 10: customers 11 is more than the 10 that are served",
        "steps.csv line 11: customers '1e1' is not a whole number",
    )


def test_broken_quoting_is_a_fault_beside_those_before_it() -> None:
    found = faults("E1,noon,,1,fault", 'E2,"a"b,,1,fault')
    assert len(found) == 2
    assert found[1].startswith("steps.csv line 3: ")


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "line 1: column event_id is missing; column start is missing"),
        (b"event_id,start,end,customers\n", "line 1: column kind is missing; wanted: event_id,start"),
        (f"{HEADER},kind\n".encode(), "line 1: column kind stands there twice"),
        (f"{HEADER},,\n".encode(), "line 1: a column has no name"),
        (f"{HEADER}\nE1,\xe9".encode("latin-1"), "line 2: byte 37 is not UTF-8"),
        (f"{HEADER}\n\nE1\0".encode(), "line 3: there is a NUL character"),
        (b'"', "line 1: unexpected end of data"),
    ],
)
def test_what_is_no_such_table_is_refused(content: bytes, fault: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        read_records(content, "steps.csv")
    assert caught.value.faults[0].startswith(f"steps.csv {fault}")
