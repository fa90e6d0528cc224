"""YAML that means what it seems to say: no repeated key, no tags, no aliases, no surprising scalars.

ruamel.yaml reads and writes YAML 1.2; the classes here narrow it to plain content.
"""

from __future__ import annotations

import io
import re
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer, MaxDepthExceededError
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode
from ruamel.yaml.reader import ReaderError
from ruamel.yaml.representer import SafeRepresenter
from ruamel.yaml.resolver import BaseResolver, implicit_resolvers

from framework.base.errors import UserError

DEEPEST = 100
"""Levels of nesting; an experiment has a few."""


def read_yaml(text: str, where: str) -> Any:
    """The plain content of a YAML text; runs no code, whatever the text says.

    Raises:
        UserError: it is not YAML, or has a key twice, a tag, an anchor or an alias.
    """
    try:
        return _yaml().load(text)
    except MaxDepthExceededError:
        raise UserError(f"{where}: nested too deeply; an experiment has a few levels") from None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f", line {mark.line + 1}" if mark and "\n" in text else ""
        problem = error.problem or "it ends too early"
        if not isinstance(error, _Refused):
            problem = f"not valid YAML ({problem}); check indentation (no tabs), brackets, quotes"
        raise UserError(f"{where}{place}: {problem}") from None
    except ReaderError as error:
        raise UserError(
            f"{where}: has the control character {chr(error.character)!r}; remove it"
        ) from None
    except ValueError:  # a whole number of more than 4300 digits
        raise UserError(f"{where}: has a number that is too long to read") from None
    except RecursionError:  # brackets, which the scanner counts before the composer sees them
        raise UserError(f"{where}: nested too deeply; an experiment has a few levels") from None


def write_yaml(content: Any) -> str:
    """Plain content as YAML that `read_yaml` reads back equal, and so do readers of YAML 1.1."""
    out = io.StringIO()
    yaml = _yaml()
    yaml.Resolver = _AllScalars
    yaml.dump(content, out)
    return out.getvalue()


class _Refused(MarkedYAMLError):
    """Valid YAML that has no place in an experiment."""

    def __init__(self, problem: str, mark: Any) -> None:
        super().__init__(problem=problem, problem_mark=mark)


class _Scalars(BaseResolver):
    """The scalars of YAML 1.2's core schema without its octal and hexadecimal numbers.

    YAML 1.1 reads 'No' (nobelium) as false, 10:30 as 630, 010 as 8 and 1e-3 as a text; ruamel's
    own YAML 1.2 still reads 1_000 as a number and 2020-01-01 as a date.
    """

    processing_version = (1, 2)

    def __init__(self, version: Any = None, loader: Any = None) -> None:
        super().__init__(loader)
        self._loader_version = version  # which ruamel compares with its own


for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", [*"tTfF"]),
    ("int", r"[-+]?(0|[1-9][0-9]*)", [*"-+0123456789"]),
    (
        "float",
        r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+"
        r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        [*"-+.0123456789"],
    ),
):
    _Scalars.add_implicit_resolver_base(
        f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), _first
    )


class _AllScalars(_Scalars):
    """With all that YAML 1.1 reads as something else than a text, so that it is written quoted."""


for _, _tag, _regexp, _first in implicit_resolvers:
    _AllScalars.add_implicit_resolver_base(_tag, _regexp, _first)


class _Composer(Composer):
    """No tags, anchors or aliases."""

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        event = self.parser.peek_event()
        if getattr(event, "tag", None) is not None:
            raise _Refused(f"has the tag '{event.tag}'; write the plain value", event.start_mark)
        if getattr(event, "anchor", None) is not None:
            problem = f"has the anchor or alias '{event.anchor}'; write the value out"
            raise _Refused(problem, event.start_mark)
        node: Node | None = super().compose_node(parent, index)
        return node


class _Constructor(SafeConstructor):
    """Keys are texts, each of them once in its mapping."""

    def construct_scalar(self, node: Any) -> Any:
        text = super().construct_scalar(node)
        try:
            text.encode()
        except UnicodeEncodeError:
            problem = f"has {text[:60]!r}, half of a character; write the character itself"
            raise _Refused(problem, node.start_mark) from None
        return text

    def construct_mapping(self, node: MappingNode, deep: bool = False) -> Any:
        seen: set[str] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise _Refused(f"the key {key!r} is not a text", key_node.start_mark)
            if key in seen:
                raise _Refused(f"the key '{key}' is listed twice; keep one", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


class _Representer(SafeRepresenter):
    """Everything written out in full, in the order given."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_str(self, data: str) -> ScalarNode:
        # some line ends (U+0085) would be folded where they have to be escaped
        style = None if data.isprintable() else '"'
        node: ScalarNode = self.represent_scalar("tag:yaml.org,2002:str", data, style=style)
        return node

    def represent_float(self, data: float) -> ScalarNode:
        node: ScalarNode = super().represent_float(data)
        if "." not in node.value:
            node.value = node.value.replace("e", ".0e")  # 1e-05 is a text in YAML 1.1
        return node


_Representer.add_representer(str, _Representer.represent_str)
_Representer.add_representer(float, _Representer.represent_float)


def _yaml() -> YAML:
    """A reader and writer for one text: ruamel's keeps what it is at."""
    yaml = YAML(typ="safe", pure=True)
    yaml.Resolver, yaml.Composer = _Scalars, _Composer
    yaml.Constructor, yaml.Representer = _Constructor, _Representer
    yaml.max_depth = DEEPEST
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    return yaml
