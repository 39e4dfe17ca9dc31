"""One MQTT session of the field side: a head-end speaking for many meters, or a meter speaking for itself."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from gateway.core.errors import RefusedError, UnavailableError
from simulator.ledger import Sent

if TYPE_CHECKING:
    from paho.mqtt.client import SocketLike  # exists for type checkers only

_QUEUE = 20_000
_LONGEST_WAIT_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """Where the meters publish to."""

    host: str = "127.0.0.1"
    port: int = 1883
    user: str = ""
    password: str = ""

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Link:
    """A paho session driven by the running event loop; it comes back by itself until it is cut or closed.

    `status_topic`, where given, carries a retained "online", and "offline" as the session's will.
    """

    def __init__(
        self, broker: Broker, client_id: str, acknowledged: Callable[[Sent], None], *, status_topic: str = ""
    ) -> None:
        self._broker = broker
        self._acknowledged = acknowledged
        self._status_topic = status_topic
        self._asked: Callable[[str, bytes], None] = lambda _topic, _payload: None
        self._commands: list[str] = []  # topic filters
        self._pending: dict[int, tuple[Sent, ...]] = {}
        self._wanted = False
        self._wait_s = 0.2
        self._opened: asyncio.Future[None] | None = None
        self._closed = asyncio.Event()
        self._idle: asyncio.Event | None = None
        self._again: asyncio.TimerHandle | None = None
        self._misc: asyncio.TimerHandle | None = None
        self._client = client = Client(CallbackAPIVersion.VERSION2, client_id=client_id)
        client.max_inflight_messages_set(2_000)
        client.max_queued_messages_set(_QUEUE)
        client.connect_timeout = 3.0
        if broker.user:
            client.username_pw_set(broker.user, broker.password)
        if status_topic:
            client.will_set(status_topic, b"offline", qos=1, retain=True)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        client.on_socket_open = self._on_socket_open
        client.on_socket_close = self._on_socket_close
        client.on_socket_register_write = self._on_write_wanted
        client.on_socket_unregister_write = self._on_write_done

    @property
    def pending(self) -> int:
        """Messages the broker has not acknowledged yet."""
        return len(self._pending)

    @property
    def connected(self) -> bool:
        return self._client.is_connected()

    async def open(self, timeout_s: float = 5.0) -> None:
        """Connect and wait for the broker's answer.

        Raises:
            UnavailableError: nobody listens there, or there was no answer in time.
            RefusedError: the broker turned the session down.
        """
        self._opened = asyncio.get_running_loop().create_future()
        self._wanted = True
        try:
            self._client.connect(self._broker.host, self._broker.port, keepalive=30)
            await asyncio.wait_for(self._opened, timeout_s)
        except (OSError, TimeoutError) as exc:
            self._wanted = False
            why = "no answer" if isinstance(exc, TimeoutError) else exc.strerror or str(exc)
            raise UnavailableError(f"no MQTT broker at {self._broker}: {why}") from exc
        except RefusedError:
            self._wanted = False
            raise
        finally:
            self._opened = None

    def listen(self, commands: list[str], asked: Callable[[str, bytes], None]) -> None:
        """Call `asked(topic, payload)` for what comes on the topic filters, whenever the session stands."""
        self._commands, self._asked = commands, asked

    def resume(self) -> None:
        """Come back after `cut`, in the background."""
        self._wanted = True
        self._wait_s = 0.2
        self._reconnect()

    def publish(self, topic: str, payload: str | bytes, *sent: Sent, retain: bool = False) -> None:
        """Hand over at QoS 1; what was `sent` is reported once the broker has acknowledged."""
        info = self._client.publish(topic, payload, qos=1, retain=retain)
        if sent and info.rc is not MQTTErrorCode.MQTT_ERR_QUEUE_SIZE:
            self._pending[info.mid] = sent

    def cut(self) -> None:
        """Break the connection as a loss of power does: no goodbye, so the broker publishes the will."""
        self._wanted = False
        self._cancel_timers()
        sock = self._client.socket()
        if isinstance(sock, socket.socket):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it was gone already

    async def flush(self, timeout_s: float = 10.0) -> bool:
        """Wait until everything sent is acknowledged; False when it was not in time. A cut link does not wait."""
        if self._pending and self._wanted:
            self._idle = asyncio.Event()
            try:
                await asyncio.wait_for(self._idle.wait(), timeout_s)
            except TimeoutError:
                return False
            finally:
                self._idle = None
        return True

    async def close(self) -> None:
        """Say goodbye, and wait shortly for the socket to close."""
        self._wanted = False
        if self._client.is_connected():
            if self._status_topic:
                self._client.publish(self._status_topic, b"offline", qos=1, retain=True)
            self._closed.clear()
            self._client.disconnect()
            try:
                await asyncio.wait_for(self._closed.wait(), 1.0)
            except TimeoutError:
                self.cut()
        self._cancel_timers()

    def _cancel_timers(self) -> None:
        for timer in (self._again, self._misc):
            if timer is not None:
                timer.cancel()
        self._again = self._misc = None

    def _reconnect(self) -> None:
        self._again = None
        if not self._wanted or self._client.is_connected():
            return
        try:
            self._client.reconnect()
        except OSError:
            self._reconnect_later()

    def _reconnect_later(self) -> None:
        if self._again is None:
            delay = self._wait_s * random.uniform(0.5, 1.5)
            self._wait_s = min(self._wait_s * 2, _LONGEST_WAIT_S)
            self._again = asyncio.get_running_loop().call_later(delay, self._reconnect)

    def _on_connect(
        self, _c: Client, _u: object, _flags: ConnectFlags, code: ReasonCode, _p: Properties | None
    ) -> None:
        opened = self._opened if self._opened is not None and not self._opened.done() else None
        if code.is_failure:
            if opened is not None:
                opened.set_exception(
                    RefusedError(f"the MQTT broker at {self._broker} refused the session: {code}")
                )
            return
        self._wait_s = 0.2
        if self._commands:
            self._client.subscribe([(topic, 0) for topic in self._commands])
        if self._status_topic:
            self._client.publish(self._status_topic, b"online", qos=1, retain=True)
        if opened is not None:
            opened.set_result(None)

    def _on_disconnect(
        self, _c: Client, _u: object, _flags: DisconnectFlags, _code: ReasonCode, _p: Properties | None
    ) -> None:
        self._closed.set()
        if self._wanted and self._opened is None:
            self._reconnect_later()

    def _on_message(self, _c: Client, _u: object, message: MQTTMessage) -> None:
        self._asked(message.topic, bytes(message.payload))

    def _on_publish(self, _c: Client, _u: object, mid: int, _code: ReasonCode, _p: Properties | None) -> None:
        if sent := self._pending.pop(mid, ()):
            for one in sent:
                self._acknowledged(one)
            if self._idle is not None and not self._pending:
                self._idle.set()

    def _on_socket_open(self, client: Client, _u: object, sock: SocketLike) -> None:
        loop = asyncio.get_running_loop()
        loop.add_reader(sock.fileno(), client.loop_read)
        self._on_second()

    def _on_second(self) -> None:
        if self._client.loop_misc() is MQTTErrorCode.MQTT_ERR_SUCCESS:
            self._misc = asyncio.get_running_loop().call_later(1.0, self._on_second)

    def _on_socket_close(self, _c: Client, _u: object, sock: SocketLike) -> None:
        asyncio.get_running_loop().remove_reader(sock.fileno())
        if self._misc is not None:
            self._misc.cancel()
            self._misc = None

    def _on_write_wanted(self, client: Client, _u: object, sock: SocketLike) -> None:
        asyncio.get_running_loop().add_writer(sock.fileno(), client.loop_write)

    def _on_write_done(self, _c: Client, _u: object, sock: SocketLike) -> None:
        asyncio.get_running_loop().remove_writer(sock.fileno())
