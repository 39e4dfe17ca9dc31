"""How a ticket's step is put into a message. Formats are pure and are found by name."""

from __future__ import annotations

from alerts.formats.notice import AlarmNotice, Clock, Format, Message, Notice, Options, StormNotice
from alerts.formats.standard import standard
from gateway.core.registry import Registry

FORMATS: Registry[Format] = Registry("ticket format")
FORMATS.add("standard", Format(ticket=standard))

__all__ = ["FORMATS", "AlarmNotice", "Clock", "Format", "Message", "Notice", "Options", "StormNotice"]
