"""The prompt of a conversation: its template found, its messages rendered."""

from __future__ import annotations

from attrs import frozen

from llmlb_core.contracts.engine import TextEngine
from llmlb_core.domain.chat import ChatRequest
from llmlb_core.domain.models import LocalModel
from llmlb_core.errors import EngineFailed, InvalidRequest
from llmlb_core.worker.chat_format.template import GENERIC_TEMPLATE, Template, TemplateBroken, TemplateRefused, compile_template

_BEGIN_TOKENS = ("<s>", "<bos>", "<|begin_of_text|>", "<|startoftext|>", "<|begin▁of▁sentence|>", "<｜begin▁of▁sentence｜>")


@frozen
class Prompt:
    """A rendered conversation.

    Attributes:
        add_special: Whether the tokenizer still has to add its begin token.
        stop: Strings that end the model's turn, where its own end token may not.
    """

    text: str
    add_special: bool
    stop: tuple[str, ...] = ()


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


def render_chat(engine: TextEngine, model: LocalModel, request: ChatRequest) -> Prompt:
    """Return the prompt that asks for an answer to *request*.

    Raises:
        InvalidRequest: The template refuses the messages.
    """
    template = template_of(engine, model)
    facts = model.facts
    messages = [
        {"role": "system" if message.role == "developer" else message.role, "content": message.text} for message in request.messages
    ]
    try:
        text = template.render(messages, variables={"bos_token": facts.bos_token, "eos_token": facts.eos_token})
    except TemplateRefused as error:
        raise InvalidRequest(f"The model's chat template refuses these messages: {error}", param="messages") from error
    begins = text.startswith((facts.bos_token or _BEGIN_TOKENS[0], *_BEGIN_TOKENS))
    return Prompt(text, add_special=not begins, stop=("<|im_end|>",) if template.source is GENERIC_TEMPLATE else ())
