"""Strict YAML: what data comes out, in which line it stands, and that nothing but a told fault comes of the rest."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core import yamlfile
from gateway.core.errors import InvalidInputError
from gateway.core.yamlfile import YamlFile


def faults_of(text: str) -> tuple[str, ...]:
    with pytest.raises(InvalidInputError) as caught:
        YamlFile(text, "f.yaml")
    return caught.value.faults


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("7", 7),
        ("+7", 7),
        ("-7", -7),
        ("010", 10),  # not octal
        ("0x0014", 20),
        ("0xfF", 255),
        ("-0x5", "-0x5"),
        ("1_000", "1_000"),
        ("0o17", "0o17"),
        ("0b11", "0b11"),
        ("1:30", "1:30"),  # not minutes
        ("2026-03-01", "2026-03-01"),
        ("yes", "yes"),
        ("off", "off"),
        ("true", True),
        ("FALSE", False),
        ("tRue", "tRue"),
        ("~", None),
        ("null", None),
        ("", None),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1.", 1.0),
        ("1e3", 1000.0),
        ("-.inf", -math.inf),
        ("1e400", math.inf),
        ("'0x14'", "0x14"),
        ("!!str 5", "5"),
        ("=", "="),
        ("9" * 40, int("9" * 40)),
        ("[1, {b: 2}]", [1, {"b": 2}]),
    ],
)
def test_what_is_written_is_what_is_meant(written: str, value: object) -> None:
    found = YamlFile(f"a: {written}\n", "f.yaml").data
    assert found == {"a": value}
    assert type(found["a"]) is type(value)


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "---\n"])
def test_an_empty_document_is_none(text: str) -> None:
    file = YamlFile(text, "f.yaml")
    assert file.data is None
    assert file.place(("a",)) == "f.yaml"


def test_anchors_are_plain_data_and_merge_keys_are_words() -> None:
    """YAML 1.2 has no merging, and nested merges grow without bound."""
    text = "x: &x {a: 1, b: 2}\ny: {<<: *x, b: 3}\nz: *x\n"
    assert YamlFile(text, "f.yaml").data == {
        "x": {"a": 1, "b": 2},
        "y": {"<<": {"a": 1, "b": 2}, "b": 3},
        "z": {"a": 1, "b": 2},
    }


def test_every_part_has_its_line() -> None:
    text = """# a comment
a:
  - b: 1
    c: {d: 2,
        e: 3}

  -   7
'5': 6
"""
    file = YamlFile(text, "f.yaml")
    for path, line in (
        (("a",), 2),
        (("a", 0), 3),
        (("a", 0, "b"), 3),
        (("a", 0, "c", "d"), 4),
        (("a", 0, "c", "e"), 5),
        (("a", 1), 7),
        (("a", 1, "deeper"), 7),
        (("a", 2), 2),  # not there: the innermost that is
        (("a", "b"), 2),
        (("a", 0, "x"), 3),
        ((5,), 8),
        (("x",), None),
        ((), None),
    ):
        assert file.line(path) == line, path
        assert file.place(path) == (f"f.yaml line {line}" if line else "f.yaml")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a: 1\nb: 2\na: 3\n", "f.yaml line 3: a stands there twice, first in line 1"),
        ("a:\n  - {b: 1,\n     b: 2}\n", "f.yaml line 3: b stands there twice, first in line 2"),
        ("a: 1\n'a': 2\n", "f.yaml line 2: a stands there twice, first in line 1"),
        ("a: 1\n? [b]\n: c\n", "f.yaml line 2: a key must be a plain word"),
        ("5: x\n", "f.yaml line 1: a key must be a plain word"),
        ("a: 1\ntrue: x\n", "f.yaml line 2: a key must be a plain word"),
        ("~: x\n", "f.yaml line 1: a key must be a plain word"),
        (
            "a: !!set {b}\n",
            "f.yaml line 1: not YAML: could not determine a constructor for the tag 'tag:yaml.org,2002:set'",
        ),
        (
            "a: !!timestamp 2020\n",
            "f.yaml line 1: not YAML: could not determine a constructor for the tag 'tag:yaml.org,2002:timestamp'",
        ),
        (
            "a: !!binary aGk=\n",
            "f.yaml line 1: not YAML: could not determine a constructor for the tag 'tag:yaml.org,2002:binary'",
        ),
        (
            "a: !!python/name:os.system x\n",
            "f.yaml line 1: not YAML: could not determine a constructor for the tag",
        ),
        ("a: !mine x\n", "f.yaml line 1: not YAML: could not determine a constructor for the tag '!mine'"),
        ("a: !!bool maybe\n", "f.yaml: not usable: "),
        ("a: !!float ''\n", "f.yaml: not usable: "),
        ("a: !!int x\n", "f.yaml: not usable: "),
        ("a: 1\nb: [\n", "f.yaml line 3: not YAML: "),
        ("a: 1\n\tb: 2\n", "f.yaml line 2: not YAML: "),
        ("a: *none\n", "f.yaml line 1: not YAML: found undefined alias"),
        ("a: 1\n---\nb: 2\n", "f.yaml line 2: not YAML: but found another document"),
        ("a: \x01\n", "f.yaml: not YAML: special characters are not allowed"),
        ("a:\n  " + "[" * 60 + "]" * 60, "f.yaml line 2: nested too deeply"),
        ("[" * 100_000, "f.yaml line 1: nested too deeply"),
        ("{a: " * 50_000, "f.yaml line 1: nested too deeply"),
    ],
)
def test_what_is_refused_is_told_with_its_line(text: str, fault: str) -> None:
    (told,) = faults_of(text)
    assert told.startswith(fault)


def test_all_repeated_and_odd_keys_are_told_in_their_order() -> None:
    assert faults_of("a: {b: 1, b: 2}\n? []\n: {c: 1, c: 2}\na: 3\n") == (
        "f.yaml line 2: a key must be a plain word",
        "f.yaml line 4: a stands there twice, first in line 1",
        "f.yaml line 1: b stands there twice, first in line 1",
        "f.yaml line 3: c stands there twice, first in line 3",
    )


def test_aliases_do_not_multiply_and_may_go_in_circles() -> None:
    levels = "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 40))
    data = YamlFile("a0: &a0 [x, x]\n" + levels, "f.yaml").data
    assert data["a39"][0] is data["a38"]
    circle = YamlFile("a: &a [*a]\n", "f.yaml").data["a"]
    assert circle[0] is circle


def test_the_number_of_entries_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yamlfile, "_MAX_NODES", 100)
    assert faults_of("[" + "1," * 200 + "]") == ("f.yaml: more than 100 entries",)


def test_files_are_read_with_or_without_a_byte_order_mark(tmp_path: Path) -> None:
    file = tmp_path / "f.yaml"
    file.write_bytes(b"\xef\xbb\xbfa: \xc3\xa9\r\nb: 2\r\n")
    document = YamlFile.read(file)
    assert document.data == {"a": "é", "b": 2}
    assert document.place(("b",)) == "f.yaml line 2"


@pytest.mark.parametrize(
    ("content", "fault"),
    [(b"a: \xff", "f.yaml: byte 3 is not UTF-8"), (None, "No such file or directory")],
)
def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, content: bytes | None, fault: str) -> None:
    file = tmp_path / "f.yaml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(InvalidInputError, match=fault):
        YamlFile.read(file)


_TOKENS = [
    *"ab:-[]{},?~=#%>'\"\\ \n\t\x00\ud800", ": ", "- ", "? ", "  ", "|\n", "&x ", "*x", "<<", "0x1", "1e9", "---\n",
    "...\n", "!!int ", "!!float ", "!!bool ", "!!null ", "!!set ", "!!omap ", "!!map ", "!!seq ", "!!str ",
    "!!timestamp ", "!t ",
]  # fmt: skip


@given(st.lists(st.sampled_from(_TOKENS), max_size=14).map("".join) | st.text(max_size=30))
def test_any_text_is_plain_data_or_a_told_fault(text: str) -> None:
    faults: tuple[str, ...] = ()
    try:
        _plain(YamlFile(text, "f.yaml").data, 0)
    except InvalidInputError as exc:
        faults = exc.faults or ("",)
    assert all(fault.startswith("f.yaml") for fault in faults)


def _plain(data: object, depth: int) -> None:
    assert isinstance(data, dict | list | str | int | float | None)
    if depth < 5 and isinstance(data, dict):
        assert all(isinstance(key, str) for key in data)
        for value in data.values():
            _plain(value, depth + 1)
    elif depth < 5 and isinstance(data, list):
        for value in data:
            _plain(value, depth + 1)
