"""The format ``gguf``: facts from a file's header."""

from __future__ import annotations

import re
from pathlib import Path

from llmlb_core import Capability, ModelFacts, ModelFormat
from llmlb_core.errors import ModelFilesInvalid
from llmlb_engine_llamacpp.header import Header, read_header
from llmlb_engine_llamacpp.tables import COMPANION_ARCHITECTURES, EMBEDDING_ARCHITECTURES, FILE_TYPES

_PART = re.compile(r"^(?P<stem>.*)-(?P<index>\d{5})-of-(?P<count>\d{5})\.gguf$")
_POOLING_RANK = 4


class GGUFFormat(ModelFormat):
    """Reads GGUF headers, versions 2 and 3. A file of 100 MB takes some milliseconds, mostly for its vocabulary."""

    name = "gguf"
    suffixes = (".gguf",)

    def read_facts(self, path: Path) -> ModelFacts:
        """Return what the header says; of a model in several files the first names the others."""
        header = read_header(path)
        architecture = header.text("general.architecture")
        embedding = header.number(f"{architecture}.embedding_length")
        heads = header.number(f"{architecture}.attention.head_count")
        head_dimension = header.number(f"{architecture}.attention.key_length")
        if head_dimension is None and embedding and heads:
            head_dimension = embedding // heads
        able = capabilities(header, architecture)
        if Capability.TEXT_GENERATION in able and projector_of(path) is not None:
            able = (*able, Capability.VISION)
        parts = [read_header(part) for part in other_parts(path, header)]
        return ModelFacts(
            format=self.name,
            architecture=architecture,
            name=header.text("general.name"),
            quantization=quantization(header),
            parameter_count=sum(part.parameter_count for part in (header, *parts)) or None,
            context_tokens=header.number(f"{architecture}.context_length"),
            embedding_dimension=embedding,
            layer_count=header.number(f"{architecture}.block_count"),
            head_count_kv=header.number(f"{architecture}.attention.head_count_kv") or heads,
            head_dimension=head_dimension,
            size_bytes=sum(part.size_bytes for part in (header, *parts)),
            chat_template=header.text("tokenizer.chat_template") or None,
            bos_token=header.text_at("tokenizer.ggml.tokens", header.number("tokenizer.ggml.bos_token_id")),
            eos_token=header.text_at("tokenizer.ggml.tokens", header.number("tokenizer.ggml.eos_token_id")),
            capabilities=able,
        )


def quantization(header: Header) -> str:
    """Name what most of the weights are stored as."""
    file_type = header.number("general.file_type")
    if file_type is None:
        return header.largest_type
    return FILE_TYPES.get(file_type) or header.largest_type or f"file type {file_type}"


def capabilities(header: Header, architecture: str) -> tuple[Capability, ...]:
    """Say what such a model does; nothing for a part of another model or a reranker."""
    pooling = header.number(f"{architecture}.pooling_type")
    if architecture in COMPANION_ARCHITECTURES or pooling == _POOLING_RANK or "tokenizer.ggml.tokens" not in header.texts:
        return ()
    if architecture in EMBEDDING_ARCHITECTURES or pooling:
        return (Capability.EMBEDDING,)
    return (Capability.TEXT_GENERATION,)


def projector_of(path: Path) -> Path | None:
    """Return the file that lets the model at *path* see: the first ``mmproj*.gguf`` beside it, by name (e03a404c-I1).

    None also where other models lie in the same folder: whose it is cannot be told then, and the option ``mmproj`` says it.
    """
    named = _PART.match(path.name)
    own = f"{named['stem']}-" if named is not None else path.name
    found = sorted(each for each in path.parent.glob("*.gguf") if each.is_file())
    projectors = [each for each in found if each.name.startswith("mmproj") and each != path]
    is_alone = all(each in projectors or each.name.startswith(own) for each in found)
    return projectors[0] if projectors and is_alone else None


def other_parts(path: Path, header: Header) -> list[Path]:
    """List the further files of a model that was split.

    Raises:
        ModelFilesInvalid: *path* is not the first of them, or others are missing.
    """
    count = header.number("split.count") or 1
    if count <= 1:
        return []
    named = _PART.match(path.name)
    if named is None or int(named["count"]) != count or int(named["index"]) != 1:
        raise ModelFilesInvalid(
            f"{path.name} is one of {count} files of a model; name the first one, which ends in -00001-of-{count:05d}.gguf."
        )
    parts = [path.with_name(f"{named['stem']}-{index:05d}-of-{count:05d}.gguf") for index in range(2, count + 1)]
    missing = [part.name for part in parts if not part.is_file()]
    if missing:
        raise ModelFilesInvalid(f"{path.name} needs {len(missing)} more files, first {missing[0]}, in the same folder.")
    return parts
