"""How large a model is loaded: slots, context, batches, and the memory they take."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from attrs import frozen

from llmlb_core import Capability, Device, Fit, LocalModel, ModelFacts, Placement, Unfit
from llmlb_engine_llamacpp.options import LlamaCppOptions
from llmlb_engine_llamacpp.tables import COMPANION_ARCHITECTURES, EMBEDDING_ARCHITECTURES

DEFAULT_PARALLEL = 4
MAX_PARALLEL = 256
"""More sequences llama.cpp refuses."""

DEFAULT_CONTEXT_TOKENS = 4_096
CPU_BATCH_TOKENS = 128
"""A step of prompt reading: as fast per token as a longer one on a CPU, and over sooner when a call is cancelled."""

GPU_BATCH_TOKENS = 2_048
TEXT_MODEL_EMBEDDING_TOKENS = 512
VECTOR_MODEL_EMBEDDING_TOKENS = 8_192
OVERHEAD_BYTES = 96 * 1024 * 1024


@frozen
class Plan:
    """What a load is asked for.

    Attributes:
        context_tokens: Of one sequence; llama.cpp rounds it up to a multiple of 256.
        batch_tokens: Tokens of one decoding step, over all sequences.
        ubatch_tokens: Tokens computed at a time; with embeddings also the longest input.
        embeds: Whether it answers embeddings.
        devices: Ids of GPU devices; empty for the CPU.
    """

    parallel_count: int
    context_tokens: int
    batch_tokens: int
    ubatch_tokens: int
    threads: int
    embeds: bool
    devices: tuple[str, ...]


def plan_load(model: LocalModel, facts: ModelFacts, placement: Placement, options: LlamaCppOptions) -> Plan:
    """Decide how *model* is loaded."""
    devices = tuple(device for device in placement.devices if device != "cpu")
    context = context_tokens(facts, placement.context_tokens or model.context_tokens)
    embeds = options.embedding or Capability.EMBEDDING in model.capabilities
    batch = options.n_batch or (GPU_BATCH_TOKENS if devices else CPU_BATCH_TOKENS)
    ubatch = options.n_ubatch or min(batch, 512)
    if embeds:
        # llama.cpp reads an input that becomes a vector in one piece, so a step must hold the longest.
        vectors_only = facts.architecture in EMBEDDING_ARCHITECTURES
        longest = VECTOR_MODEL_EMBEDDING_TOKENS if vectors_only else TEXT_MODEL_EMBEDDING_TOKENS
        batch = ubatch = options.n_ubatch or options.n_batch or min(context, longest)
    return Plan(
        parallel_count=min(placement.parallel_count or DEFAULT_PARALLEL, MAX_PARALLEL),
        context_tokens=context,
        batch_tokens=max(batch, ubatch),
        ubatch_tokens=ubatch,
        threads=max(1, placement.threads),
        embeds=embeds,
        devices=devices,
    )


def context_tokens(facts: ModelFacts, wanted: int | None) -> int:
    """Return the context of one sequence: what is wanted, never more than the model was made for."""
    most = facts.context_tokens or DEFAULT_CONTEXT_TOKENS
    return min(wanted or DEFAULT_CONTEXT_TOKENS, most)


def memory_bytes(facts: ModelFacts, tokens: int) -> int:
    """Estimate the memory of a loaded model with room for *tokens*: weights, key-value cache (f16), working space."""
    per_token = 4 * (facts.layer_count or 0) * (facts.head_count_kv or 0) * (facts.head_dimension or 0)
    return facts.size_bytes + per_token * tokens + OVERHEAD_BYTES


def fit(facts: ModelFacts, devices: Sequence[Device]) -> Fit | Unfit:
    """Say whether and how well llama.cpp runs such a model on *devices*."""
    if facts.format != "gguf":
        return Unfit(f"llama.cpp reads GGUF files, and this model's format is {facts.format or 'not known'}.")
    if facts.architecture in COMPANION_ARCHITECTURES:
        return Unfit(f"A GGUF file of architecture {facts.architecture} is a part of another model and does not run alone.")
    if not facts.capabilities:
        return Unfit(f"The file holds no model that writes text or vectors (architecture {facts.architecture or 'not named'}).")
    needed = memory_bytes(facts, DEFAULT_PARALLEL * context_tokens(facts, None))
    most = sum(device.memory_bytes for device in devices)
    if devices and facts.size_bytes > most:
        return Unfit(f"Its weights take {_gib(facts.size_bytes)} GiB, and the devices have {_gib(most)} GiB.")
    has_gpu = any(device.kind != "cpu" for device in devices)
    how = "on a GPU, what does not fit there on the CPU" if has_gpu else "on the CPU"
    return Fit(0.7 if has_gpu else 0.9, needed, f"llama.cpp runs {facts.quantization or 'its weights'} {how}.")


def free_memory_bytes() -> int | None:
    """Return what this machine could still give, None where that is not known (not on Linux)."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    for line in lines:
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f}"
