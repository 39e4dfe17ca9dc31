"""The `mqtt` section of the configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import Field, field_validator, model_validator

from drivers.mqtt.commands import AskSettings, RecallSettings
from drivers.mqtt.payloads import MAPPINGS
from drivers.mqtt.payloads.codes import check_code
from drivers.mqtt.topics import TopicTemplate
from gateway.core.settings import Seconds, Secret, Settings

PORTS = {"mqtt": 1883, "mqtts": 8883}


class Subscription(Settings):
    """One topic template and the mapping that reads its payloads."""

    topic: str
    mapping: str = "feederline"
    qos: Literal[0, 1, 2] = 1

    @field_validator("topic")
    @classmethod
    def _is_template(cls, text: str) -> str:
        TopicTemplate.parse(text)
        return text

    @field_validator("mapping")
    @classmethod
    def _is_mapping(cls, name: str) -> str:
        if name not in MAPPINGS:
            raise ValueError(f"unknown payload mapping {name!r}; there are: {', '.join(MAPPINGS)}")
        return name


def _usual() -> tuple[Subscription, ...]:
    return tuple(Subscription(topic=topic) for topic in MAPPINGS.get("feederline").templates)


class MqttSettings(Settings):
    """One broker. The session is persistent: what arrives while the gateway is away waits at the broker."""

    name: str = Field("field", pattern=r"^[A-Za-z0-9_-]{1,32}$")
    url: str = "mqtt://127.0.0.1:1883"
    version: Literal["3.1.1", "5"] = "3.1.1"
    client_id: str = Field("", pattern=r"^[A-Za-z0-9_.-]{0,64}$")  # empty: feederline-<name>
    subscriptions: Annotated[tuple[Subscription, ...], Field(min_length=1)] = Field(default_factory=_usual)
    ask: AskSettings | None = None
    recall: RecallSettings | None = None
    event_codes: dict[str, str] = Field(default_factory=dict)  # of this head-end, besides the usual ones
    username: str = ""
    password: Secret | None = None
    ca_file: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None

    keepalive_s: int = Field(30, ge=1, le=65_535)
    connect_timeout_s: Seconds = 10.0
    retry_max_s: Seconds = 30.0
    refused_retry_s: Seconds = 60.0
    session_expiry_s: int = Field(7 * 86_400, ge=0, le=0xFFFF_FFFF)  # MQTT 5; 3.1.1 leaves it to the broker
    probe_s: float = Field(
        30.0, ge=0, le=86_400
    )  # silence after which the session must prove itself; 0: never
    probe_timeout_s: Seconds = 10.0

    batch_messages: int = Field(1000, ge=1, le=30_000)
    batch_ms: int = Field(50, ge=1, le=10_000)
    max_payload_bytes: int = Field(256 * 1024, ge=64)
    max_future_s: float = Field(300.0, ge=0, le=86_400)

    @field_validator("version", mode="before")
    @classmethod
    def _as_text(cls, version: object) -> object:
        return str(version)  # YAML reads 5 as a number

    @field_validator("url")
    @classmethod
    def _is_broker(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in PORTS or not parts.hostname:
            raise ValueError("write mqtt://HOST:PORT, or mqtts://HOST:PORT for TLS")
        if parts.username or parts.password:
            raise ValueError("credentials do not belong in the url; use username and password")
        if parts.path not in ("", "/") or parts.query or parts.fragment:
            raise ValueError("nothing follows the port; topics are under subscriptions")
        if parts.port == 0:
            raise ValueError("port 0 is none")
        return url

    @field_validator("event_codes")
    @classmethod
    def _are_codes(cls, codes: dict[str, str]) -> dict[str, str]:
        if faults := [fault for code, event in codes.items() if (fault := check_code(code, event))]:
            raise ValueError("; ".join(faults))
        return codes

    @model_validator(mode="after")
    def _hang_together(self) -> MqttSettings:
        if self.password is not None and not self.username:
            raise ValueError("password: needs a username beside it")
        if (self.client_cert is None) != (self.client_key is None):
            raise ValueError("client_cert and client_key: give both or neither")
        if not self.tls and (self.ca_file or self.client_cert):
            raise ValueError("ca_file and client_cert: only with an mqtts:// url")
        filters = [TopicTemplate.parse(s.topic).filter for s in self.heard]
        twice = sorted({f for f in filters if filters.count(f) > 1})
        if twice:
            raise ValueError(f"subscriptions: the same topic twice: {', '.join(twice)}")
        return self

    @property
    def heard(self) -> tuple[Subscription, ...]:
        """The subscriptions, and that to answers where they have a topic of their own."""
        if self.ask is None or not self.ask.answer_topic:
            return self.subscriptions
        answers = Subscription(topic=self.ask.answer_topic, mapping="feederline-answer")
        return (*self.subscriptions, answers)

    @property
    def _parts(self) -> SplitResult:
        return urlsplit(self.url)

    @property
    def tls(self) -> bool:
        return self._parts.scheme == "mqtts"

    @property
    def host(self) -> str:
        return self._parts.hostname or ""

    @property
    def port(self) -> int:
        return self._parts.port or PORTS[self._parts.scheme]

    @property
    def session_id(self) -> str:
        """The client id; the broker knows the persistent session by it, so no two gateways may share one."""
        return self.client_id or f"feederline-{self.name}"

    @property
    def probe_topic(self) -> str:
        return f"feederline/probe/{self.session_id}"
