"""Whether a session still delivers: a subscription may be granted, and then nothing comes."""

from __future__ import annotations

from drivers.mqtt.settings import MqttSettings
from gateway.core.errors import UnavailableError


class Probe:
    """When to send a message to ourselves, and when its absence proves the session dead. Times are the loop's, s.

    proven: something came back through the session.
    """

    def __init__(self, settings: MqttSettings) -> None:
        self.proven = False
        self._settings = settings
        self._heard_at = 0.0
        self._sent_at: float | None = None  # one is on its way since

    def start(self, now: float) -> None:
        """The session begins, or is read again after a pause in which nothing could be heard."""
        self._heard_at = now
        self._sent_at = None

    def heard(self, now: float) -> None:
        self.proven = True
        self._heard_at = now
        self._sent_at = None

    def due(self, now: float) -> bool:
        """Whether to send one now: at once, and after every silence of `probe_s`. True is taken as sent.

        Raises UnavailableError when the last one did not come back within `probe_timeout_s`.
        """
        settings = self._settings
        if not settings.probe_s:
            return False
        if self._sent_at is None:
            if self.proven and now - self._heard_at < settings.probe_s:
                return False
            self._sent_at = now
            return True
        if now - self._sent_at >= settings.probe_timeout_s:
            raise UnavailableError(
                f"subscribed, yet a message to {settings.probe_topic} did not come back within "
                f"{settings.probe_timeout_s:g} s; a new session is made. If the broker's access rules "
                "forbid that topic, allow it or set probe_s to 0"
            )
        return False
