"""How a ticket's step is put into a message. Formats are pure and are found by name."""

from __future__ import annotations

from alerts.formats.notice import Format, Message, Notice
from alerts.formats.standard import standard
from gateway.core.registry import Registry

FORMATS: Registry[Format] = Registry("ticket format")
FORMATS.add("standard", standard)

__all__ = ["FORMATS", "Format", "Message", "Notice"]
