"""`feederline run`, whole: a fault in the district becomes one ticket, delivered and closed, whatever happens."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import aiohttp
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from alerts.settings import SlaSettings
from dashboards import query as queries
from gateway.core.ticket import TicketState
from gateway.embedded import BrokerAddress
from gateway.store import Store
from tests.integration.scene import Scene, everyone_is_heard, open_store, scene, ticket_in
from tests.proxy import Proxy
from tests.waiting import until

OPEN = (TicketState.PREDICTED, TicketState.CONFIRMED)


@pytest.fixture(params=["nats", "mosquitto"])
def any_broker(request: pytest.FixtureRequest) -> BrokerAddress:
    """A broker of its own for each test: the sessions of killed gateways would linger on a shared one."""
    address: BrokerAddress = request.getfixturevalue("own_broker" if request.param == "nats" else "mosquitto")
    return address


async def health(there: Scene) -> tuple[int, str]:
    async with aiohttp.ClientSession() as client, client.get(f"{there.page}/health/ready") as response:
        return response.status, await response.text()


async def is_ready(there: Scene) -> None:
    async def ready() -> bool:
        try:
            return (await health(there))[0] == 200
        except aiohttp.ClientError:
            return False

    await until(ready, 40, "the gateway to be ready")


async def outage_to_the_end(there: Scene, store: Store) -> None:
    """A transformer fails and comes back; its ticket is opened, delivered and closed."""
    transformer = there.district.about["polled_transformers"][0]
    await there.district.ask("fault", node=transformer)
    ticket = await ticket_in(store, *OPEN)
    assert ticket.ticket.node == transformer
    await there.district.ask("restore", node=transformer)
    await ticket_in(store, TicketState.CLOSED)
    await until(
        lambda: [m for m in there.receiver.messages if m.type == "ticket.closed"], 20, "the last message"
    )


def assert_one_story(there: Scene) -> None:
    """The receiver saw one ticket from its beginning to its end, in order, nothing twice."""
    kinds = [m.type for m in there.receiver.messages if m.effect]
    assert kinds[0] == "ticket.opened"
    assert kinds[-1] == "ticket.closed"
    assert len(there.receiver.tickets) == 1
    assert (there.receiver.counts.duplicated, there.receiver.counts.out_of_order) == (0, 0)
    assert there.receiver.counts.rejected == 0


async def dashboards_are_told(there: Scene, database_url: str) -> None:
    """Where the page is, the limits of tickets' clocks, and every other setting that their SQL asks for."""
    asked = {
        name
        for query in queries.names()
        for name in re.findall(r"setting_(?:number|text)\('(\w+)'\)", queries.text(query))
    }
    async with await psycopg.AsyncConnection.connect(database_url) as connection:
        cursor = await connection.execute(
            "select value from feederline.setting where name in ('page_url', 'sla') order by name"
        )
        (page,), (limits,) = await cursor.fetchall()
        cursor = await connection.execute("select name from feederline.setting")
        told = {str(name) for (name,) in await cursor.fetchall()}
    assert "usage_open_score" in asked
    assert asked - told == set()
    assert page == there.page
    assert SlaSettings.model_validate_json(limits) == SlaSettings()


async def test_the_whole_way_on_every_broker_and_database(
    tmp_path: Path, any_broker: BrokerAddress, database_url: str
) -> None:
    async with scene(tmp_path, any_broker, database_url) as there, contextlib.AsyncExitStack() as stack:
        await there.start_gateway()
        await is_ready(there)
        await there.district.ask("start")
        store = await open_store(there, stack)
        await everyone_is_heard(there, store)
        await outage_to_the_end(there, store)
        account = await there.settle()
        assert (account.missing, account.duplicates) == (0, 0), account
        assert_one_story(there)
        await dashboards_are_told(there, database_url)
        assert "Traceback" not in there.log()


async def test_kill_9_in_mid_stream_loses_nothing_acknowledged_and_opens_no_second_ticket(
    tmp_path: Path, own_broker: BrokerAddress, database_url: str
) -> None:
    async with scene(tmp_path, own_broker, database_url) as there, contextlib.AsyncExitStack() as stack:
        await there.start_gateway()
        await is_ready(there)
        await there.district.ask("start")
        store = await open_store(there, stack)
        await everyone_is_heard(there, store)
        transformer = there.district.about["polled_transformers"][0]
        await there.district.ask("fault", node=transformer)
        await ticket_in(store, *OPEN)
        await there.kill_gateway()  # in the middle of the outage, of the stream and of the deliveries
        before = (await store.reports.totals()).readings
        await there.start_gateway()

        async def goes_on() -> bool:
            return (await store.reports.totals()).readings > before

        await until(goes_on, 40, "readings after the restart")
        assert (await ticket_in(store, *OPEN)).ticket.node == transformer
        await there.kill_gateway()  # and once more, while it has hardly begun
        await there.start_gateway()
        await until(goes_on, 40, "readings after the second restart")
        await there.district.ask("restore", node=transformer)
        await ticket_in(store, TicketState.CLOSED)
        await until(
            lambda: [m for m in there.receiver.messages if m.type == "ticket.closed"], 20, "the last message"
        )
        account = await there.settle()
        # A poll under way at the kill was answered to nobody; what a broker holds for us must all be there.
        assert (account.missing_messages, account.missing_signals, account.duplicates) == (0, 0, 0), account
        assert_one_story(there)
        assert len(await store.reports.tickets()) == 1


async def test_a_broker_and_a_database_that_come_late_or_go_away_cost_nothing(
    tmp_path: Path, own_broker: BrokerAddress, postgres_url: str
) -> None:
    parts = conninfo_to_dict(postgres_url)
    socket = f"{parts['host']}/.s.PGSQL.5432"
    async with (
        Proxy(f"{own_broker.host}:{own_broker.port}") as to_broker,
        Proxy(socket) as to_database,
        scene(tmp_path, own_broker, postgres_url, outage={"silence_intervals": 20}) as there,
        contextlib.AsyncExitStack() as stack,
    ):
        there.changes["database"] = {
            "url": f"postgresql://postgres@127.0.0.1:{to_database.port}/{parts['dbname']}",
            "connect_timeout_s": 2,
        }
        there.broker = BrokerAddress("127.0.0.1", to_broker.port, 0)
        await there.district.ask("start")
        await there.start_gateway()
        await until(lambda: "database is away" in there.log(), 20, "the missing database to be said")
        await until(
            lambda: "no session with the MQTT broker" in there.log(), 20, "the missing broker to be said"
        )
        status, said = await health(there)
        assert status == 503
        assert "the database has not been reached" in said
        assert "mqtt:district: no session with the broker" in said
        await to_broker.open()
        await to_database.open()
        await is_ready(there)
        store = await open_store(there, stack)
        await everyone_is_heard(there, store)
        await to_database.cut()
        await until(lambda: there.log().count("database is away") >= 2, 40, "the lost database to be said")
        await to_broker.cut()
        await to_broker.open()
        await to_database.open()
        await outage_to_the_end(there, store)
        account = await there.settle()
        # Before the first session nobody had subscribed, so the broker kept nothing for us; from then on it did.
        assert (account.missing_polls, account.duplicates) == (0, 0), account
        assert_one_story(there)


async def test_a_second_gateway_on_the_database_waits_and_goes_on_when_the_first_is_killed(
    tmp_path: Path, own_broker: BrokerAddress, broker: BrokerAddress, postgres_url: str
) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    async with (
        scene(tmp_path / "first", own_broker, postgres_url) as first,
        scene(tmp_path / "second", broker, postgres_url) as second,
    ):
        await first.start_gateway()
        await is_ready(first)
        await second.start_gateway()
        await until(lambda: "waiting for the right to write" in second.log(), 40, "the second to wait")
        status, said = await health(second)
        assert status == 503
        assert "another gateway (feederline, process " in said
        assert "writes to this database; waiting until it ends" in said
        assert (await health(first))[0] == 200
        await first.kill_gateway()
        await is_ready(second)
        await second.stop_gateway()
        assert "Traceback" not in second.log()
