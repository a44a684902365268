"""xllamacpp's in-process server: started, asked and stopped here, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

import msgspec
from attrs import define, field

from llmlb_core.errors import EngineFailed
from llmlb_engine_llamacpp.address import Address
from llmlb_engine_llamacpp.options import LlamaCppOptions
from llmlb_engine_llamacpp.own_events import as_completion
from llmlb_engine_llamacpp.plan import Plan
from llmlb_engine_llamacpp.signals import kept_signal_handlers

# Errors only. At "warning" llama.cpp writes a line for every cancelled call.
_VERBOSITY = 1


class _Tokens(msgspec.Struct):
    tokens: list[int]


class _Settings(msgspec.Struct):
    n_ctx: int


class Props(msgspec.Struct):
    """What a loaded model says about itself."""

    default_generation_settings: _Settings
    chat_template: str = ""
    media_marker: str = ""
    modalities: dict[str, bool] = {}

    @property
    def sees(self) -> bool:
        """Whether a projector for images is loaded."""
        return self.modalities.get("vision", False)

    @property
    def context_tokens(self) -> int:
        """Context of one sequence."""
        return self.default_generation_settings.n_ctx


@define
class NativeServer:
    """A loaded model. Every method may be called from any thread, and from several at a time."""

    address: Address
    _server: Any = field(repr=False)

    @classmethod
    def start(cls, path: Path, plan: Plan, options: LlamaCppOptions, pooling: str | None, projector: Path | None) -> Self:
        """Load *path*, and *projector* with it. Holds the GIL all the while: xllamacpp's constructor does not give it up.

        Raises:
            RuntimeError: llama.cpp refused; its reasons are on stderr.
        """
        import xllamacpp

        address = Address.new()
        params = _params(xllamacpp, path, plan, options, pooling)
        if projector is not None:
            params.mmproj.path, params.mmproj_use_gpu = str(projector), bool(plan.devices)
        params.hostnames, params.port, params.api_keys = [address.host], 0, [address.key]
        try:
            with kept_signal_handlers():
                server = xllamacpp.Server(params)
        except RuntimeError:
            address.close()
            raise
        if not address.is_socket:
            address.port = int(server.listening_address.rpartition(":")[2])
        started = cls(address, server)
        started.settle()
        return started

    def settle(self) -> None:
        """Wait until the model's loop runs, by a question that it answers itself.

        xllamacpp's destructor tells that loop to end and waits for it; one that begins only then never hears of it.
        """
        self.address.ask("/lora-adapters")

    def props(self) -> Props:
        """Ask for the model's properties."""
        return msgspec.json.decode(self.address.ask("/props"), type=Props)

    def tokenize(self, text: str, *, add_special: bool) -> list[int]:
        """Return the token ids of *text*; special tokens written in it count as such."""
        body = {"content": text, "add_special": add_special, "parse_special": True}
        return msgspec.json.decode(self.address.ask("/tokenize", body), type=_Tokens).tokens

    def complete(self, body: bytes, on_event: Callable[[bytes], bool]) -> None:
        """Generate; *on_event* gets each event as JSON, in this thread, and returns True to stop.

        Raises:
            EngineFailed: llama.cpp raised.
        """
        try:
            self._server.handle_completions(body, on_event)
        except RuntimeError as error:
            raise EngineFailed(f"llama.cpp failed: {error}") from error

    def complete_with_images(self, body: bytes, on_event: Callable[[bytes], bool]) -> None:
        """Generate from a prompt with images, which only llama.cpp's own route takes; as ``complete``."""
        for line in self.address.stream("/completion", body):
            if line.startswith(b"data: ") and on_event(as_completion(line[6:])):
                return

    def embed(self, inputs: Sequence[Sequence[int]]) -> bytes:
        """Return the answer document for *inputs*, vectors in base64.

        Raises:
            EngineFailed: llama.cpp raised.
        """
        try:
            answer = self._server.handle_embeddings(msgspec.json.encode({"input": inputs, "encoding_format": "base64"}))
        except RuntimeError as error:
            raise EngineFailed(f"llama.cpp failed: {error}") from error
        return bytes(answer)

    def stop(self) -> None:
        """Free the model, once the last call has let go of it."""
        self._server = None
        self.address.close()


def _params(xllamacpp: Any, path: Path, plan: Plan, options: LlamaCppOptions, pooling: str | None) -> Any:
    """Write *plan* and *options* down as xllamacpp wants them."""
    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.verbosity = _VERBOSITY
    # Every sequence has its own share: a long one never takes the context of another.
    params.n_parallel, params.kv_unified = plan.parallel_count, False
    params.n_ctx = plan.context_tokens * plan.parallel_count
    params.n_batch, params.n_ubatch = plan.batch_tokens, plan.ubatch_tokens
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = plan.threads
    params.n_threads_http = 2
    params.warmup = False
    params.ui = params.endpoint_slots = params.endpoint_props = params.endpoint_metrics = False
    # A ping is a comment, which xllamacpp would hand over as a broken event.
    params.sse_ping_interval = -1
    # Unbounded growth is off by default: llama.cpp itself would keep 8 GiB of earlier prompts.
    params.cache_ram_mib = options.prompt_cache_mib
    params.cache_idle_slots = options.prompt_cache_mib > 0
    params.flash_attn_type = getattr(
        xllamacpp.llama_flash_attn_type,
        {"auto": "LLAMA_FLASH_ATTN_TYPE_AUTO", "on": "LLAMA_FLASH_ATTN_TYPE_ENABLED", "off": "LLAMA_FLASH_ATTN_TYPE_DISABLED"}[
            options.flash_attention
        ],
    )
    params.cache_type_k = getattr(xllamacpp.ggml_type, f"GGML_TYPE_{options.cache_type_k.upper()}")
    params.cache_type_v = getattr(xllamacpp.ggml_type, f"GGML_TYPE_{options.cache_type_v.upper()}")
    if plan.embeds:
        params.embedding = True
        if pooling is not None:
            params.pooling_type = getattr(xllamacpp.llama_pooling_type, f"LLAMA_POOLING_TYPE_{pooling.upper()}")
    _place(xllamacpp, params, plan, options)
    return params


def _place(xllamacpp: Any, params: Any, plan: Plan, options: LlamaCppOptions) -> None:
    """Choose between the CPU, one GPU and several."""
    if not plan.devices:
        params.n_gpu_layers, params.fit_params = 0, False
        return
    # Without a number llama.cpp itself finds out how many layers fit.
    params.n_gpu_layers = -1 if options.gpu_layers is None else options.gpu_layers
    params.fit_params = options.gpu_layers is None
    index = plan.devices[0].rpartition(":")[2]
    if len(plan.devices) == 1 and index.isdigit():
        params.main_gpu = int(index)
        params.split_mode = xllamacpp.llama_split_mode.LLAMA_SPLIT_MODE_NONE
