"""The chat template of the echo engine, and the way back from a prompt to what the user said."""

from __future__ import annotations

TEMPLATE = (
    "{% for message in messages %}<|{{ message.role }}|>{{ message.content | replace('<|', '<||') }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
"""One line a message: ``<|user|>text<|end|>``. ``<|`` in a text is doubled, so that no text can look like a mark."""


def last_user_text(prompt: str) -> str:
    """Return the text of the last user message in *prompt*; all of it where it is no conversation."""
    start = prompt.rfind("<|user|>")
    if start < 0:
        return prompt
    text = prompt[start + len("<|user|>") :]
    end = text.find("<|end|>")
    return (text if end < 0 else text[:end]).replace("<||", "<|")
