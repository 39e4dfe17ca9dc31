"""What is to be deployed: options, and the generated files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from gateway.core.errors import InvalidInputError

Language = Literal["en", "zh"]
SslMode = Literal["disable", "require", "verify-ca", "verify-full"]
Timescale = Literal["auto", "on", "off"]

GENERATED = Path(__file__).parents[1] / "generated"
DATASOURCE_UID = "feederline"
DATASOURCE_TYPE = "grafana-postgresql-datasource"
FOLDERS: dict[Language, str] = {"en": "feederline", "zh": "feederline-zh"}
ALERT_FOLDER = "feederline-alerts"
DEFAULT_FOLDER = "Feederline"

_DATABASE = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s:/\[\]@]+):(?P<port>\d{1,5})/(?P<name>[^\s/?#]+)")
_MAIL = re.compile(r"[^\s;,@<>]+@[^\s;,@<>]+")


@dataclass(frozen=True, kw_only=True)
class Login:
    """What Grafana is shown: a service account's token, or a user's name and password."""

    token: str = field(default="", repr=False)
    user: str = ""
    password: str = field(default="", repr=False)

    def credential(self) -> str | tuple[str, str] | None:
        return self.token or ((self.user, self.password) if self.user else None)


@dataclass(frozen=True, kw_only=True)
class Database:
    """Where Grafana reads, and as whom: a login that is a member of `feederline_grafana`."""

    host: str
    port: int
    name: str
    user: str
    password: str = field(repr=False)
    sslmode: SslMode = "verify-full"
    ca: str = field(default="", repr=False)
    timescale: Timescale = "auto"

    @staticmethod
    def place(text: str) -> tuple[str, int, str]:
        """HOST:PORT/NAME taken apart. Raises InvalidInputError."""
        found = _DATABASE.fullmatch(text)
        if found is None or not 0 < int(found["port"]) < 65_536:
            raise InvalidInputError([f"--database {text!r} is not HOST:PORT/NAME, as Grafana reaches it"])
        return found["host"], int(found["port"]), found["name"]

    @property
    def url(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, kw_only=True)
class Dashboard:
    uid: str
    title: str
    folder: str
    content: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """All that one run is to bring about. `folder`: the folders' title where one was named."""

    languages: tuple[Language, ...] = ("en", "zh")
    folder: str = ""
    database: Database | None = None
    webhook: str = ""
    mail: tuple[str, ...] = ()
    overwrite: bool = False
    generated: Path = field(default_factory=lambda: GENERATED)
    release: str = field(default_factory=lambda: version("feederline"))

    def __post_init__(self) -> None:
        """Raises InvalidInputError naming every fault of the options."""
        faults = []
        if self.folder and (self.folder != self.folder.strip() or not self.folder.isprintable()):
            faults.append(f"--folder {self.folder!r} is no title")
        if len(self.folder) > 150:
            faults.append("--folder is longer than 150 characters")
        if self.webhook and not _is_web(self.webhook):
            faults.append("--alerts-to is no address such as https://desk.example/hooks/grafana")
        faults += [
            f"--alerts-email {text!r} is no address" for text in self.mail if not _MAIL.fullmatch(text)
        ]
        if faults:
            raise InvalidInputError(faults)

    def titles(self) -> Iterator[tuple[str, str]]:
        """Folder's uid and title, in the order in which they are made."""
        title = self.folder or DEFAULT_FOLDER
        for language in self.languages:
            chinese = language == "zh" and (len(self.languages) > 1 or not self.folder)
            yield FOLDERS[language], f"{title} 中文" if chinese else title
        yield ALERT_FOLDER, f"{title} alerts"

    def dashboards(self) -> list[Dashboard]:
        """Of every language that is wanted. Raises InvalidInputError where the files are not there."""
        found = []
        for language in self.languages:
            files = sorted((self.generated / language).glob("*.json"))
            if not files:
                raise InvalidInputError([f"no dashboards in {self.generated / language}"])
            for file in files:
                content = _read(file)
                found.append(
                    Dashboard(
                        uid=content["uid"], title=content["title"], folder=FOLDERS[language], content=content
                    )
                )
        return found

    def rule_groups(self) -> list[dict[str, Any]]:
        """As in the provisioning file; they name the English dashboards, unless only the Chinese are wanted."""
        groups: list[dict[str, Any]] = _read(self.generated / "alerting/rules.json")["groups"]
        if "en" not in self.languages:
            for rule in (rule for group in groups for rule in group["rules"]):
                rule["annotations"]["dashboard"] += "-zh"
        return groups

    def route(self) -> dict[str, Any]:
        """The route to our contact point, as the provisioned policy has it."""
        (policy,) = _read(self.generated / "alerting/policies.json")["policies"]
        (route,) = policy["routes"]
        return dict(route)


def _read(file: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise InvalidInputError([f"{file}: {exc}"]) from exc
    return content


def _is_web(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and not re.search(r"\s", url)
    except ValueError:
        return False
