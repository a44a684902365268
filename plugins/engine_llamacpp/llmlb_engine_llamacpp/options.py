"""The options of this engine: the table ``[models."<id>".options]``."""

from __future__ import annotations

from typing import Literal, TypeVar

from attrs import Attribute, field, frozen

T = TypeVar("T")

CacheType = Literal["f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0"]


def _option(default: T, help: str, minimum: int | None = None) -> T:  # noqa: A002  # as in llmlb's own settings
    """Declare one option; its help goes to the reference page."""

    def check(_instance: object, attribute: Attribute[T], value: T) -> None:
        if minimum is not None and isinstance(value, int) and value < minimum:
            raise ValueError(f"{attribute.name} is {value}, expected at least {minimum}")

    made: T = field(default=default, metadata={"help": help, "minimum": minimum}, validator=check)
    return made


@frozen
class LlamaCppOptions:
    """How llama.cpp loads one model. Whoever sets nothing gets what suits the machine."""

    embedding: bool = _option(False, "Answer embeddings too; implied by the model's capability `embedding`.")
    pooling: Literal["model", "mean", "cls", "last"] = _option(
        "model", "How token vectors become one; `model` is what the file says, else `mean`."
    )
    truncate_dimensions: bool = _option(
        False, "Allow `dimensions` below the model's own: only right for models trained for it (Matryoshka)."
    )
    mmproj: str | None = _option(
        None, "Projector file beside the model, which lets it see; absent = the first `mmproj*.gguf` in its folder."
    )
    gpu_layers: int | None = _option(None, "Layers on the GPU; absent = as many as fit. Without a GPU device: none.", minimum=0)
    flash_attention: Literal["auto", "on", "off"] = _option("auto", "Whether to use flash attention.")
    cache_type_k: CacheType = _option("f16", "Number format of the key cache; `q8_0` halves its memory.")
    cache_type_v: CacheType = _option("f16", "Number format of the value cache; a quantised one needs flash attention.")
    n_batch: int | None = _option(
        None,
        "Prompt tokens read in one step; a cancelled call and its neighbours wait for a step. Absent = 128 on a CPU.",
        minimum=1,
    )
    n_ubatch: int | None = _option(None, "Tokens computed at a time; absent = `n_batch`.", minimum=1)
    prompt_cache_mib: int = _option(0, "Memory for the prompts of earlier calls beyond the slots' own; 0 = none.", minimum=0)
    seed: int | None = _option(None, "Seed of calls that bring none; absent = another one each time.", minimum=0)
