"""The routes of pictures: bodies and forms read, answers and events written."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from llmlb_dialect_openai.dialect import OpenAIDialect
from llmlb_dialect_openai.pictures.gallery import Gallery
from openai.types import ImageEditStreamEvent, ImageGenStreamEvent, ImagesResponse
from pydantic import TypeAdapter

from llmlb_core import Blob, Call, DrawingStep, Form, FormFile, Head, ImageRequest, Picture, PictureFailed, Principal, Result
from llmlb_core.errors import EngineFailed, InvalidRequest

GENERATIONS, EDITS, VARIATIONS = "/v1/images/generations", "/v1/images/edits", "/v1/images/variations"
BODY: dict[str, Any] = {
    "model": "m",
    "prompt": "a red circle",
    "n": 2,
    "size": "1792x1024",
    "quality": "hd",
    "style": "natural",
    "response_format": "b64_json",
    "user": "me",
    "seed": 7,
    "steps": 30,
    "guidance_scale": 3,
    "negative_prompt": "green",
    "stream": True,
    "partial_images": 3,
}
PNG = FormFile("image", "a.png", "image/png", Blob(b"png"))
MASK = FormFile("mask", "m.png", "image/png", Blob(b"mask"))


def form_of(files: tuple[FormFile, ...] = (PNG,), **fields: object) -> Form:
    """Return a form as a client sends it: all values are text."""
    return Form(tuple((name, str(value)) for name, value in fields.items()), files)


def call_of(dialect: OpenAIDialect, path: str, sent: dict[str, Any] | Form) -> Call:
    """Return the call as the pipeline makes it."""
    (route,) = [route for route in dialect.routes if route.path == path]
    form = sent if isinstance(sent, Form) else None
    body = b"" if isinstance(sent, Form) else json.dumps(sent).encode()
    fields = dialect.parse(route, body) if form is None else dialect.parse_form(route, form)
    decoded = dialect.decode(route, body) if form is None else dialect.decode_form(route, form)
    head = Head("POST", path, "", {"host": "ai.example:8080"}, "", 0.0)
    call = Call("req-1", head, route, dialect, body, fields.model or "", bool(fields.stream), Principal("key:1"), 0.0, fields)
    call.request, call.ignored, call.form = decoded.request, decoded.ignored, form
    return call


def request_of(dialect: OpenAIDialect, path: str, sent: dict[str, Any] | Form) -> ImageRequest:
    """Return the canonical request."""
    request = call_of(dialect, path, sent).request
    assert isinstance(request, ImageRequest)
    return request


def written(dialect: OpenAIDialect, call: Call, *results: Result) -> bytes:
    """Return the whole answer."""
    renderer = dialect.renderer(call, "served")
    return b"".join(renderer.feed(result) for result in results) + renderer.end()


def test_every_parameter_is_read(dialect: OpenAIDialect):
    """OpenAI's, and the extensions of ae3f974e-I1."""
    assert ImageRequest(
        prompt="a red circle",
        negative_prompt="green",
        n=2,
        width=1792,
        height=1024,
        steps=30,
        guidance=3.0,
        seed=7,
        quality="hd",
        style="natural",
        wants_steps=True,
        previews=3,
    ) == request_of(dialect, GENERATIONS, BODY)


def test_little_is_needed(dialect: OpenAIDialect):
    """A prompt: the rest has the defaults of ae3f974e-F11."""
    assert ImageRequest(prompt="x", n=1, width=1024, height=1024) == request_of(dialect, GENERATIONS, {"model": "m", "prompt": "x"})
    assert (None, None) == (
        (auto := request_of(dialect, GENERATIONS, {"model": "m", "prompt": "x", "size": "auto"})).width,
        auto.height,
    )


def test_forms_are_read_as_bodies_are(dialect: OpenAIDialect):
    """Numbers come as text; files as they were uploaded."""
    fields = {name: value for name, value in BODY.items() if name != "stream"}

    edit = request_of(dialect, EDITS, form_of((PNG, MASK), **fields, stream="true"))
    variation = request_of(dialect, VARIATIONS, form_of(model="m", n="3", size="256x256", response_format="url"))

    assert (2, 7, 30, 3.0, 3, True) == (edit.n, edit.seed, edit.steps, edit.guidance, edit.previews, edit.wants_steps)
    assert ("edit", Blob(b"png"), Blob(b"mask")) == (edit.task, edit.image, edit.mask)
    assert ImageRequest(task="vary", n=3, width=256, height=256, image=Blob(b"png")) == variation


@pytest.mark.parametrize(
    ("form", "code", "param"),
    [
        (form_of((), prompt="x"), "missing_image", "image"),
        (form_of((), prompt="x", image="a path"), "missing_image", "image"),
        (form_of((PNG, PNG), prompt="x"), "too_many_images", "image"),
        (form_of(), "missing_prompt", "prompt"),
        (form_of(prompt="  "), "empty_prompt", "prompt"),
        (form_of(prompt="x", n="1_0"), "invalid_n", "n"),
        (form_of(prompt="x", n="11"), "invalid_n", "n"),
        (form_of(prompt="x", steps="1.5"), "invalid_steps", "steps"),
        (form_of(prompt="x", guidance_scale="nan"), "decimal_above_max_value", "guidance_scale"),
        (form_of(prompt="x", size="256"), "invalid_size", "size"),
        (form_of(prompt="x", mask="text"), "missing_image", "mask"),
        (form_of(prompt="x", partial_images="4", stream="true"), "invalid_partial_images", "partial_images"),
    ],
)
def test_forms_that_are_wrong_are_told(dialect: OpenAIDialect, form: Form, code: str, param: str):
    """Each with its code and field."""
    (route,) = [route for route in dialect.routes if route.path == EDITS]

    with pytest.raises(InvalidRequest) as caught:
        dialect.decode_form(route, form)

    assert (code, param) == (caught.value.code, caught.value.param)


def test_what_has_no_effect_is_named(dialect: OpenAIDialect):
    """In ``x-llmlb-ignored-parameters``."""
    body = {"model": "m", "prompt": "x", "moderation": "low", "partial_images": 1, "unheard_of": 1}

    assert ("moderation", "partial_images", "unheard_of") == call_of(dialect, GENERATIONS, body).ignored


def test_an_answer_has_base64_or_urls(tmp_path: Path, strictly: Callable[..., Any]):
    """Valid by the SDK's type; a URL is where the client found the server, and the picture is there at once."""
    gallery = Gallery(tmp_path)
    dialect = OpenAIDialect(gallery)
    pictures = [Picture(index, b"png %d" % index, 256, 256, 7 + index, 5) for index in (0, 1)]

    inline = ImagesResponse.model_validate_json(
        written(dialect, call_of(dialect, GENERATIONS, {**BODY, "stream": False}), *pictures)
    )
    linked = ImagesResponse.model_validate_json(
        written(dialect, call_of(dialect, GENERATIONS, {"model": "m", "prompt": "x", "n": 2}), *pictures)
    )
    gallery.store.close()

    del strictly
    assert [b"png 0", b"png 1"] == [base64.b64decode(item.b64_json or "") for item in inline.data or []]
    assert inline.usage is not None
    assert 5 == inline.usage.input_tokens
    urls = [item.url or "" for item in linked.data or []]
    assert all(url.startswith("http://ai.example:8080/v1/images/files/") for url in urls)
    assert [b"png 0", b"png 1"] == [gallery.store.read(url.partition("files/")[2].partition(".png")[0]) for url in urls]


def test_a_picture_that_failed_is_named_beside_the_others(dialect: OpenAIDialect):
    """``data`` holds the successes (ae3f974e-I1); none at all is an error."""
    call = call_of(dialect, GENERATIONS, {**BODY, "stream": False})

    answer = json.loads(written(dialect, call, Picture(0, b"png", 1, 1, 7), PictureFailed(1, "Too dark.")))

    assert 1 == len(answer["data"])
    assert [{"index": 1, "reason": "Too dark."}] == answer["failed"]
    with pytest.raises(EngineFailed):
        written(dialect, call)


def test_a_stream_has_the_events_of_the_reference(dialect: OpenAIDialect):
    """Partial pictures and finished ones by the SDK's types, steps by one of its own; nothing follows the last picture."""
    for path, sent, adapter in (
        (GENERATIONS, BODY, TypeAdapter[Any](ImageGenStreamEvent)),
        (EDITS, form_of(**{**BODY, "stream": "true"}), TypeAdapter[Any](ImageEditStreamEvent)),
    ):
        results = [DrawingStep(0, 1, 3), DrawingStep(0, 2, 3, b"so far"), DrawingStep(0, 3, 3), Picture(0, b"png", 256, 256, 7, 5)]
        stream = written(dialect, call_of(dialect, path, sent), *results)

        events = [dict(line.split(": ", 1) for line in block.split("\n")) for block in stream.decode().split("\n\n")[:-1]]
        kinds = [event["event"] for event in events]
        prefix = "image_edit" if path == EDITS else "image_generation"
        step = "llmlb.drawing_step"
        assert [step, step, f"{prefix}.partial_image", step, f"{prefix}.completed"] == kinds
        assert {"type": step, "index": 0, "step": 1, "count": 3} == json.loads(events[0]["data"])
        partial, last = (adapter.validate_json(_as_known(events[place]["data"])) for place in (2, 4))
        assert (b"so far", 0) == (base64.b64decode(partial.b64_json), partial.partial_image_index)
        assert (b"png", 5) == (base64.b64decode(last.b64_json), last.usage.total_tokens)


def _as_known(data: str) -> str:
    """Return the event with a size that the SDK's type knows: it lists those of one model only."""
    return json.dumps({**json.loads(data), "size": "1024x1024"})
