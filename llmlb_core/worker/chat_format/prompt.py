"""The prompt of a conversation: its template found, its messages rendered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from attrs import frozen

from llmlb_core.contracts.engine import TextEngine
from llmlb_core.domain.chat import ChatRequest
from llmlb_core.domain.models import LocalModel
from llmlb_core.errors import EngineFailed, InvalidRequest
from llmlb_core.worker.chat_format.harmony import FINAL_CHANNEL
from llmlb_core.worker.chat_format.messages import template_messages
from llmlb_core.worker.chat_format.reasoning import open_tags
from llmlb_core.worker.chat_format.template import GENERIC_TEMPLATE, Template, TemplateBroken, TemplateRefused, compile_template
from llmlb_core.worker.chat_format.template_traits import traits_of
from llmlb_core.worker.chat_format.tool_prompt import CALL_OPENING, tool_section
from llmlb_core.worker.chat_format.tools import OfferedTool

_BEGIN_TOKENS = (
    "<s>",
    "<bos>",
    "[BOS]",
    "<|begin_of_text|>",
    "<|startoftext|>",
    "<｜begin▁of▁sentence｜>",
    "<|START_OF_TURN_TOKEN|>",
)

Form = Literal["free", "json", "call"]
"""What the model may write: anything, JSON that fits a schema from its first token on, or such JSON that is a tool call."""


@frozen
class Prompt:
    """A rendered conversation.

    Attributes:
        add_special: Whether the tokenizer still has to add its begin token.
        stop: Strings that end the model's turn where its own end token may not.
        opened: The reasoning tags that the prompt ends within.
        is_harmony: Whether the answer comes in channels.
    """

    text: str
    add_special: bool
    stop: tuple[str, ...] = ()
    opened: tuple[str, str] | None = None
    is_harmony: bool = False


def template_of(engine: TextEngine, model: LocalModel) -> Template:
    """Return the chat template: of settings, of the loaded model, of its header, or a generic one.

    Raises:
        EngineFailed: It is not a template.
    """
    source = model.chat_template or engine.chat_template() or model.facts.chat_template or GENERIC_TEMPLATE
    try:
        return compile_template(source)
    except TemplateBroken as error:
        raise EngineFailed(
            f"The chat template of model {model.id!r} cannot be read ({error}). "
            f'Set chat_template in [models."{model.id}"] to a good one.'
        ) from error


def render_chat(
    engine: TextEngine, model: LocalModel, request: ChatRequest, tools: Sequence[OfferedTool] = (), form: Form = "free"
) -> Prompt:
    """Return the prompt that asks for an answer to *request*, with *tools* offered, in *form*.

    Raises:
        InvalidRequest: The template refuses the messages.
        EngineFailed: The model's template is broken.
    """
    template = template_of(engine, model)
    traits = traits_of(template)
    described = [tool.described() for tool in tools] if traits.takes_tools else []
    section = tool_section(tools) if tools and not described else ""
    variables: dict[str, object] = {"bos_token": model.facts.bos_token, "eos_token": model.facts.eos_token}
    variables |= _thinking(request)
    begun = request.messages[-1].text if request.continues and form == "free" else ""
    try:
        messages = template_messages(request.messages[:-1] if begun else request.messages, traits, system_section=section)
        text = template.render(messages, tools=described or None, variables=variables)
    except TemplateRefused as error:
        raise InvalidRequest(
            f"The chat template of model {model.id!r} refuses these messages: {error}", param="messages"
        ) from error
    opened = open_tags(text)
    if begun:  # the answer begins so, and whatever was thought before it is over
        text += (f"\n{opened[1]}\n\n" if opened else FINAL_CHANNEL if traits.is_harmony else "") + begun
        opened = None
    if form != "free":
        # The grammar holds from the first token on, so whatever the template opened before the answer is closed here.
        text += f"\n{opened[1]}\n\n" if opened else FINAL_CHANNEL if traits.is_harmony else ""
        opened = None
    if form == "call" and (section or "<tool_call>" in template.source):
        text += CALL_OPENING
    bos = model.facts.bos_token
    return Prompt(
        text,
        add_special=not text.startswith((bos, *_BEGIN_TOKENS) if bos else _BEGIN_TOKENS),
        stop=("<|im_end|>",) if template.source == GENERIC_TEMPLATE else (),
        opened=opened,
        is_harmony=traits.is_harmony and form == "free" and not begun,
    )


def _thinking(request: ChatRequest) -> dict[str, object]:
    """Return what templates of models that think ask for: how much, and whether at all."""
    effort, tokens = request.reasoning_effort, request.thinking_tokens
    names: dict[str, object] = {} if effort is None else {"reasoning_effort": effort}
    if effort is not None or tokens is not None:
        names["enable_thinking"] = tokens > 0 if tokens is not None else effort != "none"
    return names
