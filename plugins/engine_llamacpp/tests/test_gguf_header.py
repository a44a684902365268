from __future__ import annotations

import contextlib
import struct
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from llmlb_engine_llamacpp.format import GGUFFormat

from llmlb_core import Capability
from llmlb_core.errors import ModelFilesInvalid

Write = Callable[..., Path]
TENSORS = (("a", (32, 4), 0, 0), ("b", (64,), 2, 512))
TENSOR_BYTES = 512 + 36


def test_facts_come_from_the_header(write_gguf: Write, small_values: dict[str, object]) -> None:
    """Every fact is read from the key that the specification names for it."""
    path = write_gguf(small_values, TENSORS, TENSOR_BYTES)

    facts = GGUFFormat().read_facts(path)

    assert ("gguf", "llama", "Small", "Q4_K_M") == (facts.format, facts.architecture, facts.name, facts.quantization)
    assert (2048, 64, 2, 2, 16) == (
        facts.context_tokens,
        facts.embedding_dimension,
        facts.layer_count,
        facts.head_count_kv,
        facts.head_dimension,
    )
    assert (192, path.stat().st_size) == (facts.parameter_count, facts.size_bytes)
    assert ("<s>", "</s>", "{{ messages }}") == (facts.bos_token, facts.eos_token, facts.chat_template)
    assert (Capability.TEXT_GENERATION,) == facts.capabilities


def test_quantization_is_named_by_the_largest_tensors_where_the_file_does_not_say(
    write_gguf: Write, small_values: dict[str, object]
) -> None:
    """Without ``general.file_type`` the type that holds most bytes is named."""
    del small_values["general.file_type"]

    facts = GGUFFormat().read_facts(write_gguf(small_values, TENSORS, TENSOR_BYTES))

    assert facts.quantization == "F32"


@pytest.mark.parametrize(
    ("architecture", "more", "expected"),
    [
        ("bert", {}, (Capability.EMBEDDING,)),
        ("qwen3", {"qwen3.pooling_type": 3}, (Capability.EMBEDDING,)),
        ("bert", {"bert.pooling_type": 4}, ()),
        ("clip", {}, ()),
        ("gemma3", {}, (Capability.TEXT_GENERATION,)),
    ],
)
def test_capability_follows_architecture_and_pooling(
    write_gguf: Write, small_values: dict[str, object], architecture: str, more: dict[str, object], expected: tuple[Capability, ...]
) -> None:
    """A model with a pooling type makes vectors, a reranker and a projector neither vectors nor text."""
    path = write_gguf({**small_values, "general.architecture": architecture, **more})

    facts = GGUFFormat().read_facts(path)

    assert expected == facts.capabilities


def test_head_counts_per_layer_give_their_largest(write_gguf: Write, small_values: dict[str, object]) -> None:
    """Where heads differ by layer, the estimate of memory takes the most."""
    path = write_gguf({**small_values, "llama.attention.head_count_kv": [1, 8, 4]})

    facts = GGUFFormat().read_facts(path)

    assert facts.head_count_kv == 8


def test_cut_file_says_both_sizes(write_gguf: Write, small_values: dict[str, object]) -> None:
    """A file that ends before its tensors do is found without loading it."""
    path = write_gguf(small_values, TENSORS, TENSOR_BYTES - 1)

    with pytest.raises(
        ModelFilesInvalid, match=f"is cut: {path.stat().st_size} bytes, expected at least {path.stat().st_size + 1}"
    ):
        GGUFFormat().read_facts(path)


def test_header_that_ends_early_is_refused(write_gguf: Write, small_values: dict[str, object]) -> None:
    """Every prefix of a header is refused, at whatever byte it ends."""
    path = write_gguf(small_values, TENSORS)
    whole = path.read_bytes()

    for length in range(0, len(whole) - 32, 3):
        path.write_bytes(whole[:length])
        with pytest.raises(ModelFilesInvalid):
            GGUFFormat().read_facts(path)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not a GGUF file: it starts with b''"),
        (b"PK\x03\x04rest", r"not a GGUF file: it starts with b'PK"),
        (b"GGUF" + struct.pack("<IQQ", 1, 0, 0), "has GGUF version 1"),
        (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "is big-endian"),
        (b"GGUF" + struct.pack("<IQQ", 3, 1 << 60, 0), "claims 1152921504606846976 tensors"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1 << 40), "claims 1099511627776 key-value pairs"),
        (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1 << 50), "a key has 1125899906842624 bytes"),
        (b"GGUF" + struct.pack("<IQQQ3sI", 3, 0, 1, 3, b"abc", 99), "unknown value type 99"),
        (b"GGUF" + struct.pack("<IQQQ3sIIQ", 3, 0, 1, 3, b"abc", 9, 8, 1 << 50), "strings in abc"),
        (b"GGUF" + struct.pack("<IQQQ3sIIQ", 3, 0, 1, 3, b"abc", 9, 9, 1), "array of the unknown type 9"),
    ],
)
def test_impossible_header_says_what_was_seen(tmp_path: Path, data: bytes, reason: str) -> None:
    """Wrong magic, versions, counts and lengths are refused with the value that was seen."""
    path = tmp_path / "wrong.gguf"
    path.write_bytes(data)

    with pytest.raises(ModelFilesInvalid, match=reason):
        GGUFFormat().read_facts(path)


def test_missing_file_is_model_files_invalid(tmp_path: Path) -> None:
    """A file that is not there is a fact about the model's files, not an ``OSError``."""
    with pytest.raises(ModelFilesInvalid, match=r"none\.gguf cannot be read"):
        GGUFFormat().read_facts(tmp_path / "none.gguf")


def test_further_files_of_a_split_model_must_be_there(write_gguf: Write, small_values: dict[str, object]) -> None:
    """The first of several files names those that are missing; with them, sizes and parameters add up."""
    first = write_gguf({**small_values, "split.count": 2}, TENSORS, TENSOR_BYTES)
    one, two = (first.with_name(f"m-0000{index}-of-00002.gguf") for index in (1, 2))
    first.rename(one)

    with pytest.raises(ModelFilesInvalid, match=r"needs 1 more files, first m-00002-of-00002\.gguf"):
        GGUFFormat().read_facts(one)
    two.write_bytes(one.read_bytes())

    assert (384, 2 * one.stat().st_size) == (
        GGUFFormat().read_facts(one).parameter_count,
        GGUFFormat().read_facts(one).size_bytes,
    )


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=400), st.booleans())
@example(b"\xff" * 64, True)
def test_any_bytes_are_facts_or_model_files_invalid(tmp_path: Path, data: bytes, has_magic: bool) -> None:
    """No bytes at all make the reader raise anything but its own error."""
    path = tmp_path / "random.gguf"
    path.write_bytes(b"GGUF\x03\x00\x00\x00" + data if has_magic else data)

    _read_or_refuse(path)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_mutated_header_never_takes_much_memory(write_gguf: Write, small_values: dict[str, object], data: st.DataObject) -> None:
    """Overwritten counts and lengths are believed only as far as the file is long."""
    path = write_gguf(small_values, TENSORS, TENSOR_BYTES)
    whole = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(whole) - 8))
    whole[at : at + 8] = data.draw(st.sampled_from([b"\xff" * 8, b"\x00" * 8]) | st.binary(min_size=8, max_size=8))
    path.write_bytes(whole)

    tracemalloc.start()
    try:
        _read_or_refuse(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 8 * 1024 * 1024


def test_vocabulary_claimed_in_a_huge_empty_file_is_bounded(tmp_path: Path) -> None:
    """A sparse file full of empty strings is refused by its claim, not after reading it."""
    path = tmp_path / "sparse.gguf"
    head = b"GGUF" + struct.pack("<IQQQ3sIIQ", 3, 0, 1, 3, b"abc", 9, 8, 1 << 34)
    with path.open("wb") as file:
        file.write(head)
        file.truncate(1 << 38)
    began_at = time.monotonic()

    with pytest.raises(ModelFilesInvalid, match="17179869184 strings"):
        GGUFFormat().read_facts(path)

    assert time.monotonic() - began_at < 5


@pytest.mark.model
def test_real_model_is_read_within_a_second(starter_model: Path) -> None:
    """SmolLM2's facts are those of its card, read without its weights."""
    began_at = time.monotonic()

    facts = GGUFFormat().read_facts(starter_model)

    assert time.monotonic() - began_at < 1
    assert ("llama", "Q4_1", 8192, 576, 30, 3, 64) == (
        facts.architecture,
        facts.quantization,
        facts.context_tokens,
        facts.embedding_dimension,
        facts.layer_count,
        facts.head_count_kv,
        facts.head_dimension,
    )
    assert (134_515_008, 98_362_432, "<|im_start|>", "<|im_end|>") == (
        facts.parameter_count,
        facts.size_bytes,
        facts.bos_token,
        facts.eos_token,
    )


def _read_or_refuse(path: Path) -> None:
    with contextlib.suppress(ModelFilesInvalid):
        GGUFFormat().read_facts(path)
