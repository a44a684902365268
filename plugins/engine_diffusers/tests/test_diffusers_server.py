"""Pictures through a real server, by the official SDK: what comes is what diffusers draws."""

from __future__ import annotations

import base64
import io
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from llmlb_testing.pictures import png
from llmlb_testing.server import LiveServer
from PIL import Image

TIMEOUT_S = 120.0
PROMPT = "a red circle on blue"
FileOf = Callable[[Image.Image], bytes]


@pytest.fixture(scope="module")
def pipe(pipeline_index: Path) -> Any:
    """The same pipeline, in the hands of the library itself."""
    import diffusers

    library: Any = diffusers
    pipe = library.StableDiffusionPipeline.from_pretrained(str(pipeline_index.parent), use_safetensors=True)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def seeded(seed: int) -> Any:
    """Return a generator of *seed*."""
    import torch

    return torch.Generator("cpu").manual_seed(seed)


def picture_of(item: Any) -> Image.Image:
    """Decode one entry of ``data``."""
    return Image.open(io.BytesIO(base64.b64decode(item.b64_json))).convert("RGB")


def test_pictures_are_those_that_the_library_draws(client: openai.OpenAI, pipe: Any):
    """Same seeds, same pixels, scaled to the size asked for; picture i has seed + i (ae3f974e-F1, F8)."""
    answer = client.images.generate(
        model="tiny",
        prompt=PROMPT,
        n=2,
        size="256x256",
        response_format="b64_json",
        extra_body={"seed": 11, "steps": 3, "negative_prompt": "green", "guidance_scale": 3},
    )

    expected = [
        pipe(
            PROMPT, negative_prompt="green", num_inference_steps=3, guidance_scale=3.0, width=32, height=32, generator=seeded(seed)
        )
        .images[0]
        .resize((256, 256), Image.Resampling.LANCZOS)
        for seed in (11, 12)
    ]
    assert [picture.tobytes() for picture in expected] == [picture_of(item).tobytes() for item in answer.data or []]
    assert [11, 12] == [item.model_extra["seed"] for item in answer.data or [] if item.model_extra]
    assert answer.usage is not None
    assert len(pipe.tokenizer(PROMPT).input_ids) == answer.usage.input_tokens


@pytest.mark.parametrize("size", ["256x256", "512x512", "1024x1024", "1792x1024", "1024x1792", "32x32", "auto"])
def test_every_size_is_drawn(client: openai.OpenAI, size: Any):
    """The five of the API, the model's own, and ``auto``, which is that (ae3f974e-F4)."""
    answer = client.images.generate(model="tiny", prompt=PROMPT, size=size, response_format="b64_json", extra_body={"steps": 1})

    (item,) = answer.data or []
    width, height = picture_of(item).size
    assert (size if size != "auto" else "32x32") == f"{width}x{height}"


def test_quality_and_style_change_how_it_is_drawn(client: openai.OpenAI, pipe: Any):
    """``hd`` takes half as many steps again, ``natural`` follows the prompt less closely (ae3f974e-F5, F6, I1)."""
    answers = [
        client.images.generate(
            model="tiny",
            prompt=PROMPT,
            quality=quality,
            style=style,
            size="256x256",
            response_format="b64_json",
            extra_body={"seed": 1},
        )
        for quality, style in (("standard", "vivid"), ("hd", "vivid"), ("standard", "natural"))
    ]

    expected = [
        pipe(PROMPT, num_inference_steps=steps, guidance_scale=guidance, width=32, height=32, generator=seeded(1))
        .images[0]
        .resize((256, 256), Image.Resampling.LANCZOS)
        .tobytes()
        for steps, guidance in ((4, 7.5), (6, 7.5), (4, 5.0))
    ]
    assert expected == [picture_of((answer.data or [])[0]).tobytes() for answer in answers]
    assert 3 == len(set(expected))


def test_urls_are_served_and_signed(client: openai.OpenAI, server: LiveServer):
    """The default: a URL that needs no key, cannot be changed or guessed, and says when it expires (ae3f974e-F7)."""
    before = time.time()
    answer = client.images.generate(model="tiny", prompt=PROMPT, size="256x256", extra_body={"seed": 5})

    (item,) = answer.data or []
    url = item.url or ""
    got = httpx2.get(url)
    assert (200, "image/png") == (got.status_code, got.headers["content-type"])
    assert (256, 256) == Image.open(io.BytesIO(got.content)).size
    assert url.startswith(f"{server.url}/v1/images/files/")
    expires = int(url.partition("expires=")[2].partition("&")[0])
    assert before + 3590 < expires < time.time() + 3610
    later = url.replace(f"expires={expires}", f"expires={expires + 60}")
    other = url.replace(url.partition("files/")[2][:4], "AAAA")
    for wrong in (later, other, url.partition("?")[0], url[:-1], url.replace(".png", "/../../signing.key")):
        refused = httpx2.get(wrong)
        assert refused.status_code in (403, 404), wrong
        assert "invalid_signature" in refused.text or 404 == refused.status_code


def test_an_edit_without_a_mask_is_what_the_library_makes(client: openai.OpenAI, pipe: Any, file_of: FileOf):
    """All of the picture is transformed (ae3f974e-F2)."""
    import diffusers

    source = Image.effect_mandelbrot((64, 64), (-2, -1.5, 1, 1.5), 50).convert("RGB")

    answer = client.images.edit(
        model="tiny", image=file_of(source), prompt=PROMPT, size="256x256", response_format="b64_json", extra_body={"seed": 3}
    )

    auto: Any = diffusers.AutoPipelineForImage2Image
    edits = auto.from_pipe(pipe)
    edits.set_progress_bar_config(disable=True)
    small = source.resize((32, 32), Image.Resampling.LANCZOS)
    drawn = edits(PROMPT, image=small, strength=0.8, num_inference_steps=4, generator=seeded(3)).images[0]
    expected = drawn.resize((256, 256), Image.Resampling.LANCZOS).tobytes()
    assert expected == picture_of((answer.data or [])[0]).tobytes()


def test_an_edit_keeps_what_its_mask_covers(client: openai.OpenAI, file_of: FileOf, half_mask: Callable[[int], bytes]):
    """Transparent is where the picture may change; every other pixel stays (ae3f974e-F2)."""
    source = Image.new("RGB", (256, 256), (10, 200, 30))

    answer = client.images.edit(
        model="tiny",
        image=("a.png", file_of(source), "image/png"),
        mask=("m.png", half_mask(256), "image/png"),
        prompt=PROMPT,
        size="256x256",
        response_format="b64_json",
    )

    edited = picture_of((answer.data or [])[0])
    right, left = (128, 0, 256, 256), (0, 0, 128, 256)
    assert source.crop(right).tobytes() == edited.crop(right).tobytes()
    assert source.crop(left).tobytes() != edited.crop(left).tobytes()


def test_variations_need_no_prompt(client: openai.OpenAI, file_of: FileOf):
    """Several of one picture; each another (ae3f974e-F3)."""
    source = file_of(Image.new("RGB", (300, 200), "red"))
    with pytest.warns(DeprecationWarning, match="deprecated"):  # by OpenAI; the route is there
        answer = client.images.create_variation(model="tiny", image=source, n=2, size="512x512", response_format="b64_json")

    first, second = (picture_of(item) for item in answer.data or [])
    assert (512, 512) == first.size == second.size
    assert first.tobytes() != second.tobytes()


def test_a_stream_tells_steps_previews_and_the_picture(client: openai.OpenAI):
    """OpenAI's events, and one a step that clients may pass over."""
    stream = client.images.generate(
        model="tiny", prompt=PROMPT, size="256x256", stream=True, partial_images=2, extra_body={"seed": 9, "steps": 6}
    )
    events: list[Any] = list(stream)
    plain = client.images.generate(
        model="tiny", prompt=PROMPT, size="256x256", response_format="b64_json", extra_body={"seed": 9, "steps": 6}
    )

    kinds = [event.type for event in events]
    assert ["llmlb.drawing_step"] * 6 == [kind for kind in kinds if kind == "llmlb.drawing_step"]
    assert [0, 1] == [event.partial_image_index for event in events if event.type == "image_generation.partial_image"]
    assert "image_generation.completed" == kinds[-1]
    assert (plain.data or [])[0].b64_json == events[-1].b64_json


def test_an_edit_is_streamed_with_its_own_events(client: openai.OpenAI):
    """``image_edit.*``."""
    events: list[Any] = list(
        client.images.edit(
            model="tiny", image=png(64, 64), prompt=PROMPT, size="256x256", stream=True, partial_images=1, extra_body={"seed": 9}
        )
    )

    kinds = [event.type for event in events if event.type.startswith("image")]
    assert ["image_edit.partial_image", "image_edit.completed"] == kinds


def test_a_call_that_is_left_frees_its_worker(client: openai.OpenAI, server: LiveServer):
    """Between two steps: the next call is served at once, by the same worker."""
    workers = server.children()
    with httpx2.stream(
        "POST",
        f"{server.url}/v1/images/generations",
        json={"model": "tiny", "prompt": PROMPT, "n": 10, "steps": 100, "size": "1024x1024", "stream": True},
        headers={"authorization": f"Bearer {server.key}"},
        timeout=TIMEOUT_S,
    ) as left:
        first = next(line for line in left.iter_lines() if line.startswith("data: "))

    began_at = time.monotonic()
    client.images.generate(model="tiny", prompt=PROMPT, size="256x256")

    assert "llmlb.drawing_step" == json.loads(first.removeprefix("data: "))["type"]
    assert time.monotonic() - began_at < 20
    assert workers == server.children()


def test_the_model_is_listed_with_what_it_does(client: openai.OpenAI):
    """Nested files and all: one model, that draws."""
    (model,) = [each for each in client.models.list() if each.id == "tiny"]

    assert model.model_extra is not None
    assert ["image_generation"] == model.model_extra["capabilities"]
    assert "diffusers" == model.model_extra["engine"]
    assert model.model_extra["size_bytes"] > 300_000
