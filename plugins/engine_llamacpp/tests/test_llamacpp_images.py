"""Images: a model with a projector sees them, through the real library; its weights are any, so it understands nothing."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from llmlb_engine_llamacpp.engine import LlamaCppEngine
from llmlb_engine_llamacpp.format import GGUFFormat
from llmlb_engine_llamacpp.options import LlamaCppOptions
from llmlb_testing.pictures import data_url, png, png_head
from llmlb_testing.server import LiveServer, run_llmlb
from openai import OpenAI
from PIL import Image

from llmlb_core import Cancel, Capability, ChatRequest, ImagePart, LocalModel, Message, Placement, Sampling, TextPart
from llmlb_core.errors import InvalidRequest, ModelFilesInvalid, UnsupportedParameter
from llmlb_core.worker.generation import generate

RED, BLUE = png(64, 64, (255, 0, 0)), png(64, 64, (0, 0, 255))


def encoded(kind: str) -> bytes:
    """Return a red picture in another format."""
    out = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(out, kind)
    return out.getvalue()


def describe(path: Path) -> LocalModel:
    """Describe the model at *path* as the catalogue would."""
    facts = GGUFFormat().read_facts(path)
    return LocalModel("seeing", facts, path.parent, path.name, capabilities=facts.capabilities)


@pytest.fixture(scope="module")
def seeing(seeing_model: Path) -> Iterator[tuple[LlamaCppEngine, LocalModel]]:
    """A loaded model that sees."""
    model = describe(seeing_model)
    engine = LlamaCppEngine()
    engine.load(model, Placement(threads=1, context_tokens=256, parallel_count=2), LlamaCppOptions())
    yield engine, model
    engine.unload()


async def ask(loaded, *parts, cancel=None, **sampling):
    """Return what the model says to a message of *parts*, and the usage."""
    engine, model = loaded
    message = Message("user", tuple(TextPart(part) if isinstance(part, str) else ImagePart(data_url(part)) for part in parts))
    request = ChatRequest(messages=(message,), sampling=Sampling(**{"temperature": 0.0, "max_tokens": 8, **sampling}))
    deltas = [delta async for delta in generate(engine, model, request, cancel or Cancel())]
    return "".join(delta.text for delta in deltas), deltas[-1].usage


def test_a_projector_beside_a_model_lets_it_see(seeing_model, starter_model, tmp_path):
    """e03a404c-I1: the catalogue knows it from the folder; with another model in it nobody can tell whose projector it is."""
    (tmp_path / "mmproj.gguf").touch()
    for name in ("model.gguf", "other.gguf"):
        (tmp_path / name).symlink_to(starter_model)

    assert describe(seeing_model).capabilities == (Capability.TEXT_GENERATION, Capability.VISION)
    assert describe(starter_model).capabilities == (Capability.TEXT_GENERATION,)
    assert describe(tmp_path / "model.gguf").capabilities == (Capability.TEXT_GENERATION,)


async def test_a_picture_changes_what_is_said_and_is_counted(seeing):
    """16 patches of 16 pixels: as many tokens more than the words."""
    words, plain = await ask(seeing, "What is this?")
    red, usage = await ask(seeing, "What is this?", RED)
    again, _ = await ask(seeing, "What is this?", RED)

    assert words != red
    assert red == again
    assert usage.prompt_tokens - plain.prompt_tokens in range(16, 20)
    assert usage.completion_tokens == 8


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
async def test_every_format_is_seen(seeing, kind):
    """e03a404c-F7: also WebP, which llama.cpp itself does not read."""
    said, usage = await ask(seeing, encoded(kind), "What is this?")

    assert said
    assert usage.prompt_tokens > 16


async def test_several_pictures_stand_where_they_were_sent(seeing):
    """e03a404c-F3: red before blue is another question than blue before red."""
    one, usage = await ask(seeing, RED, "or", BLUE, "?")
    other, _ = await ask(seeing, BLUE, "or", RED, "?")

    assert usage.prompt_tokens > 32
    assert one != other


@pytest.mark.parametrize(
    ("data", "code"),
    [(RED[:60], "corrupted_image"), (png_head(30_000, 30_000) + RED[33:], "image_too_large"), (b"II*\0", "corrupted_image")],
)
async def test_a_picture_that_cannot_be_decoded_is_refused(seeing, data, code):
    """Cut after its head, a bomb of pixels, another format: told, and the model goes on."""
    with pytest.raises(InvalidRequest) as caught:
        await ask(seeing, "What is this?", data)

    assert caught.value.code == code
    assert (await ask(seeing, "Hi"))[0]


async def test_a_call_with_a_picture_ends_when_it_is_cancelled(seeing):
    """Its connection is closed, and llama.cpp stops."""
    cancel = Cancel()
    engine, model = seeing
    parts = (TextPart("Tell a long story."), ImagePart(data_url(RED)))
    request = ChatRequest(messages=(Message("user", parts),), sampling=Sampling(max_tokens=200))

    texts = []
    async for delta in generate(engine, model, request, cancel):
        texts.append(delta.text)
        cancel.set()

    assert len(texts) < 20
    assert (await ask(seeing, "Hi", RED))[0]


async def test_a_model_without_a_projector_refuses(starter_model, engine):
    """``supports`` is what was loaded, not what llama.cpp could."""
    with pytest.raises(UnsupportedParameter, match="images"):
        await ask((engine, describe(starter_model)), "What is this?", RED)


def test_a_projector_that_is_not_there_is_told(seeing_model):
    """The option names a file beside the model."""
    with pytest.raises(ModelFilesInvalid, match=r"nowhere\.gguf"):
        LlamaCppEngine().load(describe(seeing_model), Placement(threads=1), LlamaCppOptions(mmproj="nowhere.gguf"))


@pytest.fixture(scope="module")
def live(seeing_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server with the folder of the model and its projector added by its path."""
    data_dir = tmp_path_factory.mktemp("live")
    added = run_llmlb(data_dir, "models", "add", f"file:{seeing_model.parent}", "--name", "seeing")
    assert added.returncode == 0, added.stderr
    server = LiveServer.start(data_dir, "[models.seeing]\ncontext_tokens = 256\nparallel_count = 1\n")
    yield server
    server.stop()


def test_a_server_that_has_such_a_model_answers_about_pictures(live):
    """e03a404c-F2, F6: by the official SDK, streamed and not; the list of models says what it can do."""
    client = OpenAI(base_url=f"{live.url}/v1", api_key=live.key, max_retries=0)
    parts = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": data_url(RED)}}]
    asked = {"model": "seeing", "messages": [{"role": "user", "content": parts}], "max_tokens": 8, "temperature": 0, "seed": 1}

    whole = client.chat.completions.create(**asked)
    pieces = [chunk.choices[0].delta.content or "" for chunk in client.chat.completions.create(**asked, stream=True)]

    assert whole.choices[0].message.content == "".join(pieces) != ""
    assert whole.usage.prompt_tokens > 16
    assert "vision" in client.models.retrieve("seeing").capabilities
