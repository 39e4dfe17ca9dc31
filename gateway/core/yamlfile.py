"""YAML as people write configuration: one document of plain data, read strictly, with the line of every key.

Strict means: a key stands once, keys are plain words, `yes`, `1:30` and dates are text and not something else, nesting
is bounded. What is wrong is told with file and line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from gateway.core.errors import InvalidInputError

_MAX_DEPTH = 50
_MAX_NODES = 1_000_000


class _Loader(yaml.SafeLoader):
    """Resolves what YAML 1.2 calls its core schema, and nothing of YAML 1.1 beyond."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("tag:yaml.org,2002:bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("tag:yaml.org,2002:int", r"^(?:[-+]?[0-9]{1,40}|0x[0-9a-fA-F]{1,32})$", "-+0123456789"),
    (
        "tag:yaml.org,2002:float",
        r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]{1,6})?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$",
        "-+.0123456789",
    ),
    ("tag:yaml.org,2002:null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
):
    _Loader.add_implicit_resolver(_tag, re.compile(_pattern), list(_first))


_WORD = "tag:yaml.org,2002:str"


def _whole(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    text = str(loader.construct_scalar(node))
    return int(text, 16) if text.lower().startswith("0x") else int(text)


_Loader.yaml_constructors = {
    tag: construct
    for tag, construct in yaml.SafeLoader.yaml_constructors.items()
    if tag is None or tag.rpartition(":")[2] in {"map", "seq", "str", "float", "bool", "null"}
}
_Loader.add_constructor("tag:yaml.org,2002:int", _whole)


class YamlFile:
    """data: dicts, lists, text, numbers, booleans and None;  `line` finds where something stands."""

    def __init__(self, text: str, name: str) -> None:
        """Raises InvalidInputError: `feederline.yaml line 12: …`."""
        self.name = name
        self._root = _composed(text, name)
        faults: list[str] = []
        if self._root is not None:
            _look_through(self._root, name, faults)
        if faults:
            raise InvalidInputError(faults)
        self.data: Any = _constructed(self._root, name) if self._root is not None else None

    @classmethod
    def read(cls, file: Path) -> YamlFile:
        """Raises InvalidInputError when the file cannot be read or is not such YAML."""
        try:
            text = file.read_bytes().decode("utf-8-sig")
        except OSError as exc:
            raise InvalidInputError([f"{file}: {exc.strerror}"]) from exc
        except UnicodeDecodeError as exc:
            raise InvalidInputError([f"{file.name}: byte {exc.start} is not UTF-8"]) from exc
        return cls(text, file.name)

    def line(self, path: Sequence[str | int]) -> int | None:
        """Line of the innermost part of `path` that stands in the document."""
        node, line = self._root, None
        for part in path:
            if isinstance(node, yaml.MappingNode):
                found = [(key, value) for key, value in node.value if key.value == str(part)]
                if not found:
                    break
                line, node = found[0][0].start_mark.line + 1, found[0][1]
            elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
                node = node.value[part]
                line = node.start_mark.line + 1
            else:
                break
        return line

    def place(self, path: Sequence[str | int]) -> str:
        """`feederline.yaml line 12`, or the file alone where the line is not known."""
        line = self.line(path)
        return f"{self.name} line {line}" if line else self.name


def _composed(text: str, name: str) -> yaml.Node | None:
    depth = 0
    try:
        for count, event in enumerate(yaml.parse(text, Loader=_Loader)):  # events do not recurse; nodes do
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > _MAX_DEPTH:
                mark = event.start_mark
                raise InvalidInputError([f"{name} line {mark.line + 1 if mark else 1}: nested too deeply"])
            if count > _MAX_NODES:
                raise InvalidInputError([f"{name}: more than {_MAX_NODES} entries"])
        node: yaml.Node | None = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as exc:
        raise _not_yaml(exc, name) from exc
    return node


def _constructed(node: yaml.Node, name: str) -> Any:
    loader = _Loader("")
    try:
        return loader.construct_document(node)
    except yaml.YAMLError as exc:
        raise _not_yaml(exc, name) from exc
    except (ValueError, LookupError, RecursionError) as exc:  # a tag such as !!bool on what is none
        raise InvalidInputError([f"{name}: not usable: {exc}"]) from exc
    finally:
        loader.dispose()


def _not_yaml(exc: yaml.YAMLError, name: str) -> InvalidInputError:
    mark = getattr(exc, "problem_mark", None) or getattr(exc, "context_mark", None)
    where = f"{name} line {mark.line + 1}" if mark else name
    problem = getattr(exc, "problem", None) or getattr(exc, "reason", None) or "cannot be read"
    return InvalidInputError([f"{where}: not YAML: {problem}"])


def _look_through(root: yaml.Node, name: str, faults: list[str]) -> None:
    """A key that stands twice, or is not a plain word, is a fault; YAML itself would take the last."""
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if id(node) in seen:  # an alias; its anchor has been looked at
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting += reversed(node.value)
        elif isinstance(node, yaml.MappingNode):
            lines: dict[str, int] = {}
            for key, _ in node.value:
                line = key.start_mark.line + 1
                if not isinstance(key, yaml.ScalarNode) or key.tag != _WORD:
                    faults.append(f"{name} line {line}: a key must be a plain word")
                    continue
                if key.value in lines:
                    first = lines[key.value]
                    faults.append(
                        f"{name} line {line}: {key.value} stands there twice, first in line {first}"
                    )
                lines.setdefault(key.value, line)
            waiting += reversed([value for _, value in node.value])
