"""Text from the field, made fit for every store: PostgreSQL holds no NUL, UTF-8 no lone surrogates."""

from __future__ import annotations

_LIMIT = 500  # characters; the payload itself is kept whole where something was not understood


def clean(text: str) -> str:
    """`text` with NUL and lone surrogates written as escapes, cut to 500 characters."""
    if len(text) > _LIMIT:
        text = text[: _LIMIT - 1] + "…"
    return text.replace("\x00", "\\x00").encode("utf-8", "backslashreplace").decode("utf-8")
