"""Takes content out of a document and leaves its structure: what was sent, of which kind and length, never what it said."""

from __future__ import annotations

import re
from typing import Any

_KEPT = frozenset(
    {
        *("model", "object", "type", "role", "id", "status", "code", "param", "finish_reason", "stop_reason"),
        *("call_id", "tool_call_id", "item_id", "response_id", "previous_response_id", "system_fingerprint", "service_tier"),
        *("encoding_format", "response_format", "format", "media_type", "detail", "effort", "reasoning_effort", "verbosity"),
        *("tool_choice", "truncation", "modalities", "include", "voice", "quality", "size", "language", "reason", "phase"),
    }
)
"""Names whose words are the protocol's own; the words of all others are somebody's."""
_CONTENT = frozenset({"content", "text", "prompt", "input", "output", "query", "refusal", "delta", "instructions", "arguments"})
"""Names whose numbers are content too."""
_OPAQUE = {
    **{name: name for name in ("arguments", "metadata", "logit_bias", "logprobs", "top_logprobs", "headers", "bytes")},
    "embedding": "vector",
}
"""Names whose lists and objects say what was said by their very members."""
_KINDS = {
    **dict.fromkeys(("user", "safety_identifier"), "identifier"),
    **dict.fromkeys(("b64_json", "image_url"), "image"),
    **dict.fromkeys(("file_data", "filename"), "file"),
    "audio": "audio",
    **{name: name for name in ("arguments", "url")},
    "embedding": "vector",
}
"""What is said of a text instead; of all others that it is a text."""
_MEDIA_OWNERS = {"input_audio": "audio", "audio": "audio", "image_url": "image", "source": "image", "file": "file"}
_BESIDE_A_NAME = frozenset({"parameters", "arguments", "schema", "strict", "input_schema"})
"""What has one of these is a tool or a schema, and its ``name`` is no person's."""
_WORD = re.compile(r"[\w.:/@+-]{1,128}", re.ASCII)
_CREDENTIAL_NAME = re.compile(
    r"(?i)(x[-_])?(api[-_]?key|authorization|password|passwd|(client[-_]?)?secret|(access|auth|bearer)[-_]?token)"
)
_CREDENTIAL = re.compile(r"(?i)bearer\s|(sk|pk|rk|gh[opsu]|hf|xox[a-z]|glpat)[-_]|eyJ[\w-]{8,}\.")
_DATA_URL = re.compile(r"data:([\w.+-]+)/([\w.+-]+)?[;,]")
_MEDIA_CHARACTERS = 256
"""A text this long under a name for media is media."""


def masked(document: Any) -> Any:
    """Return *document* with every text replaced by ``{"masked": kind, "length": characters}``.

    Kept are names, roles, kinds, ids, model, parameters, usage, finish reasons; their words only where they look like words.
    """
    return _masked(document, "", "")


def without_media(document: Any) -> Any:
    """Return *document* as it is, but for credentials that have a name, and images, sounds and files that stand in it."""
    return _without_media(document, "", "")


def _masked(value: Any, name: str, owner: str) -> Any:
    if isinstance(value, dict | list) and name in _OPAQUE:
        return _mark(_OPAQUE[name], len(value))
    if isinstance(value, dict):
        return _mark("arguments", len(value)) if name == "input" else _masked_object(value, name, owner)
    if isinstance(value, list):
        if name in ("prompt", "input") and value and all(_is_tokens(each) for each in value):
            return _mark("tokens", len(value))
        return [_masked(each, name, owner) for each in value]
    if isinstance(value, str):
        return value if name in _KEPT and _is_word(value) else _mark_text(value, name, owner)
    return _mark("number", 1) if name in _CONTENT and value is not None else value


def _masked_object(value: dict[str, Any], name: str, owner: str) -> dict[str, Any]:
    has_word = "function" in (name, owner) or not _BESIDE_A_NAME.isdisjoint(value)
    shown = {}
    for number, (key, each) in enumerate(value.items()):
        # Whoever may choose the names of members may write in them.
        shown_key = key if _is_word(key) else f"(masked name {number})"
        is_kept = key == "name" and has_word and isinstance(each, str) and _is_word(each)
        shown[shown_key] = each if is_kept else _masked(each, key, name)
    return shown


def _mark_text(value: str, name: str, owner: str) -> dict[str, Any]:
    found = _DATA_URL.match(value)
    if found is not None:
        kind = found[1] if found[1] in ("image", "audio", "video") else "file"
        return {**_mark(kind, len(value)), "media_type": f"{found[1]}/{found[2] or ''}"}
    if _CREDENTIAL_NAME.fullmatch(name):
        return _mark("credential", len(value))
    kind = _KINDS.get(name, "text")
    return _mark(_MEDIA_OWNERS.get(owner, kind) if name in ("data", "url", "file_data") else kind, len(value))


def _without_media(value: Any, name: str, owner: str) -> Any:
    if isinstance(value, dict):
        if name == "headers":
            return {key: _mark("credential", len(str(each))) for key, each in value.items()}
        return {key: _without_media(each, key, name) for key, each in value.items()}
    if isinstance(value, list):
        return [_without_media(each, name, owner) for each in value]
    if isinstance(value, str):
        is_named_so = (name == "data" and owner in _MEDIA_OWNERS) or name in ("b64_json", "file_data", "audio")
        is_media = bool(_DATA_URL.match(value)) or (is_named_so and len(value) > _MEDIA_CHARACTERS)
        return _mark_text(value, name, owner) if is_media or _CREDENTIAL_NAME.fullmatch(name) else value
    return value


def _is_tokens(value: Any) -> bool:
    """Whether *value* is a token, or a list of tokens: numbers say what was said as well as words do."""
    if isinstance(value, list):
        return bool(value) and all(isinstance(each, int | float) for each in value)
    return isinstance(value, int | float)


def _is_word(text: str) -> bool:
    return bool(_WORD.fullmatch(text)) and not _CREDENTIAL.match(text)


def _mark(kind: str, length: int) -> dict[str, Any]:
    return {"masked": kind, "length": length}
