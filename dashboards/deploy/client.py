"""One Grafana, spoken to through grafana-client; every failure becomes one of gateway.core.errors, with its cause."""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any, ParamSpec, TypeVar
from urllib.parse import urlsplit

import niquests
from grafana_client.api import GrafanaApi
from grafana_client.client import GrafanaClientError, GrafanaException, GrafanaTimeoutError
from niquests.exceptions import InvalidJSONError, ReadTimeout, RequestException, SSLError, TooManyRedirects

from dashboards.deploy.steps import harmless
from dashboards.deploy.wanted import Login
from gateway.core.errors import (
    FeederlineError,
    ImpossibleError,
    InvalidInputError,
    NotFoundError,
    RefusedError,
    UnavailableError,
)

P = ParamSpec("P")
T = TypeVar("T")

OLDEST = (11, 6)
_NO_REDIRECT = 0
_LARGEST = 64 << 20  # bytes of an answer: ten thousand alert rules are a third of it
_SAID = 200  # characters of what a server said


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where Grafana answers, taken apart as grafana-client wants it."""

    scheme: str
    host: str
    port: int | None
    path: str

    @classmethod
    def of(cls, url: str) -> Address:
        """Raises InvalidInputError unless `url` is the whole address of a Grafana, with a path below it or none."""
        try:
            parts = urlsplit(url.strip())
            host, port = parts.hostname, parts.port
        except ValueError as exc:
            raise InvalidInputError([f"--url {url!r}: {exc}"]) from exc
        if parts.scheme not in ("http", "https") or not host or re.search(r"[\s\\]", url.strip()):
            raise InvalidInputError([f"--url {url!r} is no address such as https://grafana.example/"])
        if parts.username is not None or parts.password is not None:
            raise InvalidInputError(["--url holds a user or a password; they belong in --user and a file"])
        if parts.query or parts.fragment:
            raise InvalidInputError([f"--url {url!r}: leave out what follows ? or #"])
        path = parts.path.strip("/")
        return cls(
            scheme=parts.scheme,
            host=f"[{host}]" if ":" in host else host,
            port=port,
            path=f"{path}/" if path else "",
        )

    def __str__(self) -> str:
        port = "" if self.port is None else f":{self.port}"
        return f"{self.scheme}://{self.host}{port}/{self.path}"

    @property
    def is_private(self) -> bool:
        """What is sent there cannot be read on the way."""
        return self.scheme == "https" or self.host == "localhost" or _is_loopback(self.host.strip("[]"))


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class Grafana:
    """A connection; `api` is grafana-client's. Every call goes through `ask`, which tells failures apart."""

    def __init__(
        self,
        url: str,
        login: Login,
        *,
        ca_file: Path | None = None,
        timeout_s: float = 30.0,
        plain_http: bool = False,
    ) -> None:
        """Raises InvalidInputError: the address, the file, or a login that would be sent where others can read it."""
        self.address = Address.of(url)
        self.timeout_s = timeout_s
        self._secrets = [text for text in (login.token, login.password) if text]
        if ca_file is not None:
            try:
                ssl.create_default_context(cafile=ca_file)
            except OSError as exc:
                raise InvalidInputError([f"--ca-file {ca_file}: {exc.strerror or exc}"]) from exc
        credential = login.credential()
        if credential and not self.address.is_private and not plain_http:
            fault = f"{self.address} is not encrypted: the login would be read on the way"
            raise InvalidInputError([f"{fault}; write https://, or allow it with --plain-http"])
        self.api = GrafanaApi(
            credential,
            host=self.address.host,
            port=self.address.port,
            url_path_prefix=self.address.path,
            protocol=self.address.scheme,
            verify=str(ca_file) if ca_file is not None else True,
            timeout=timeout_s,
            user_agent="feederline",
        )
        self.api.client.s.close()
        self.api.client.s = self._session()

    def conceal(self, *secrets: str) -> None:
        """Not to be repeated, whatever a server says."""
        self._secrets += filter(None, secrets)

    def _session(self) -> niquests.Session:
        # A control room has no internet: nobody is asked whether a certificate was withdrawn. A redirect would turn
        # what is to be written into a reading, and could hand the login to another host.
        session = niquests.Session(disable_http3=True, revocation_configuration=None)
        session.max_redirects = _NO_REDIRECT
        session.headers["User-Agent"] = "feederline"
        session.stream = True
        session.hooks["response"].append(self._read)
        return session

    def _read(self, response: niquests.PreparedRequest | niquests.Response) -> None:
        """The whole answer, as long as it is not too large and comes in time."""
        assert isinstance(response, niquests.Response)
        parts, size, end = [], 0, time.monotonic() + self.timeout_s
        for part in response.iter_content():
            parts.append(part)
            size += len(part)
            if size > _LARGEST:
                raise InvalidJSONError("larger than any answer of Grafana")
            if time.monotonic() > end:
                raise ReadTimeout("the answer does not end")
        response._content = b"".join(parts)  # as its own property does, which knows no limits

    def close(self) -> None:
        self.api.client.s.close()

    def ask(self, what: str, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `call` of grafana-client gives; `what` says in words what was wanted, for the error.

        Raises:
            UnavailableError: nobody answers, not in time, with a server's fault, or something changed meanwhile.
            RefusedError: the login is unknown, or lacks the right.
            NotFoundError: there is no such thing.
            ImpossibleError: Grafana does not take what it was sent, or what answers is no Grafana.
        """
        with self._told(what), self.understood():
            return call(*args, **kwargs)

    def later(self, what: str, call: Callable[..., object], *args: object) -> Callable[[], None]:
        """`ask`, to be done when the time has come."""

        def take() -> None:
            self.ask(what, call, *args)

        return take

    @contextmanager
    def understood(self) -> Iterator[None]:
        """Where answers are taken apart: one that lacks what Grafana's have becomes ImpossibleError."""
        try:
            yield
        except (LookupError, TypeError, AttributeError, ValueError, RecursionError) as exc:
            if isinstance(exc, RequestException):  # some of these are ValueErrors, too
                raise
            raise ImpossibleError(
                f"what answers at {self.address} is no Grafana, or one that answers in another way "
                f"({type(exc).__name__}: {self._harmless(str(exc))})"
            ) from exc

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        try:
            yield
        except GrafanaTimeoutError as exc:
            raise self._late(what) from exc
        except GrafanaException as exc:
            raise self._fault(what, exc) from exc
        except TooManyRedirects as exc:
            answer = exc.response
            to = answer.headers.get("Location") if answer is not None else None
            raise ImpossibleError(
                f"{self.address} sends on to {self._harmless(str(to or 'elsewhere'))}: give the address at which "
                "Grafana itself answers"
            ) from exc
        except ReadTimeout as exc:
            raise self._late(what) from exc
        except SSLError as exc:
            if "WRONG_VERSION_NUMBER" in str(exc):  # what answers is no TLS at all
                raise UnavailableError(f"{self.address} does not speak TLS: is it http://?") from exc
            raise UnavailableError(
                f"the certificate of {self.address} does not hold ({exc}); --ca-file names those to check it with"
            ) from exc
        except RequestException as exc:
            if "certificate" in str(exc).lower() or "ssl" in str(exc).lower():
                raise UnavailableError(
                    f"{self.address} cannot be trusted ({exc}); --ca-file names certificates to check it with"
                ) from exc
            if isinstance(exc, InvalidJSONError):
                raise ImpossibleError(f"what answers at {self.address} is no Grafana") from exc
            raise UnavailableError(f"no Grafana answers at {self.address} ({exc})") from exc

    def _late(self, what: str) -> UnavailableError:
        return UnavailableError(f"{what}: {self.address} did not answer within {self.timeout_s:g} s")

    def _fault(self, what: str, exc: GrafanaException) -> FeederlineError:
        said = self.said(exc.response or exc.message)
        match exc.status_code:
            case 401:
                return RefusedError(f"{self.address} does not know the login, or not any more")
            case 403:
                return RefusedError(f"{what}: the login may not ({said})")
            case 404:
                return NotFoundError(f"{what}: not there ({said})")
            case 409 | 412 if "exist" in said and "uid" not in said:  # by uid it was looked for before
                return ImpossibleError(f"{what}: Grafana has another of that name ({said})")
            case 409 | 412:
                return UnavailableError(f"{what}: somebody else changed it meanwhile ({said}); deploy again")
            case int(status) if isinstance(exc, GrafanaClientError) and status != 429:
                return ImpossibleError(f"{what}: Grafana does not take it ({status}: {said})")
            case status:
                return UnavailableError(f"{what}: Grafana failed ({status}: {said})")

    def said(self, answer: object) -> str:
        """What a server gave as its reason, fit to be shown."""
        if isinstance(answer, dict) and isinstance(answer.get("results"), dict):  # of a query
            results = [one for one in answer["results"].values() if isinstance(one, dict)]
            answer = results[0].get("error") if results else answer
        if isinstance(answer, dict) and answer.get("message"):
            answer = answer["message"]
        return self._harmless(str(answer))

    def _harmless(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "…")
        text = harmless(" ".join(text.split()))
        return text if len(text) <= _SAID else f"{text[:_SAID]}…"


def document(answer: object, address: Address) -> dict[str, Any]:
    """The answer, an object. Raises ImpossibleError where it is none, as a proxy's login page."""
    if not isinstance(answer, dict):
        raise ImpossibleError(f"what answers at {address} is no Grafana")
    return answer


def documents(answer: object, address: Address) -> list[dict[str, Any]]:
    """The answer, a list of objects; an empty one for null. Raises ImpossibleError where it is none."""
    if answer is None:
        return []
    if not isinstance(answer, list) or not all(isinstance(one, dict) for one in answer):
        raise ImpossibleError(f"what answers at {address} is no Grafana")
    return answer


def covers(theirs: object, ours: object) -> bool:
    """Is all of `ours` in `theirs`? Grafana adds keys of its own to what it is given; lists are taken as they are."""
    if isinstance(ours, dict):
        return isinstance(theirs, dict) and all(
            key in theirs and covers(theirs[key], value) for key, value in ours.items()
        )
    if isinstance(ours, list):
        return (
            isinstance(theirs, list)
            and len(theirs) == len(ours)
            and all(covers(a, b) for a, b in zip(theirs, ours, strict=True))
        )
    return theirs == ours and isinstance(theirs, bool) == isinstance(ours, bool)
