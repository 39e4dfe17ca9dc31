"""Signing secrets of Standard Webhooks: `whsec_` and the base64 of 24 to 64 random bytes."""

from __future__ import annotations

import base64
import secrets

from standardwebhooks import Webhook

PREFIX = "whsec_"
SHAPE = f"{PREFIX} followed by base64 of 24 to 64 bytes"
_KEY_BYTES = range(24, 65)


def new_secret() -> str:
    """A fresh one, of 32 bytes."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def signer(secret: str) -> Webhook | None:
    """What signs with the secret; None when it does not have that shape. Quotes nothing of it."""
    encoded = secret.removeprefix(PREFIX)
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except ValueError:
        return None
    return Webhook(key) if secret.startswith(PREFIX) and len(key) in _KEY_BYTES else None
