"""Tokens of an issuer: a real one on a socket, with real keys, and everything that may be wrong with a token."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from gateway.api.settings import AccessSettings, OidcSettings
from gateway.store import Store
from tests.integration.store_world import ready_store
from tests.integration.test_api_server import serving
from tests.signing import bearer

RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC = ec.generate_private_key(ec.SECP256R1())


class Issuer:
    """Discovery and keys over HTTP on loopback; `asked` counts who fetched keys."""

    def __init__(self) -> None:
        self.url = ""
        self.asked = 0
        self.there = True
        self.keys: dict[str, Any] = {"r1": RSA.public_key(), "e1": EC.public_key()}

    async def discovery(self, _: web.Request) -> web.Response:
        return web.json_response({"issuer": self.url, "jwks_uri": f"{self.url}/keys"})

    async def jwks(self, _: web.Request) -> web.Response:
        self.asked += 1
        if not self.there:
            return web.Response(status=503)
        found = [{"kty": "oct", "kid": "o1", "k": "c2VjcmV0"}]
        for kid, key in self.keys.items():
            kind: Any = jwt.algorithms.RSAAlgorithm if kid[0] == "r" else jwt.algorithms.ECAlgorithm
            found.append({**json.loads(kind.to_jwk(key)), "kid": kid, "use": "sig"})
        return web.json_response({"keys": found})

    def token(self, key: Any = RSA, kid: str | None = "r1", algorithm: str = "RS256", **claims: Any) -> str:
        said = {
            "iss": self.url,
            "aud": "feederline",
            "sub": "u-1",
            "exp": time.time() + 300,
            "preferred_username": "li.wei",
            "realm_access": {"roles": ["desk", "unrelated"]},
            **claims,
        }
        said = {name: value for name, value in said.items() if value is not None}
        return jwt.encode(said, key, algorithm=algorithm, headers={"kid": kid} if kid else None)


@asynccontextmanager
async def issuing() -> AsyncIterator[Issuer]:
    issuer = Issuer()
    app = web.Application()
    app.router.add_get("/.well-known/openid-configuration", issuer.discovery)
    app.router.add_get("/keys", issuer.jwks)
    runner = web.AppRunner(app)
    await runner.setup()
    place = web.TCPSite(runner, "127.0.0.1", 0)
    await place.start()
    issuer.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield issuer
    finally:
        await runner.cleanup()


@asynccontextmanager
async def site(
    database: str, issuer: Issuer, **more: Any
) -> AsyncIterator[tuple[Store, aiohttp.ClientSession]]:
    oidc = {
        "issuer": issuer.url,
        "audience": "feederline",
        "role_claim": "realm_access.roles",
        "roles": {"desk": "operator", "boss": "admin", "eyes": "viewer"},
        "below_claim": "parts",
        **more,
    }
    access = AccessSettings.model_validate({"oidc": oidc, "limits": {"failures_per_minute": 1000}})
    async with (
        ready_store(database) as store,
        serving(store, access=access) as url,
        aiohttp.ClientSession(url) as client,
    ):
        yield store, client


async def ask(client: aiohttp.ClientSession, token: str) -> tuple[int, dict[str, Any]]:
    async with client.get("/api/session", headers=bearer(token)) as answer:
        return answer.status, await answer.json()


async def test_the_issuer_says_who_somebody_is(postgres_url: str) -> None:
    async with issuing() as issuer, site(postgres_url, issuer) as (_, client):
        status, told = await ask(client, issuer.token())
        assert (status, told["name"], told["role"], told["below"]) == (200, "li.wei", "operator", [])
        status, told = await ask(client, issuer.token(EC, "e1", "ES256", parts=["T1", "T0"]))
        assert (status, told["below"]) == (200, ["T0", "T1"])
        _, told = await ask(client, issuer.token(realm_access={"roles": ["eyes", "boss"]}))
        assert told["role"] == "admin"
        _, told = await ask(client, issuer.token(preferred_username=None))
        assert told["name"] == "u-1"
        assert issuer.asked == 1


def _none(token: str) -> str:
    _, body, _ = token.split(".")
    head = base64.urlsafe_b64encode(json.dumps({"alg": "none", "kid": "r1"}).encode()).rstrip(b"=")
    return f"{head.decode()}.{body}."


def _nested(token: str) -> str:
    head = base64.urlsafe_b64encode(b'{"a":' * 1700 + b"1" + b"}" * 1700).rstrip(b"=").decode()
    return f"{head}.{token.split('.', 1)[1]}"


def _confused(token: str) -> str:
    """Signed with the public key as if it were a secret that both sides know."""
    import hashlib
    import hmac

    pem = RSA.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    _, body, _ = token.split(".")
    head = base64.urlsafe_b64encode(json.dumps({"alg": "HS256", "kid": "r1"}).encode()).rstrip(b"=").decode()
    sealed = base64.urlsafe_b64encode(hmac.new(pem, f"{head}.{body}".encode(), hashlib.sha256).digest())
    return f"{head}.{body}.{sealed.rstrip(b'=').decode()}"


async def test_what_is_wrong_with_a_token_lets_nobody_in(postgres_url: str) -> None:
    async with issuing() as issuer, site(postgres_url, issuer) as (_, client):
        good = issuer.token()
        wrong = {
            "another issuer": issuer.token(iss="https://elsewhere.example"),
            "another audience": issuer.token(aud="other"),
            "no audience": issuer.token(aud=None),
            "expired": issuer.token(exp=time.time() - 60),
            "no expiry": issuer.token(exp=None),
            "not yet": issuer.token(nbf=time.time() + 600),
            "no subject": issuer.token(sub=None),
            "another key": issuer.token(OTHER),
            "unknown key": issuer.token(OTHER, "r9"),
            "no key named": issuer.token(kid=None),
            "key of another kind": issuer.token(EC, "r1", "ES256"),
            "algorithm that is not ours": issuer.token(algorithm="RS512"),
            "a secret": issuer.token("c" * 32, "o1", "HS256"),
            "alg none": _none(good),
            "public key as secret": _confused(good),
            "no role": issuer.token(realm_access={"roles": ["unrelated"]}),
            "no roles at all": issuer.token(realm_access=None),
            "an empty part": issuer.token(parts=[]),
            "changed": good[:-8] + ("A" * 8 if good[-8:] != "A" * 8 else "B" * 8),
            "nested": _nested(good),
            "too long": issuer.token(more="x" * 20_000),
        }
        for what, token in wrong.items():
            status, told = await ask(client, token)
            assert status == 401, what
            assert token not in json.dumps(told)
        assert (await ask(client, good))[0] == 200
        assert issuer.asked == 1, "made-up key ids do not make us fetch again and again"


async def test_new_keys_are_fetched_and_an_absent_issuer_is_said(postgres_url: str) -> None:
    async with issuing() as issuer, site(postgres_url, issuer, unknown_key_s=0.001) as (_, client):
        issuer.there = False
        status, told = await ask(client, issuer.token())
        assert (status, "issuer's keys" in told["detail"]) == (503, True)
        issuer.there = True
        assert (await ask(client, issuer.token()))[0] == 200
        issuer.keys = {"r2": OTHER.public_key()}
        assert (await ask(client, issuer.token(OTHER, "r2")))[0] == 200
        assert (await ask(client, issuer.token()))[0] == 401, "what the issuer withdrew is withdrawn"
        issuer.there = False
        assert (await ask(client, issuer.token(OTHER, "r2")))[0] == 200, "kept keys are good meanwhile"


@pytest.mark.parametrize("url", ["http://login.example", "ftp://login.example", "https://", "login.example"])
def test_issuers_are_asked_over_tls_only(url: str) -> None:
    with pytest.raises(ValueError, match="https"):
        OidcSettings(issuer=url, audience="feederline", roles={"a": "viewer"})
    for algorithm in ("none", "HS256"):
        with pytest.raises(ValueError, match="algorithms"):
            OidcSettings.model_validate(
                {"issuer": "https://a.example", "audience": "f", "roles": {}, "algorithms": [algorithm]}
            )
