"""``POST /v1/images/…``: JSON and forms as an ``ImageRequest``."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from typing import Literal, TypeVar

from llmlb_core import Blob, Decoded, Form, ImageRequest
from llmlb_core.errors import InvalidRequest, UnsupportedParameter
from llmlb_dialect_openai.decode.form import form_boolean
from llmlb_dialect_openai.decode.parameters import ignored_names, read_hints
from llmlb_dialect_openai.fields import Fields

MAX_PROMPT_CHARACTERS = 4000
MAX_N = 10
MAX_STEPS = 100
MAX_PREVIEWS = 3
RESPONSE_FORMATS = ("url", "b64_json")
_MAX_SEED = 2**53 - 1
_SIZE = re.compile(r"([1-9]\d{0,3})x([1-9]\d{0,3})")
_QUALITIES = ("standard", "hd", "auto", "low", "medium", "high")
_INTEGERS = ("n", "steps", "seed", "partial_images", "output_compression")
_NUMBERS = ("guidance_scale",)
# What asks for nothing that could be had otherwise here.
_WITHOUT_EFFECT = ("moderation", "output_compression", "input_fidelity")

Task = Literal["generate", "edit", "vary"]
T = TypeVar("T")


def decode_image(fields: Fields) -> Decoded:
    """Read and check the body of ``/v1/images/generations``."""
    return _decode(fields, "generate", bool(fields.boolean("stream")))


def decode_image_edit(form: Form) -> Decoded:
    """Read and check the form of ``/v1/images/edits``."""
    fields = _fields_of(form)
    return _decode(fields, "edit", form_boolean(form, "stream"), _picture(form, "image"), _mask(form))


def decode_image_variation(form: Form) -> Decoded:
    """Read and check the form of ``/v1/images/variations``."""
    fields = _fields_of(form)
    if form_boolean(form, "stream"):
        raise UnsupportedParameter("Variations are not streamed: leave 'stream' out.", param="stream")
    return _decode(fields, "vary", False, _picture(form, "image"))


def _decode(fields: Fields, task: Task, streams: bool, image: Blob | None = None, mask: Blob | None = None) -> Decoded:  # noqa: FBT001  # of this file
    fields.string("model")
    read_hints(fields)
    fields.one_of("response_format", RESPONSE_FORMATS)
    _check_output(fields)
    previews = _coded(lambda: fields.integer("partial_images", 0, MAX_PREVIEWS), "invalid_partial_images") or 0
    ignored = [name for name in _WITHOUT_EFFECT if fields.value(name) is not None]
    if previews and not streams:
        ignored.append("partial_images")
    prompt = _prompt(fields) if task != "vary" else ""
    width, height = _size(fields)
    request = ImageRequest(
        task=task,
        prompt=prompt,
        negative_prompt=fields.string("negative_prompt", max_length=MAX_PROMPT_CHARACTERS) if task != "vary" else None,
        n=_coded(lambda: fields.integer("n", 1, MAX_N), "invalid_n") or 1,
        width=width,
        height=height,
        steps=_coded(lambda: fields.integer("steps", 1, MAX_STEPS), "invalid_steps"),
        guidance=fields.number("guidance_scale", 0, 50),
        seed=fields.integer("seed", 0, _MAX_SEED),
        quality="hd" if fields.one_of("quality", _QUALITIES) in ("hd", "high") else "standard",
        style="natural" if fields.one_of("style", ("vivid", "natural")) == "natural" else "vivid",
        image=image,
        mask=mask,
        wants_steps=streams,
        previews=previews if streams else 0,
    )
    fields.value("stream")
    return Decoded(request, ignored_names([*ignored, *fields.unread]))


def _prompt(fields: Fields) -> str:
    if fields.value("prompt") is None:
        raise InvalidRequest("Missing required parameter: 'prompt'.", param="prompt", code="missing_prompt")
    prompt = fields.string("prompt", max_length=MAX_PROMPT_CHARACTERS) or ""
    if not prompt.strip():
        raise InvalidRequest("The prompt is empty: say what is to be drawn.", param="prompt", code="empty_prompt")
    return prompt


def _size(fields: Fields) -> tuple[int | None, int | None]:
    """Return width and height; which ones a model draws, it says itself."""
    size = _coded(lambda: fields.string("size"), "invalid_size")
    if size == "auto":
        return None, None
    found = _SIZE.fullmatch(size or "1024x1024")
    if found is None:
        raise InvalidRequest(
            f"Invalid value for 'size': expected WIDTHxHEIGHT such as '1024x1024', or 'auto', but got {str(size)[:64]!r}.",
            param="size",
            code="invalid_size",
        )
    return int(found[1]), int(found[2])


def _check_output(fields: Fields) -> None:
    """Refuse what answers cannot be: they are PNG files without transparency."""
    for name, options, only in (
        ("output_format", ("png", "jpeg", "webp"), ("png",)),
        ("background", ("transparent", "opaque", "auto"), ("opaque", "auto")),
    ):
        value = fields.one_of(name, options)
        if value is not None and value not in only:
            raise UnsupportedParameter(f"'{name}' can be {' or '.join(only)} here, not {value}: leave it out.", param=name)


def _coded(read: Callable[[], T], code: str) -> T:
    """Read a parameter whose errors have one code of their own (ae3f974e-I1)."""
    try:
        return read()
    except InvalidRequest as error:
        error.code = code
        raise


def _fields_of(form: Form) -> Fields:
    """Return the fields of *form* as JSON would have them: numbers are numbers."""
    table: dict[str, object] = {}
    for name, value in form.fields:
        table[name] = value
        for names, kind in ((_INTEGERS, int), (_NUMBERS, float)):
            if name in names:
                # What is no number is told by whoever reads it as one.
                with contextlib.suppress(ValueError):
                    table[name] = kind(value) if value.isascii() and "_" not in value else value
    return Fields(table)


def _picture(form: Form, name: str) -> Blob:
    files = [file for file in form.files if file.name in (name, f"{name}[]")]
    if len(files) > 1:
        raise InvalidRequest(
            f"{len(files)} pictures were sent, and one is worked on at a time.", param=name, code="too_many_images"
        )
    if not files:
        hint = f"; it came as a field, send it as a file: -F {name}=@picture.png" if form.texts(name) else ""
        raise InvalidRequest(f"Missing required file: '{name}'{hint}.", param=name, code="missing_image")
    return files[0].blob


def _mask(form: Form) -> Blob | None:
    if form.file("mask") is None and not form.texts("mask"):
        return None
    return _picture(form, "mask")
