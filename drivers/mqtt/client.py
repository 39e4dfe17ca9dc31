"""paho-mqtt, bent to durable acknowledgement and driven from asyncio. The one file that knows paho.

A message is acknowledged when we say so, at every quality of service. paho's own manual acknowledgement covers QoS 1
only: for QoS 2 it sends PUBREC, which hands the message over to us, before anyone has seen it. Why the methods with
an underscore are overridden, and what that gains, is in docs/decisions/mqtt-client.md.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from typing import Protocol

from paho.mqtt import _packet
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from drivers.mqtt.settings import MqttSettings
from gateway.core.errors import FeederlineError, InvalidInputError, RefusedError, UnavailableError

_READ_BYTES = 1 << 16
_PINGREQ = 0xC0
_REFUSALS = {132, 133, 134, 135, 138, 140}  # MQTT 5, section 3.2.2.2: what trying again will not mend
_CREDENTIALS = {134, 135, 140}
_VERSION = 132
_TAKEN_OVER = 142


class Listener(Protocol):
    """What a connection tells its owner; always from within `read`, `loop_write`, `loop_misc` or `abort`."""

    def connected(self, error: FeederlineError | None) -> None: ...

    def granted(self, refused: list[str], lowered: list[str]) -> None:
        """Filters that the broker refused, and those it granted at a lower QoS."""
        ...

    def received(
        self, topic: bytes, payload: bytes, mid: int, qos: int, *, retained: bool, redelivered: bool
    ) -> None: ...

    def published(self, mid: int, refusal: str) -> None: ...

    def wants_write(self, descriptor: int, wanted: bool) -> None: ...

    def closing(self, descriptor: int) -> None: ...

    def answered(self) -> None:
        """Every PINGREQ has its answer, so the broker has read everything that was sent before the last one."""
        ...

    def lost(self, reason: str) -> None: ...


class Client(paho.Client):
    """One connection's worth of MQTT. Sans-loop: the owner calls `read`, `loop_write` and `loop_misc`."""

    def __init__(self, settings: MqttSettings, listener: Listener) -> None:
        """Raises InvalidInputError for a secret or certificate that cannot be used."""
        self.settings = settings
        self.halted = False
        self._aborted = False
        self._unanswered = 0  # PINGREQ without their PINGRESP
        self._listener = listener
        self._filters: list[tuple[str, int]] = []
        self._buffer = b""
        self._at = 0
        self._five = settings.version == "5"
        super().__init__(
            CallbackAPIVersion.VERSION2,
            client_id=settings.session_id,
            clean_session=None if self._five else False,
            protocol=MQTTProtocolVersion.MQTTv5 if self._five else MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        self.connect_timeout = settings.connect_timeout_s
        if settings.username:
            self.username_pw_set(settings.username, settings.password.reveal() if settings.password else None)
        if settings.tls:
            self.tls_set_context(_tls_context(settings))

    def open(self) -> None:
        """Connect and send CONNECT; blocks for up to twice the connect timeout, so call it from a thread.

        Raises:
            UnavailableError: nobody answers.  RefusedError: the broker's certificate is not trusted.
        """
        settings = self.settings
        where = f"{settings.host}:{settings.port}"
        try:
            if self._five:
                properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
                properties.SessionExpiryInterval = settings.session_expiry_s
                properties.ReceiveMaximum = min(65_535, 2 * settings.batch_messages)
                self.connect(
                    settings.host,
                    settings.port,
                    settings.keepalive_s,
                    clean_start=False,
                    properties=properties,
                )
            else:
                self.connect(settings.host, settings.port, settings.keepalive_s)
        except ssl.SSLCertVerificationError as exc:
            raise RefusedError(
                f"the certificate of the MQTT broker at {where} is not trusted: {exc.verify_message}; check ca_file"
            ) from exc
        except OSError as exc:
            raise UnavailableError(
                f"no MQTT broker answers at {where}: {exc}; start it, or correct the url"
            ) from exc
        if self._aborted:  # nobody waits for this thread any more
            self._sock_close()

    def attach(self) -> int:
        """Start telling the listener; returns the descriptor to watch. Call it where `read` will be called."""
        listener = self._listener
        self.on_connect = lambda _c, _u, _flags, code, _p: listener.connected(self._connect_error(code))
        self.on_subscribe = lambda _c, _u, _mid, codes, _p: self._tell_subscribed(codes)
        self.on_publish = lambda _c, _u, mid, code, _p: listener.published(
            mid, code.getName() if code.is_failure else ""
        )
        self.on_disconnect = lambda _c, _u, flags, code, _p: listener.lost(
            self._farewell(code, told=flags.is_disconnect_packet_from_server)
        )
        self.on_socket_register_write = lambda _c, _u, sock: listener.wants_write(sock.fileno(), True)
        self.on_socket_unregister_write = lambda _c, _u, sock: listener.wants_write(sock.fileno(), False)
        self.on_socket_close = lambda _c, _u, sock: listener.closing(sock.fileno())
        assert self._sock is not None
        descriptor = self._sock.fileno()
        if self.want_write():
            listener.wants_write(descriptor, True)
        return descriptor

    def read(self, packets: int) -> bool:
        """Process up to `packets` packets; True when more may be had without waiting for the socket."""
        for _ in range(packets):
            if self.halted:
                return True
            if self.loop_read() or self._sock is None:
                return False
            if self._at >= len(self._buffer):
                return isinstance(self._sock, ssl.SSLSocket) and self._sock.pending() > 0
        return True

    def confirm(self, mid: int, qos: int) -> None:
        """Tell the broker that the message is ours now: PUBACK for QoS 1, PUBREC for QoS 2."""
        if qos == 1:
            self.ack(mid, 1)
        elif qos == 2:
            self._send_pubrec(mid)

    def ask(self, filters: list[tuple[str, int]]) -> None:
        """Send one SUBSCRIBE for all (filter, QoS)."""
        self._filters = filters
        if self._five:
            self.subscribe([(topic, SubscribeOptions(qos=qos)) for topic, qos in filters])
        else:
            self.subscribe(list(filters))

    def greet(self) -> None:
        """PINGREQ without expecting the answer: keeps the session while nothing is read."""
        self._send_simple_command(_PINGREQ)

    def forgive(self) -> None:
        """Reading starts again after a pause: an answer to a ping may still be in the queue, so do not miss it."""
        self._ping_t = 0.0

    def abort(self) -> None:
        """Drop the connection as a crash would: no DISCONNECT, nothing acknowledged. For good, `open` included."""
        self._aborted = True
        with contextlib.suppress(OSError):
            self._sock_close()

    def _tell_subscribed(self, codes: list[ReasonCode]) -> None:
        granted = list(zip(self._filters, codes, strict=False))
        refused = [topic for (topic, _), code in granted if code.is_failure]
        lowered = [topic for (topic, qos), code in granted if not code.is_failure and code.value < qos]
        self._listener.granted(refused, lowered)

    def _connect_error(self, code: ReasonCode) -> FeederlineError | None:
        if not code.is_failure:
            return None
        if code.value in _CREDENTIALS:
            hint = "check username, password and the broker's access rules"
        elif code.value == _VERSION:
            hint = f"it does not speak MQTT {self.settings.version}; change version"
        else:
            hint = "see the broker's log"
        where = f"{self.settings.host}:{self.settings.port}"
        message = f"the MQTT broker at {where} refused the session: {code.getName()}; {hint}"
        return RefusedError(message) if code.value in _REFUSALS else UnavailableError(message)

    def _farewell(self, code: ReasonCode, *, told: bool) -> str:
        """Why the connection ended. MQTT 3.1.1 brokers, and some others, just close it."""
        if told and code.value == _TAKEN_OVER:
            return f"another client uses the client id {self.settings.session_id!r}; give each its own"
        if not told and code.is_failure:
            return (
                "the connection broke or was closed; if that goes on, see the broker's log, and whether "
                f"another client uses the client id {self.settings.session_id!r}"
            )
        return code.getName()

    # -- overrides of paho 2.2 ----------------------------------------------------------------------------------

    def _sock_recv(self, bufsize: int) -> bytes:
        """Read ahead: paho asks for one byte at a time, a system call each."""
        if self._at >= len(self._buffer):
            self._buffer = super()._sock_recv(_READ_BYTES)
            self._at = 0
        data = self._buffer[self._at : self._at + bufsize]
        self._at += len(data)
        return data

    def _send_simple_command(self, command: int) -> MQTTErrorCode:
        self._unanswered += command == _PINGREQ
        return super()._send_simple_command(command)

    def _handle_pingresp(self) -> MQTTErrorCode:
        self._unanswered -= 1
        if self._unanswered == 0:
            self._listener.answered()
        return super()._handle_pingresp()

    def _ssl_wrap_socket(self, tcp_sock: socket.socket) -> ssl.SSLSocket:
        """Close the socket when the handshake fails; paho leaves that to chance. Our context checks the host name."""
        assert self._ssl_context is not None
        secure = self._ssl_context.wrap_socket(
            tcp_sock, server_hostname=self._host, do_handshake_on_connect=False
        )
        try:
            secure.settimeout(self._connect_timeout)
            secure.do_handshake()
        except BaseException:
            secure.close()
            raise
        return secure

    def _handle_publish(self) -> MQTTErrorCode:
        """Hand the message over at once, whatever its QoS, and acknowledge nothing."""
        packet = _packet.decode_publish(self._in_packet["command"], self._in_packet["packet"], self._protocol)
        self._listener.received(
            packet.topic,
            bytes(packet.payload),
            packet.mid,
            packet.qos,
            retained=packet.retain,
            redelivered=packet.dup,
        )
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def _handle_pubrel(self) -> MQTTErrorCode:
        """The message was durable before its PUBREC went out, perhaps on an earlier connection."""
        packet = _packet.decode_pubrel(self._in_packet["command"], self._in_packet["packet"], self._protocol)
        return self._send_pubcomp(packet.mid)


def check_credentials(settings: MqttSettings) -> None:
    """Raises InvalidInputError listing the password and the certificates that cannot be read; connects to nothing."""
    faults: list[str] = []
    try:
        if settings.password is not None:
            settings.password.reveal()
    except InvalidInputError as exc:
        faults += [f"mqtt {settings.name}: password: {fault}" for fault in exc.faults]
    try:
        if settings.tls:
            _tls_context(settings)
    except InvalidInputError as exc:
        faults += exc.faults
    if faults:
        raise InvalidInputError(faults)


def _tls_context(settings: MqttSettings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=settings.ca_file)
        if settings.client_cert is not None:
            context.load_cert_chain(settings.client_cert, settings.client_key)
    except OSError as exc:  # ssl.SSLError is one
        raise InvalidInputError([f"mqtt {settings.name}: ca_file, client_cert or client_key: {exc}"]) from exc
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
