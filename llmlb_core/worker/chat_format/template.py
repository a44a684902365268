"""Chat templates: Jinja sources that models carry, rendered as their authors' tools render them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache, lru_cache
from typing import TYPE_CHECKING, NoReturn

from attrs import frozen

if TYPE_CHECKING:
    from jinja2 import Environment
    from jinja2 import Template as JinjaTemplate

GENERIC_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
"""ChatML, for a model that carries no template."""


class TemplateBroken(Exception):
    """The source is not a template."""


class TemplateRefused(Exception):
    """The template raised while it rendered; the text is its own message where it has one."""


@frozen
class Template:
    """A compiled chat template.

    Attributes:
        source: As the model carries it.
    """

    source: str
    _compiled: JinjaTemplate

    def render(
        self,
        messages: Sequence[Mapping[str, object]],
        *,
        tools: Sequence[Mapping[str, object]] | None = None,
        variables: Mapping[str, object] | None = None,
    ) -> str:
        """Return the prompt for an answer to *messages*.

        Args:
            messages: As ``apply_chat_template`` of ``transformers`` takes them.
            tools: Function descriptions, or None to offer none.
            variables: Further names, such as ``bos_token``.

        Raises:
            TemplateRefused: It cannot or does not want to render these.
        """
        import jinja2

        try:
            return self._compiled.render({**(variables or {}), "messages": messages, "tools": tools, "add_generation_prompt": True})
        except jinja2.TemplateError as error:
            raise TemplateRefused(error.message or type(error).__name__) from error
        except Exception as error:  # a template is a program by somebody else; what it does with odd messages is its answer
            raise TemplateRefused(f"{type(error).__name__}: {error}") from error


@lru_cache(maxsize=16)
def compile_template(source: str) -> Template:
    """Return *source* compiled; the last few are remembered.

    Raises:
        TemplateBroken: Not Jinja; says where.
    """
    import jinja2

    try:
        return Template(source, _environment().from_string(source))
    except jinja2.TemplateSyntaxError as error:
        raise TemplateBroken(f"line {error.lineno}: {error.message}") from error


@cache
def _environment() -> Environment:
    """Return the environment that ``transformers`` uses: sandboxed, values immutable, the same names."""
    import jinja2
    from jinja2.ext import Extension, loopcontrols
    from jinja2.nodes import Node
    from jinja2.parser import Parser
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(Extension):
        """``{% generation %}`` marks the assistant's text for training; here it only has to parse."""

        tags = {"generation"}  # noqa: RUF012  # as Jinja declares it

        def parse(self, parser: Parser) -> list[Node]:
            next(parser.stream)
            return parser.parse_statements(("name:endgeneration",), drop_needle=True)

    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols, Generation])

    def raise_exception(message: str) -> NoReturn:
        raise jinja2.TemplateError(message)

    names: dict[str, Callable[..., object]] = {"raise_exception": raise_exception, "strftime_now": _strftime_now}
    environment.globals.update(names)
    environment.filters["tojson"] = _tojson
    return environment


def _strftime_now(form: str) -> str:
    """Return the local time, as templates write the date into system prompts."""
    return datetime.now().astimezone().strftime(form)


def _tojson(
    value: object,
    ensure_ascii: bool = False,  # noqa: FBT001, FBT002  # positional in templates
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,  # noqa: FBT001, FBT002  # positional in templates
) -> str:
    """Dump JSON without the HTML escapes of Jinja's own filter, which models never saw in training."""
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)
