"""Every operation of the OpenAPI with generated requests, good and bad, and attacks made by hand: never a 5xx."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.core.failures import FailureGroup

from gateway.api.cases import instruct
from gateway.core.access import Role
from gateway.core.clock import SECOND
from gateway.core.errors import RefusedError
from gateway.inventoryfiles import InventoryFiles
from tests.integration.case_world import SECRET, SECRET_VARIABLE, world
from tests.integration.store_world import T0
from tests.integration.test_store_meterdata import LONG_AGO, intervals
from tests.signing import make_token
from tests.unit.test_reload import EXTRA, reloading, site

__all__ = ["site"]  # a fixture

# The API's thread may draw a delay for a retry while a request is generated here; Hypothesis would take that draw
# for one of the generator's.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Do not use the `random` module inside strategies:hypothesis.errors.HypothesisDeprecationWarning"
)

ENDLESS = "/api/events"
EXAMPLES = 4
"""For each operation and mode; what is asked is the same in every run."""


class Served:
    """The API with a little in it, served by a thread of its own, and a token of each role."""

    def __init__(self, database: str, site: Path) -> None:
        self.site = site  # has the files that imports replace
        self.url = ""
        self.tokens: dict[Role | None, str] = {None: ""}
        self.names: list[str] = []
        self._database = database
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="served")

    def __enter__(self) -> Served:
        self._thread.start()
        assert self._ready.wait(60), "the API did not come up"
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(30)

    async def _run(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        async with reloading(self.site) as (importer, _), world(self._database, importer=importer) as there:
            for i in range(3):
                await there.outage(f"I{i}", f"T{i}", (i, i + 3), at=T0 + i * SECOND)
                self.names.append(await there.ticket_of(f"I{i}"))
            await there.store.meterdata.put(intervals([1.0] * 4), at=T0, final_before=LONG_AGO)
            there.detector.deaf = True
            for role in Role:
                self.tokens[role] = (await make_token(there.store, role, name=role.word))[1]
            self.url = there.url
            self._ready.set()
            await self._over.wait()

    def headers(self, role: Role | None) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens[role]}"} if role is not None else {}

    def schema(self) -> Any:
        return schemathesis.openapi.from_url(f"{self.url}/api/openapi.json", headers=self.headers(Role.ADMIN))

    def send(
        self, method: str, path: str, body: bytes = b"", role: Role | None = Role.ADMIN, **more: str
    ) -> tuple[int, bytes]:
        """Bytes as they are, on a connection of its own."""
        connection = HTTPConnection(urlsplit(self.url).netloc, timeout=20)
        try:
            given = {"content-type": "application/json", "if-match": "*", **self.headers(role), **more}
            connection.request(method, path, body, {k.replace("_", "-"): v for k, v in given.items()})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


@pytest.fixture
def served(postgres_url: str, monkeypatch: pytest.MonkeyPatch, site: Path) -> Iterator[Served]:
    monkeypatch.setenv(SECRET_VARIABLE, SECRET)
    monkeypatch.setattr(instruct, "WAIT_S", 0.0)
    with Served(postgres_url, site) as there:
        yield there


def ask_everything(
    served: Served, role: Role | None, mode: GenerationMode, examples: int
) -> dict[str, set[int]]:
    """The statuses that each operation answered with."""
    seen: dict[str, set[int]] = {}
    faults: list[str] = []
    for found in served.schema().get_all_operations():
        operation = found.ok()
        if operation.path == ENDLESS:
            continue
        label = operation.label
        checks = [
            status_code_conformance, content_type_conformance, response_schema_conformance, not_a_server_error,
        ]  # fmt: skip

        @settings(
            max_examples=examples,
            derandomize=True,
            deadline=None,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def check(case: Any) -> None:
            answer = case.call(headers=served.headers(role), timeout=20)
            seen.setdefault(label, set()).add(answer.status_code)  # noqa: B023 - called at once
            case.validate_response(answer, checks=checks)  # noqa: B023

        try:
            check()
        except FailureGroup as exc:
            faults += [f"{label}: {fault.title}\n{fault.message}" for fault in exc.exceptions]
        except Unsatisfiable:
            assert mode is GenerationMode.NEGATIVE, label  # nothing can be wrong where nothing is said
    assert not faults, "\n\n".join(faults)
    return seen


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["good", "bad"])
def test_no_generated_request_breaks_anything(served: Served, mode: GenerationMode) -> None:
    seen = ask_everything(served, Role.ADMIN, mode, EXAMPLES)
    assert len(seen) > 40
    assert any(200 in statuses for statuses in seen.values())
    assert 422 in set().union(*seen.values())


def test_nobody_gets_beyond_their_role(served: Served) -> None:
    strangers = ask_everything(served, None, GenerationMode.POSITIVE, 1)
    viewers = ask_everything(served, Role.VIEWER, GenerationMode.POSITIVE, 1)
    open_to_all = {
        "GET /health/live",
        "GET /health/ready",
        "POST /api/session",
        "POST /api/callbacks/{target}",
    }
    for label, statuses in strangers.items():
        if label not in open_to_all:
            assert not any(status < 300 for status in statuses), label
    for label, statuses in viewers.items():
        if not label.startswith("GET") and label not in open_to_all | {"DELETE /api/session"}:
            assert not any(status < 300 for status in statuses), label


def _attacks() -> Iterator[tuple[str, bytes]]:
    yield "no JSON", b"{"
    yield "nothing", b""
    yield "deep", b"[" * 200_000
    yield "deep and whole", b'{"reason":' * 50_000 + b"1" + b"}" * 50_000
    yield "bad UTF-8", b'{"reason": "\xff\xfe"}'
    yield "UTF-16", json.dumps({"reason": "x"}).encode("utf-16")
    yield "NUL", b'{"reason": "a\\u0000b", "crew": "\\u0000"}'
    yield "half a surrogate pair", b'{"reason": "\\ud800"}'
    yield "huge number", b'{"reason": ' + b"9" * 5000 + b"}"
    yield "huge exponent", b'{"restoration_estimated_at": 1e999}'
    yield "not a number", b'{"reason": NaN}'
    yield "wrong types", b'{"reason": [{}], "crew": true, "cause": 7, "into": {}, "node": []}'
    yield "a list", b'[{"reason": "x"}]'
    yield "unknown member", b'{"__proto__": {"role": "admin"}, "by": "root"}'
    yield "twice", b'{"reason": "a", "reason": "b"}'
    yield "long", json.dumps({"reason": "x" * 1_000_000}).encode()
    yield "over the limit", b'{"reason": "' + b"x" * (5 << 20) + b'"}'
    yield "absurd time", b'{"restoration_estimated_at": "9999-12-31T23:59:59-23:59"}'


def test_attacks_made_by_hand(served: Served) -> None:
    ticket = served.names[0]
    posts = [
        *(f"/api/tickets/{ticket}/{word}" for word in ("acknowledge", "dispatch", "estimate", "comment")),
        *(f"/api/incidents/I0/{word}" for word in ("confirm", "cancel", "merge", "split", "corrections")),
        "/api/deliveries/replay", "/api/targets/desk/enable", "/api/callbacks/desk", "/api/interruptions/corrections",
        "/api/meter-data/edits", "/api/meter-data/changes",
    ]  # fmt: skip
    for path in posts:
        for what, body in _attacks():
            status, answer = served.send("POST", path, body)
            assert status < 500, (path, what, answer[:300])
            assert isinstance(json.loads(answer), dict), (path, what)
            if what == "over the limit":
                assert status == 413, path
    paths = [
        "%00",
        "%ff",
        "..%2f..%2fetc",
        "a" * 5000,
        "%F0%9F%92%A5",
        "'; drop table ticket; --".replace(" ", "%20"),
    ]
    for path in paths:
        for place in ("tickets", "incidents", "deliveries", "schemas", "devices", "network"):
            status, answer = served.send("GET", f"/api/{place}/{path}")
            assert status in (404, 422), (place, path, answer[:300])
    queries = [
        "limit=99999999999999999999", "limit=1e3", "limit=", "before=%00", "text=%00", "text=%25%5F%5C", "below=%ff",
        "before=0001-01-01T00:00:00%2B23:59", "severity=1&severity=2&severity=3&severity=1", "order=rank&skip=-1",
        "x=1", "kind=outage&kind=fire", "state[]=live", "after=99999-01-01T00:00:00Z",
    ]  # fmt: skip
    for query in queries:
        for place in ("tickets", "incidents", "deliveries", "audit"):
            status, answer = served.send("GET", f"/api/{place}?{query}")
            assert status < 500, (place, query, answer[:300])
    for value in ('"', '""', '"1", "2"', 'W/"1"', '"' + "9" * 90 + '"', '"-1"', "1", '"\xb2"'):
        status, answer = served.send("POST", f"/api/tickets/{ticket}/close", if_match=value)
        assert status in (412, 422), (value, answer)
    assert served.send("GET", "/health/live")[0] == 200


def test_odd_questions_and_words_about_meter_data(served: Served) -> None:
    edges = [
        "from=0001-01-01T00:00:00Z&to=0001-01-02T00:00:00Z", "from=9999-12-30T00:00:00Z&to=9999-12-31T23:59:59Z",
        "from=0001-01-01T00:00:00Z", "below=%00", "below=T0&place=device", "place=concentrator", "place=all&below=S",
        "before=0001-01-01T00:00:00Z_0", "before=9999-12-31T23:59:59Z_99999999999999999999",
        "after=9999-12-31T23:59:59Z", "start=0001-01-01T00:00:00Z", "kind=cover_open", "node=T0", "score=nan",
    ]  # fmt: skip
    about = [
        "meter-data/intervals", "meter-data/intervals/history", "meter-data/edits", "meter-data/changes",
        "meter-data/collection", "meter-data/gaps", "meter-events", "supply-quality/voltage",
        "supply-quality/transformers", "supply-quality/en-50160", "usage/watchlist", "usage/days", "usage/areas",
        "usage/risks", "usage/outlook",
    ]  # fmt: skip
    of_devices = {path for path in about if path.startswith("meter") or path == "usage/days"}
    answers: dict[str, set[int]] = {path: set() for path in about}
    for path in about:
        for query in ["", "x=1", *edges, *(f"device=M0&{edge}" for edge in edges if path in of_devices)]:
            status, answer = served.send("GET", f"/api/{path}?{query}")
            assert status < 500, (path, query, answer[:300])
            answers[path].add(status)
    assert all(422 in statuses for statuses in answers.values()), "what a route does not know is refused"
    said: dict[str, object] = {
        "device": "M0", "start": "2026-03-01T08:00:00Z", "end": "2026-03-01T09:00:00Z", "value": 1, "reason": "x",
        "of": "exchange", "at": "2026-03-01T08:00:00Z", "before": 1, "after": 1,
    }  # fmt: skip
    members = {
        "edits": ("device", "start", "end", "value", "reason"),
        "changes": ("device", "of", "at", "before", "after", "reason"),
    }
    odd = ["\0", "\ud800", "\U0001f4a5", "", " ", -1, 1e300, 10**40, True, None, [], {}, "0001-01-01T00:00:00Z",
           "9999-12-31T23:59:59Z", "2026-03-01T08:00:00"]  # fmt: skip
    for route, names in members.items():
        for name in names:
            for value in odd:
                body = json.dumps({n: said[n] for n in names} | {name: value}).encode()
                status, answer = served.send("POST", f"/api/meter-data/{route}", body)
                assert status < 500, (route, name, value, answer[:300])
    good = json.dumps({n: said[n] for n in members["edits"]}).encode()
    assert served.send("POST", "/api/meter-data/edits", good)[0] == 201


def test_imports_for_real(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """The two routes with an importer that has files to replace: taken, looked at, refused, and not writable."""
    network, devices = ((served.site / f"{name}.csv").read_bytes() for name in ("network", "devices"))
    csv = "text/csv"
    both = json.dumps({"network": network.decode(), "devices": devices.decode() + EXTRA}).encode()

    def take(
        path: str, body: bytes, kind: str = "application/json", role: Role = Role.ENGINEER
    ) -> tuple[int, Any]:
        status, answer = served.send("POST", f"/api/{path}", body, role, content_type=kind)
        return status, json.loads(answer)

    status, told = take("devices/import?dry_run=true", devices + EXTRA.encode(), csv)
    assert (status, told["dry_run"], told["devices"]["added"]) == (200, True, ["N1"])
    assert take("devices/import", devices + EXTRA.encode(), csv, Role.OPERATOR)[0] == 403
    assert (served.site / "devices.csv").read_bytes() == devices
    assert take("devices/import", devices, csv)[0] == 200  # nothing changes
    status, told = take("network/import", both)
    assert (status, told["reload"], told["devices"]["added"]) == (202, True, ["N1"])
    assert EXTRA.encode() in (served.site / "devices.csv").read_bytes()
    held = [(served.site / f"{name}.csv").read_bytes() for name in ("network", "devices")]
    nonsense = [
        b"", b"\0", b"\xff\xfe", b"node_id\n", network.split(b"\n")[0], b'"' * 100_000, b"," * 100_000,
        b"\n".join([*network.splitlines(), network.splitlines()[1]]), network.replace(b"ABC", b"XYZ"),
        network + b"loop,loop,feeder,,,,\n", network + "=cmd|' /C calc'!A0,nowhere,feeder,,,,\n".encode("utf-16"),
    ]  # fmt: skip
    for path in ("network/import", "devices/import"):
        for body in nonsense:
            status, told = take(path, body, csv)
            assert (status, bool(told.get("faults"))) == (422, True), (path, body[:50], told)
        assert take(path, network, "application/xml")[0] == 415
    for what, body in _attacks():
        assert take("devices/import", body)[0] == 422, what
    first = devices.splitlines()[:2]
    status, told = take("devices/import", b"\n".join([*first, b""]), csv)  # retires nearly everybody
    assert status == 422
    assert [(served.site / f"{name}.csv").read_bytes() for name in ("network", "devices")] == held

    def unwritable(*_: object, **__: object) -> None:
        raise RefusedError("devices.csv cannot be written")

    monkeypatch.setattr(InventoryFiles, "replace", unwritable)
    status, told = take("devices/import", devices, csv)
    assert (status, told["detail"]) == (409, "devices.csv cannot be written")
    outcomes = json.loads(served.send("GET", "/api/audit?action=inventory.import&limit=500")[1])["audit"]
    assert {entry["outcome"] for entry in outcomes} == {"done", "refused", "failed"}
    paths = served.schema().raw_schema["paths"]
    for path in ("network/import", "devices/import"):
        assert {"200", "202", "403", "409", "415", "422", "503"} <= set(
            paths[f"/api/{path}"]["post"]["responses"]
        )
