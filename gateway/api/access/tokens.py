"""Tokens as text: `fdl_<id>_<secret>`. The secret is shown once; kept is its hash."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from typing import NamedTuple

_FORM = re.compile(r"fdl_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")

_ANYWHERE = re.compile(r"fdl_([0-9a-fA-F]{1,12})_[A-Za-z0-9_%-]+")


class Minted(NamedTuple):
    id: str
    text: str  # what its holder gets
    hash: bytes  # what is kept


class Given(NamedTuple):
    """A token as somebody brought it: its id, and the hash of the secret that came with it."""

    id: str
    hash: bytes


def mint() -> Minted:
    """A new token: 256 random bits, so that one round of SHA-256 is enough to keep it by."""
    token_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    return Minted(token_id, f"fdl_{token_id}_{secret}", digest(secret))


def read(text: str) -> Given | None:
    """None for what has not the form of a token."""
    match = _FORM.fullmatch(text)
    return None if match is None else Given(match[1], digest(match[2]))


def hidden(text: str) -> str:
    """The text without the secrets of tokens that somebody wrote where they do not belong."""
    return _ANYWHERE.sub(r"fdl_\1_…", text)


def new_session() -> str:
    """What a cookie holds."""
    return secrets.token_urlsafe(32)


def csrf_of(session: str) -> str:
    """The second value of a session. Who has only the one cannot make the other: a page from elsewhere sends the
    cookie without reading it."""
    return hmac.new(session.encode(), b"feederline csrf", hashlib.sha256).hexdigest()


def digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def same(one: bytes | str, other: bytes | str) -> bool:
    """Compared in a time that tells nothing."""
    return hmac.compare_digest(
        one.encode() if isinstance(one, str) else one, other.encode() if isinstance(other, str) else other
    )
