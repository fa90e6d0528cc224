"""YAML that means what it seems to say: no key twice, no tags, no aliases, no surprising scalars."""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import Any

import yaml
from yaml.reader import ReaderError

from framework.base.errors import UserError


def read_yaml(text: str, where: str) -> Any:
    """The plain content of a YAML text; runs no code, whatever the text says.

    Raises:
        UserError: it is not YAML, or holds a key twice, a tag, an anchor or an alias.
    """
    try:
        return yaml.load(text, Loader=_StrictLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f", line {mark.line + 1}" if mark and "\n" in text else ""
        problem = error.problem or "it ends too early"
        if not isinstance(error, _Refused):
            problem = f"not valid YAML ({problem}); check indentation (no tabs), brackets, quotes"
        raise UserError(f"{where}{place}: {problem}") from None
    except ReaderError as error:
        raise UserError(
            f"{where}: holds the control character {chr(error.character)!r}; take it out"
        ) from None
    except ValueError:  # a whole number of more than 4300 digits
        raise UserError(f"{where}: holds a number that is too long to read") from None
    except RecursionError:
        raise UserError(f"{where}: nested too deeply; an experiment has a few levels") from None


def write_yaml(content: Any) -> str:
    """Plain content as YAML that `read_yaml` reads back equal."""
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


class _Refused(yaml.MarkedYAMLError):
    """Valid YAML that has no place in an experiment."""


class _StrictLoader(yaml.SafeLoader):
    """YAML 1.2 scalars; no key twice, and no tags, anchors or aliases."""

    yaml_implicit_resolvers: dict[str, Any] = {}

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if getattr(event, "tag", None) is not None:
            problem = f"holds the tag {event.tag!r}; write the plain value"
            raise _Refused(problem=problem, problem_mark=event.start_mark)
        if getattr(event, "anchor", None) is not None:
            problem = f"holds the anchor or alias '{event.anchor}'; write the value out"
            raise _Refused(problem=problem, problem_mark=event.start_mark)
        return super().compose_node(parent, index)

    def construct_scalar(self, node: Any) -> Any:
        text = super().construct_scalar(node)
        try:
            text.encode()
        except UnicodeEncodeError:
            problem = f"holds {text[:60]!r}, half of a character; write the character itself"
            raise _Refused(problem=problem, problem_mark=node.start_mark) from None
        return text

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)  # type: ignore[no-untyped-call]
            if not isinstance(key, str):
                problem = f"the key {key!r} is not a text"
                raise _Refused(problem=problem, problem_mark=key_node.start_mark)
            if key in seen:
                problem = f"the key '{key}' stands twice; keep one"
                raise _Refused(problem=problem, problem_mark=key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


# YAML 1.1 reads 'No' (nobelium) as false, 10:30 as 630, 010 as 8 and 1e-3 as a text
_SCALARS = {
    "null": (r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    "bool": (r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    "int": (r"[-+]?(0|[1-9][0-9]*)", list("-+0123456789")),
    "float": (
        r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+"
        r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
}


class _Dumper(yaml.SafeDumper):
    """Quotes every text that YAML 1.1 or 1.2 would read as something else."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_str(self, data: str) -> yaml.ScalarNode:
        # PyYAML folds some line ends (U+0085) that it should escape
        style = None if data.isprintable() else '"'
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=style)


_Dumper.add_representer(str, _Dumper.represent_str)

for _tag, (_pattern, _first) in _SCALARS.items():
    for _class in (_StrictLoader, _Dumper):
        _class.add_implicit_resolver(  # type: ignore[no-untyped-call]
            f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), _first
        )
