"""Supply quality by day, and what meters told: written whole, read for pages and reports."""

from __future__ import annotations
