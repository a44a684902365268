"""One loaded model for all tests here, and a writer of small GGUF files."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from llmlb_engine_llamacpp.engine import LlamaCppEngine
from llmlb_engine_llamacpp.format import GGUFFormat
from llmlb_engine_llamacpp.options import LlamaCppOptions

from llmlb_core import Cancel, Capability, LocalModel, Placement, Sampling, TextDelta, TextRequest

CONTEXT_TOKENS = 512

Ask = Callable[..., object]


def local_model(path: Path, *capabilities: Capability) -> LocalModel:
    """Describe the model at *path* as the catalogue would."""
    facts = GGUFFormat().read_facts(path)
    return LocalModel("test", facts, path.parent, path.name, capabilities=capabilities or facts.capabilities)


@pytest.fixture(scope="session")
def engine(starter_model: Path) -> Iterator[LlamaCppEngine]:
    """SmolLM2 with four sequences of 512 tokens, on one thread, for text and embeddings."""
    loaded = LlamaCppEngine()
    model = local_model(starter_model, Capability.TEXT_GENERATION, Capability.EMBEDDING)
    loaded.load(model, Placement(threads=1, context_tokens=CONTEXT_TOKENS, parallel_count=4), LlamaCppOptions())
    yield loaded
    loaded.unload()


@pytest.fixture
def ask(engine: LlamaCppEngine) -> Ask:
    """Return a function that generates with *engine*, greedily, and returns the deltas."""

    async def run(
        prompt: str | tuple[int, ...], *, cancel: Cancel | None = None, sequence: int = 0, **given: object
    ) -> list[TextDelta]:
        outer = {name: given.pop(name) for name in ("top_logprobs", "json_schema", "add_special") if name in given}
        sampling = Sampling(**{"temperature": 0.0, "max_tokens": 16, **given})  # type: ignore[arg-type]  # the test's own
        request = TextRequest(prompt=prompt, sampling=sampling, sequence=sequence, **outer)  # type: ignore[arg-type]
        return [delta async for delta in engine.generate(request, cancel or Cancel())]

    return run


def chat(question: str) -> str:
    """Render *question* as the model's template does."""
    return f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n"


@pytest.fixture(name="chat")
def chat_fixture() -> Callable[[str], str]:
    """The function ``chat``."""
    return chat


def text_of(deltas: Sequence[TextDelta]) -> str:
    """Join what *deltas* say."""
    return "".join(str(delta.text) for delta in deltas)


@pytest.fixture(name="text_of")
def text_of_fixture() -> Callable[[Sequence[TextDelta]], str]:
    """The function ``text_of``."""
    return text_of


@pytest.fixture(name="local_model")
def local_model_fixture() -> Callable[..., LocalModel]:
    """The function ``local_model``."""
    return local_model


# --- small GGUF files -------------------------------------------------------------------------------------------


def gguf_text(value: str) -> bytes:
    """Write a GGUF string."""
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def gguf_pair(key: str, value: object) -> bytes:
    """Write a key-value pair; the type follows from *value*."""
    match value:
        case str():
            return gguf_text(key) + struct.pack("<I", 8) + gguf_text(value)
        case bool():
            return gguf_text(key) + struct.pack("<I?", 7, value)
        case int():
            return gguf_text(key) + struct.pack("<II", 4, value)
        case float():
            return gguf_text(key) + struct.pack("<If", 6, value)
        case list() if value and isinstance(value[0], str):
            return gguf_text(key) + struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(gguf_text, value))
        case list() if value and isinstance(value[0], float):
            return gguf_text(key) + struct.pack("<IIQ", 9, 6, len(value)) + struct.pack(f"<{len(value)}f", *value)
        case list():
            return gguf_text(key) + struct.pack("<IIQ", 9, 5, len(value)) + struct.pack(f"<{len(value)}i", *value)
        case _:
            raise TypeError(value)


def gguf_bytes(values: dict[str, object], tensors: Sequence[tuple[str, tuple[int, ...], int, int]] = (), data: int = 0) -> bytes:
    """Write a whole file: pairs, tensors (name, dimensions, type, offset) and *data* bytes of weights."""
    out = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(values)) + b"".join(gguf_pair(*pair) for pair in values.items())
    for name, dimensions, kind, offset in tensors:
        out += gguf_text(name) + struct.pack("<I", len(dimensions)) + struct.pack(f"<{len(dimensions)}Q", *dimensions)
        out += struct.pack("<IQ", kind, offset)
    out += bytes(-len(out) % 32)
    return out + bytes(data)


@pytest.fixture
def write_gguf(tmp_path: Path) -> Callable[..., Path]:
    """Write a small GGUF file and return its path."""

    def write(values: dict[str, object], tensors: Sequence[tuple[str, tuple[int, ...], int, int]] = (), data: int = 0) -> Path:
        path = tmp_path / "small.gguf"
        path.write_bytes(gguf_bytes(values, tensors, data))
        return path

    return write


SMALL: dict[str, object] = {
    "general.architecture": "llama",
    "general.name": "Small",
    "general.file_type": 15,
    "llama.context_length": 2048,
    "llama.embedding_length": 64,
    "llama.block_count": 2,
    "llama.attention.head_count": 4,
    "llama.attention.head_count_kv": 2,
    "tokenizer.ggml.tokens": ["<s>", "</s>", "ä", "b"],
    "tokenizer.ggml.scores": [0, 0, 0, 0],
    "tokenizer.ggml.bos_token_id": 0,
    "tokenizer.ggml.eos_token_id": 1,
    "tokenizer.chat_template": "{{ messages }}",
}


@pytest.fixture
def small_values() -> dict[str, object]:
    """Key-value pairs of a small model."""
    return dict(SMALL)


# --- a projector ------------------------------------------------------------------------------------------------

_WIDTH, _INNER, _PATCH, _SIDE, _BLOCKS = 32, 64, 16, 64, 2


def projector_bytes(dimension: int) -> bytes:
    """Write a vision tower of LLaVA's shape with two small layers and any weights, for a model whose vectors have *dimension*.

    No package has a model that sees and is small: this one shows that pictures reach a model and change what it says, not that it
    understands them.
    """
    grid = (_SIDE // _PATCH) ** 2
    shapes: dict[str, tuple[int, ...]] = {
        "v.patch_embd.weight": (_PATCH, _PATCH, 3, _WIDTH),
        "v.class_embd": (_WIDTH,),
        "v.position_embd.weight": (_WIDTH, grid + 1),
        **_norm("v.pre_ln"),
        "mm.0.weight": (_WIDTH, dimension),
        "mm.0.bias": (dimension,),
        "mm.2.weight": (dimension, dimension),
        "mm.2.bias": (dimension,),
    }
    for block in range(_BLOCKS):
        at = f"v.blk.{block}"
        for name in ("attn_q", "attn_k", "attn_v", "attn_out"):
            shapes |= {f"{at}.{name}.weight": (_WIDTH, _WIDTH), f"{at}.{name}.bias": (_WIDTH,)}
        shapes |= _norm(f"{at}.ln1") | _norm(f"{at}.ln2")
        shapes |= {f"{at}.ffn_up.weight": (_WIDTH, _INNER), f"{at}.ffn_up.bias": (_INNER,)}
        shapes |= {f"{at}.ffn_down.weight": (_INNER, _WIDTH), f"{at}.ffn_down.bias": (_WIDTH,)}
    values: dict[str, object] = {
        "general.architecture": "clip",
        "clip.has_vision_encoder": True,
        "clip.projector_type": "mlp",
        "clip.use_gelu": True,
        "clip.vision.image_size": _SIDE,
        "clip.vision.patch_size": _PATCH,
        "clip.vision.embedding_length": _WIDTH,
        "clip.vision.feed_forward_length": _INNER,
        "clip.vision.projection_dim": dimension,
        "clip.vision.block_count": _BLOCKS,
        "clip.vision.attention.head_count": 2,
        "clip.vision.attention.layer_norm_epsilon": 1e-5,
        "clip.vision.image_mean": [0.5, 0.5, 0.5],
        "clip.vision.image_std": [0.5, 0.5, 0.5],
    }
    tensors, weights = [], b""
    for name, shape in shapes.items():
        tensors.append((name, shape, 0, len(weights)))
        weights += _weights(name, math.prod(shape))
        weights += bytes(-len(weights) % 32)
    return gguf_bytes(values, tensors) + weights


def _norm(name: str) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (_WIDTH,), f"{name}.bias": (_WIDTH,)}


def _weights(name: str, count: int) -> bytes:
    """Return *count* float32: the same every time, and without order."""
    if name.endswith("bias") or "ln" in name:
        return struct.pack("<f", 0.0 if name.endswith("bias") else 1.0) * count
    return struct.pack(f"<{count}f", *((place * 2_654_435_761 % 2001 - 1000) / 4000 for place in range(count)))


@pytest.fixture(scope="session")
def seeing_model(starter_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SmolLM2 in a folder with a projector."""
    folder = tmp_path_factory.mktemp("seeing")
    path = folder / starter_model.name
    path.symlink_to(starter_model)
    dimension = GGUFFormat().read_facts(starter_model).embedding_dimension
    assert dimension is not None
    (folder / "mmproj-tiny.gguf").write_bytes(projector_bytes(dimension))
    return path
