"""`feederline token`, and what commands show a running gateway."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from gateway.api.access import tokens
from gateway.api.settings import AccessSettings
from gateway.cli import app
from gateway.cli.remote import TOKEN_VARIABLE, Credentials, ask, credentials
from gateway.core.errors import InvalidInputError, RefusedError, UnavailableError
from tests.integration.store_world import ready_store, rows, settings_for
from tests.integration.test_api_server import LOOPBACK, serving
from tests.integration.test_cli import EXAMPLES
from tests.signing import make_token


@pytest.fixture
def config(tmp_path: Path, postgres_url: str) -> Path:
    """The example site on an empty database."""
    shutil.copytree(EXAMPLES, tmp_path / "site")
    file = tmp_path / "site" / "feederline.yaml"
    document = yaml.safe_load(file.read_text())
    document["database"] = {"url": settings_for(postgres_url).url}
    file.write_text(yaml.safe_dump(document))
    return file


async def run(*words: str | Path) -> tuple[str, str]:
    """Standard output and standard error of a command that succeeds."""
    done = await asyncio.to_thread(
        CliRunner().invoke, app, ["token", *map(str, words)], catch_exceptions=False
    )
    assert done.exit_code == 0, done.output
    return done.stdout, done.stderr


async def told(*words: str | Path) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads((await run(*words, "--json"))[0].splitlines()[-1])
    return answer


async def test_the_first_token_is_made_before_anything_runs(config: Path, postgres_url: str) -> None:
    made = ("create", "-c", config, "--name", "desk", "--role", "operator", "--below", "T1", "--by", "Wu")
    out, err = await run(*made)
    text = out.strip()
    given = tokens.read(text)
    assert given is not None
    assert text not in err
    assert "shown this once" in err
    (kept,) = await rows(
        postgres_url,
        "select token_id, name, role, below, created_by, secret_hash, expires_at - created_at from access_token",
    )
    assert kept[:5] == (given.id, "desk", "operator", ["T1"], "Wu")
    assert kept[5] == given.hash
    assert str(kept[6]).startswith("90 days")

    more = await told("create", "-c", config, "--name", "boss", "--role", "admin", "--days", "400")
    assert tokens.read(more["token"]) is not None
    listed = (await run("list", "-c", config))[0]
    assert "operator below T1  desk: good until" in listed
    assert text.split("_", 2)[2] not in listed + json.dumps(await told("list", "-c", config))
    gone = await told("revoke", given.id, "-c", config, "--by", "Chen")
    assert (gone["revoked_by"], gone["name"]) == ("Chen", "desk")
    again = await told("revoke", text, "-c", config, "--by", "Li")
    assert again["revoked_by"] == "Chen", "who was first stays on record"
    assert (await run("revoke", given.id, "-c", config))[0].startswith(f"was revoked before: {given.id} ")
    first = (await run("revoke", more["id"], "-c", config, "--by", "Wu"))[0]
    assert first.startswith(more["id"])
    changed = "select detail -> 'changed' from audit where action = 'token.revoke' order by audit_id"
    assert await rows(postgres_url, changed) == [(True,), (False,), (False,), (True,)]
    actions = "select action, object, actor, origin from audit where audit_id <= 4 order by audit_id"
    assert [(row[0], row[2]) for row in await rows(postgres_url, actions)] == [
        ("token.create", "Wu"),
        ("token.create", more["created_by"]),
        ("token.revoke", "Chen"),
        ("token.revoke", "Li"),
    ]


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["--below", "nowhere"], "--below 'nowhere' is not a node"),
        (["--days", "401"], "1 to 400 days"),
        (["--days", "0"], "1 to 400 days"),
        (["--name", " "], "--name"),
        (["--name", "a\nb"], "--name"),
        (["--by", "x" * 101], "--by"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_made(
    config: Path, words: list[str], fault: str
) -> None:
    command = ["token", "create", "-c", str(config), "--name", "desk", "--role", "viewer", *words]
    with pytest.raises(InvalidInputError, match=fault):
        CliRunner().invoke(app, command, catch_exceptions=False)
    with pytest.raises(InvalidInputError, match="there is no token"):
        CliRunner().invoke(app, ["token", "revoke", "none", "-c", str(config)], catch_exceptions=False)


async def test_commands_show_the_token_that_they_are_given(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    async with ready_store(postgres_url) as store:
        _, text = await make_token(store)
        async with serving(store, settings=LOOPBACK, access=AccessSettings()) as url:
            path = f"{url}/api/session"
            with pytest.raises(
                RefusedError, match="wants to know who asks; make a token with feederline token"
            ):
                await ask("GET", path)
            monkeypatch.setenv(TOKEN_VARIABLE, "wrong")
            with pytest.raises(RefusedError, match="does not know the token"):
                await ask("GET", path)
            monkeypatch.setenv(TOKEN_VARIABLE, f" {text}\n")
            assert (await ask("GET", path))["name"] == "Li Wei"
            (tmp_path / "token").write_text(f"{text}\n")
            monkeypatch.setenv(TOKEN_VARIABLE, "wrong")
            assert (await ask("GET", path, shown=credentials(tmp_path / "token")))["name"] == "Li Wei"


async def test_a_token_does_not_travel_in_the_clear(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="not encrypted"):
        await ask("GET", "http://gateway.example/api/session", shown=Credentials("fdl_x"))
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "more").write_text("one two")
    for name, fault in (("empty", "is empty"), ("more", "holds more than a token"), ("none", "No such file")):
        with pytest.raises(InvalidInputError, match=fault):
            credentials(tmp_path / name)
    with pytest.raises(InvalidInputError, match="--ca-file"):
        await ask("GET", "https://127.0.0.1:1/", shown=Credentials(ca_file=tmp_path / "none"))
    with pytest.raises(UnavailableError):
        await ask("GET", "https://127.0.0.1:1/", shown=Credentials("fdl_x"))
    assert "fdl_x" not in repr(Credentials("fdl_x"))
