"""The engine ``llamacpp``."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import ClassVar

from llmlb_core import (
    Cancel,
    Device,
    EmbeddingEngine,
    Feature,
    Fit,
    LocalModel,
    ModelFacts,
    Placement,
    TextDelta,
    TextEngine,
    TextRequest,
    Unfit,
    Vectors,
)
from llmlb_core.errors import EngineFailed, ModelFilesInvalid, ModelTooLarge
from llmlb_engine_llamacpp import plan as planning
from llmlb_engine_llamacpp.body import completion_body
from llmlb_engine_llamacpp.events import EventReader
from llmlb_engine_llamacpp.format import GGUFFormat, other_parts, projector_of
from llmlb_engine_llamacpp.handover import Handover
from llmlb_engine_llamacpp.header import Header, read_header
from llmlb_engine_llamacpp.native import NativeServer, Props
from llmlb_engine_llamacpp.options import LlamaCppOptions
from llmlb_engine_llamacpp.pictures import normalised
from llmlb_engine_llamacpp.plan import Plan
from llmlb_engine_llamacpp.readahead import read_ahead
from llmlb_engine_llamacpp.schemas import SchemaGate
from llmlb_engine_llamacpp.vectors import Embedder
from llmlb_engine_llamacpp.vocabulary import Vocabulary

_LAST_CALLS_TIMEOUT_S = 5.0


class LlamaCppEngine(TextEngine, EmbeddingEngine):
    """Runs GGUF models with llama.cpp in this process: slots, continuous batching, a prompt cache in each slot.

    ``generate`` is asynchronous: one thread a call waits inside llama.cpp and hands its events to the loop, which saves the second
    hand-over that a plain iterator would take. All methods are safe from any thread once ``load`` returned.
    """

    name: ClassVar[str] = "llamacpp"
    formats: ClassVar[tuple[str, ...]] = ("gguf",)
    supports: frozenset[Feature] = frozenset(
        {"json_schema", "logprobs", "seed", "logit_bias", "penalties", "token_prompts", "dimensions"}
    )
    options_class: ClassVar[type | None] = LlamaCppOptions

    def __init__(self) -> None:
        """Hold nothing until ``load``."""
        self._native: NativeServer | None = None
        self._props: Props | None = None
        self._options = LlamaCppOptions()
        self._calls: dict[Handover, threading.Thread] = {}

    @classmethod
    def fit(cls, facts: ModelFacts, devices: Sequence[Device]) -> Fit | Unfit:
        """Say whether and how well llama.cpp runs such a model here."""
        return planning.fit(facts, devices)

    def load(self, model: LocalModel, placement: Placement, options: object) -> None:
        """Check the file's header, then load it.

        Raises:
            ModelFilesInvalid: The file is missing, damaged, cut, or of an architecture that this llama.cpp does not know.
            ModelTooLarge: It needs more memory than is free.
        """
        path = model.path
        if path is None:
            raise ModelFilesInvalid(f"Model {model.id!r} has no file; llama.cpp needs one in GGUF format.")
        header = read_header(path)
        facts = GGUFFormat().read_facts(path)
        self._options = options if isinstance(options, LlamaCppOptions) else LlamaCppOptions()
        plan = planning.plan_load(model, facts, placement, self._options)
        for part in (path, *other_parts(path, header)):
            read_ahead(part)
        projector = self._projector(path)
        native = self._start(path, plan, facts, header, projector)
        try:
            self._props = native.props()
            self._vocabulary = Vocabulary.of(native, header, facts)
        except BaseException:
            native.stop()
            raise
        self._native = native
        if self._props.sees:
            self.supports = self.supports | {"images"}
        self._schemas = SchemaGate(native, self._vocabulary.bos_id)
        limit = min(self._props.context_tokens, plan.ubatch_tokens)
        self._embedder = Embedder(native, limit, self._options.truncate_dimensions) if plan.embeds else None
        self.max_concurrency = plan.parallel_count

    def unload(self) -> None:
        """Stop every call, wait for their threads, free the model."""
        calls = list(self._calls.items())
        for handover, _ in calls:
            handover.abandon()
        for _, thread in calls:
            thread.join(_LAST_CALLS_TIMEOUT_S)
        native, self._native, self._embedder = self._native, None, None
        if native is not None:
            native.stop()

    @property
    def context_tokens(self) -> int | None:
        """The context of one sequence as llama.cpp made it."""
        return self._props.context_tokens if self._props is not None else None

    def chat_template(self) -> str | None:
        """Return the template that the loaded model carries."""
        return self._props.chat_template or None if self._props is not None else None

    def count_tokens(self, text: str) -> int:
        """Count *text* as generating from it would: special tokens are read as such, a begin token is added where one is due."""
        prompt = self._vocabulary.prompt(text, add_special=True)
        return len(prompt) if isinstance(prompt, list) else len(self._loaded().tokenize(prompt, add_special=True))

    async def generate(self, request: TextRequest, cancel: Cancel) -> AsyncIterator[TextDelta]:
        """Yield about one delta a token, and at first one that only says how long the prompt is."""
        native = self._loaded()
        handover = Handover()
        reader = EventReader(request.top_logprobs, (self._vocabulary.eos_id, self._vocabulary.eos_token))
        thread = threading.Thread(target=self._run, args=(native, request, handover), name="llamacpp-call", daemon=True)
        cancel.on_set(handover.abandon)
        try:
            self._calls[handover] = thread
            thread.start()
            async for event in handover.events():
                delta = reader.read(event)
                if delta is not None:
                    yield delta
        finally:
            handover.abandon()
            if not thread.is_alive():
                self._calls.pop(handover, None)
        if not reader.is_done and not cancel.is_set:
            raise EngineFailed("llama.cpp ended an answer without saying why it was over.")

    def embed(self, inputs: Sequence[str | tuple[int, ...]], dimensions: int | None, cancel: Cancel) -> Vectors:
        """Return one vector of unit length per input."""
        self._loaded()
        if self._embedder is None:
            raise EngineFailed(
                "The model was loaded for text only. Give it the capability `embedding` or the option `embedding = true` "
                "in llmlb.toml, and load it again."
            )
        return self._embedder.embed(inputs, dimensions, cancel)

    def _run(self, native: NativeServer, request: TextRequest, handover: Handover) -> None:
        """Make one call of llama.cpp, in a thread of its own."""
        error: BaseException | None = None
        try:
            schema = self._schemas.enforced(request.json_schema) if request.json_schema is not None else None
            seed = self._options.seed
            if request.images:
                seen = self._with_images(request)
                if not handover.is_abandoned:
                    native.complete_with_images(completion_body(request, seen, schema, seed), handover.feed)
                return
            prompt = self._vocabulary.prompt(request.prompt, add_special=request.add_special)
            if not handover.is_abandoned:
                native.complete(completion_body(request, prompt, schema, seed), handover.feed)
        except BaseException as caught:  # noqa: BLE001  # raised again in `generate`, on the loop
            error = caught
        finally:
            self._calls.pop(handover, None)
            handover.end(error)

    def _with_images(self, request: TextRequest) -> dict[str, object]:
        """Return the prompt with its images, in the form of llama.cpp's own route."""
        assert isinstance(request.prompt, str)
        assert self._props is not None
        text = request.prompt.replace(request.image_mark, self._props.media_marker)
        bos = self._vocabulary.bos_token
        if self._vocabulary.adds_bos and bos and text.startswith(bos):
            text = text[len(bos) :]
        if text.endswith(self._props.media_marker):
            text += "\n"  # llama.cpp ends its process where nothing follows the last image
        return {"prompt_string": text, "multimodal_data": [normalised(image) for image in request.images]}

    def _projector(self, path: Path) -> Path | None:
        if self._options.mmproj is None:
            return projector_of(path)
        projector = path.parent / self._options.mmproj
        if not projector.is_file():
            raise ModelFilesInvalid(
                f"The option mmproj names {self._options.mmproj!r}, and there is no such file beside {path.name}."
            )
        return projector

    def _start(self, path: Path, plan: Plan, facts: ModelFacts, header: Header, projector: Path | None) -> NativeServer:
        """Load the file, and say why it cannot be where it cannot."""
        pooling = None if self._options.pooling == "model" else self._options.pooling
        if pooling is None and not header.number(f"{facts.architecture}.pooling_type"):
            pooling = "mean"
        needed = planning.memory_bytes(facts, plan.context_tokens * plan.parallel_count)
        free = planning.free_memory_bytes()
        try:
            return NativeServer.start(path, plan, self._options, pooling, projector)
        except RuntimeError as error:
            if not plan.devices and free is not None and needed > free:
                raise ModelTooLarge(
                    f"{path.name} needs about {needed >> 20} MiB for {plan.parallel_count} sequences of {plan.context_tokens} "
                    f"tokens, and {free >> 20} MiB are free. Lower context_tokens or parallel_count, or unload another model."
                ) from error
            raise ModelFilesInvalid(
                f"llama.cpp cannot load {path.name} (architecture {facts.architecture or 'not named'}, {header.size_bytes} bytes); "
                "its reasons stand in the worker's output above. Fetch the file again, or update xllamacpp for a new architecture."
            ) from error

    def _loaded(self) -> NativeServer:
        if self._native is None:
            raise EngineFailed("No model is loaded.")
        return self._native
