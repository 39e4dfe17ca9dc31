"""The page and API over TLS, and what stands for it where a proxy has it."""

from __future__ import annotations

import datetime as dt
import ssl
from ipaddress import ip_address
from pathlib import Path

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.api.serving import check_certificate
from gateway.api.settings import AccessSettings, ApiSettings
from gateway.core.access import Role
from gateway.core.errors import InvalidInputError
from tests.integration.store_world import ready_store
from tests.integration.test_api_server import LOOPBACK, serving
from tests.signing import bearer, make_token


def certificate(folder: Path, *, password: bytes | None = None) -> tuple[Path, Path]:
    """One for 127.0.0.1 that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gateway")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert, private = folder / "gateway.crt", folder / "gateway.key"
    cert.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    shut = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, shut)
    )
    return cert, private


async def test_over_tls_cookies_are_bound_to_the_host(postgres_url: str, tmp_path: Path) -> None:
    cert, key = certificate(tmp_path)
    settings = ApiSettings.model_validate({"port": 0, "tls": {"cert": cert, "key": key}})
    trust = ssl.create_default_context(cafile=cert)
    async with ready_store(postgres_url) as store:
        _, text = await make_token(store)
        async with serving(store, settings=settings, access=AccessSettings()) as url:
            assert url.startswith("https://127.0.0.1:")
            jar = aiohttp.CookieJar(unsafe=True)
            connector = aiohttp.TCPConnector(ssl=trust)
            async with aiohttp.ClientSession(url, connector=connector, cookie_jar=jar) as client:
                async with client.post("/api/session", json={"token": text}) as answer:
                    assert answer.status == 201
                    assert answer.headers["strict-transport-security"] == "max-age=31536000"
                    cookie = answer.headers["set-cookie"]
                assert cookie.startswith("__Host-feederline=")
                assert "; Secure" in cookie
                assert (await client.get("/api/summary")).status == 200
            async with aiohttp.ClientSession() as client:
                with pytest.raises(aiohttp.ClientConnectorCertificateError):
                    await client.get(url)
                with pytest.raises(aiohttp.ClientError):
                    await client.get(url.replace("https", "http"))


async def test_behind_a_tls_proxy_cookies_are_secure_too(postgres_url: str) -> None:
    named = ApiSettings(port=0, hosts=("ops.example.org",))
    async with ready_store(postgres_url) as store:
        _, text = await make_token(store)
        for settings, host in ((named, "ops.example.org"), (LOOPBACK, "localhost")):
            async with serving(store, settings=settings) as url, aiohttp.ClientSession(url) as client:
                said = {"json": {"token": text}, "headers": {"host": host, "origin": f"https://{host}"}}
                async with client.post("/api/session", **said) as answer:  # type: ignore[arg-type]
                    assert answer.status == 201
                    secure = host != "localhost"
                    assert ("; Secure" in answer.headers["set-cookie"]) == secure
                    assert answer.headers["set-cookie"].startswith("__Host-") == secure
                    assert "strict-transport-security" not in answer.headers


async def test_beyond_this_machine_a_token_is_wanted_by_whatever_name(postgres_url: str) -> None:
    everywhere = ApiSettings(host="0.0.0.0", port=0, plain_http=True)
    access = AccessSettings(loopback_role="viewer")
    async with ready_store(postgres_url) as store:
        _, text = await make_token(store, Role.VIEWER)
        async with (
            serving(store, settings=everywhere, access=access) as url,
            aiohttp.ClientSession(url) as client,
        ):
            for host, credentials, status in (
                ("ops.example.org", {}, 401),
                ("ops.example.org", bearer(text), 200),
                ("127.0.0.1", {}, 200),
            ):
                async with client.get("/api/summary", headers={"host": host, **credentials}) as answer:
                    assert answer.status == status, host


def test_certificates_that_cannot_be_served_with_are_told(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path)
    (tmp_path / "other").mkdir()
    other, shut = certificate(tmp_path / "other", password=b"secret")
    for wrong in ((cert, shut), (other, key), (tmp_path / "none", key), (key, cert)):
        settings = ApiSettings.model_validate({"tls": {"cert": wrong[0], "key": wrong[1]}})
        with pytest.raises(InvalidInputError, match=r"api\.tls: .* cannot be used"):
            check_certificate(settings)
    check_certificate(ApiSettings.model_validate({"tls": {"cert": cert, "key": key}}))


@pytest.mark.parametrize("old", ["allow_open", "allow_writes"])
def test_what_is_gone_names_what_came_instead(old: str) -> None:
    with pytest.raises(ValueError, match=rf"{old} is gone: .*(api\.tls|feederline token create)"):
        ApiSettings.model_validate({old: True})
