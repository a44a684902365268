"""The dialect ``openai``: four inference routes, both ways."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar

from llmlb_core import (
    Call,
    Capability,
    Decoded,
    Dialect,
    Form,
    FormFile,
    ImageReference,
    Operation,
    Renderer,
    Route,
    RoutingFields,
    SoundReference,
    StreamReader,
)
from llmlb_core.errors import CallError, InvalidRequest
from llmlb_dialect_openai.decode.body import load, routing_fields, speech_routing_fields
from llmlb_dialect_openai.decode.chat import decode_chat
from llmlb_dialect_openai.decode.completion import decode_completion
from llmlb_dialect_openai.decode.embedding import decode_embedding
from llmlb_dialect_openai.decode.form import form_routing_fields
from llmlb_dialect_openai.decode.image import decode_image, decode_image_edit, decode_image_variation
from llmlb_dialect_openai.decode.rerank import decode_rerank
from llmlb_dialect_openai.decode.response import decode_response
from llmlb_dialect_openai.decode.speech import MAX_CHARACTERS, decode_speech
from llmlb_dialect_openai.decode.transcription import decode_transcription, decode_translation
from llmlb_dialect_openai.error_document import error_document
from llmlb_dialect_openai.fields import Fields
from llmlb_dialect_openai.images import images_of, with_images
from llmlb_dialect_openai.pictures.gallery import Gallery
from llmlb_dialect_openai.render.chat_answer import ChatAnswer
from llmlb_dialect_openai.render.chat_stream import ChatStream
from llmlb_dialect_openai.render.completion import CompletionAnswer, CompletionStream
from llmlb_dialect_openai.render.embedding import EmbeddingAnswer
from llmlb_dialect_openai.render.image import ImageAnswer, ImageStream
from llmlb_dialect_openai.render.relayed import RelayedEvents
from llmlb_dialect_openai.render.rerank import RerankAnswer
from llmlb_dialect_openai.render.response_answer import ResponseAnswer
from llmlb_dialect_openai.render.response_stream import ResponseStream
from llmlb_dialect_openai.render.speech import SpeechAnswer, SpeechStream
from llmlb_dialect_openai.render.transcription import TranscriptAnswer, TranscriptStream
from llmlb_dialect_openai.sounds import sounds_of, transcript_of, transcription, with_texts
from llmlb_dialect_openai.stream.chunks import ChunkReader
from llmlb_dialect_openai.stream.media import MEDIA, MediaReader
from llmlb_dialect_openai.stream.response import ResponseReader
from llmlb_dialect_openai.stream.wishes import choice_count, picture_count, prompt_count, wants_usage

RESTART = b'event: llmlb.restart\ndata: {"object":"llmlb.restart","choices":[]}\n\n'
"""The answer so far is void, another one follows from its beginning, with ids of its own."""

AUDIO_BYTES = 25 * 1024 * 1024
CHAT_BYTES = 36 * 1024 * 1024
"""A recording of that size in base64, and 2.6 MB of text; `[server] max_body_bytes` may be less."""
IMAGE_BYTES = 4 * 1024 * 1024
"""Of each picture; an edit takes up to 16 and a mask."""

SOUND_MARK = b'"input_audio"'

_DECODERS: dict[Operation, Callable[[Fields], Decoded]] = {
    Operation.CHAT: decode_chat,
    Operation.COMPLETION: decode_completion,
    Operation.EMBEDDING: decode_embedding,
    Operation.RESPONSE: decode_response,
    Operation.RERANK: decode_rerank,
    Operation.IMAGE: decode_image,
}
_FORM_DECODERS: dict[Operation, Callable[[Form], Decoded]] = {
    Operation.IMAGE_EDIT: decode_image_edit,
    Operation.IMAGE_VARIATION: decode_image_variation,
    Operation.TRANSCRIPTION: decode_transcription,
    Operation.TRANSLATION: decode_translation,
}
_PLAIN: dict[Operation, Callable[[Call, str], Renderer]] = {
    Operation.CHAT: ChatAnswer,
    Operation.COMPLETION: CompletionAnswer,
    Operation.EMBEDDING: EmbeddingAnswer,
    Operation.RESPONSE: ResponseAnswer,
    Operation.RERANK: RerankAnswer,
    Operation.SPEECH: SpeechAnswer,
    Operation.TRANSCRIPTION: TranscriptAnswer,
    Operation.TRANSLATION: TranscriptAnswer,
}
_STREAMED: dict[Operation, Callable[[Call, str], Renderer]] = {
    Operation.CHAT: ChatStream,
    Operation.COMPLETION: CompletionStream,
    Operation.RESPONSE: ResponseStream,
    Operation.IMAGE: ImageStream,
    Operation.SPEECH: SpeechStream,
    Operation.TRANSCRIPTION: TranscriptStream,
    Operation.IMAGE_EDIT: ImageStream,
}
_IMAGES = frozenset({Operation.IMAGE, Operation.IMAGE_EDIT, Operation.IMAGE_VARIATION})
# What a route calls a canonical parameter, where that is another name.
_PARAMS: dict[Operation, dict[str, str]] = {
    Operation.CHAT: {"prompt": "messages"},
    Operation.COMPLETION: {"messages": "prompt"},
    Operation.EMBEDDING: {"messages": "input", "prompt": "input"},
    Operation.RERANK: {"messages": "documents"},
    Operation.RESPONSE: {
        "messages": "input",
        "prompt": "input",
        "response_format": "text.format",
        "logprobs": "include",
        "max_tokens": "max_output_tokens",
        "reasoning_effort": "reasoning.effort",
    },
}


class OpenAIDialect(Dialect):
    """OpenAI's API as its public reference has it, checked against the types of the official SDK."""

    name: ClassVar[str] = "openai"
    routes: tuple[Route, ...] = (
        Route(
            "/v1/chat/completions",
            Operation.CHAT,
            Capability.TEXT_GENERATION,
            CHAT_BYTES,
            image_mark=b'"image_url"',
            sound_mark=SOUND_MARK,
        ),
        Route("/v1/completions", Operation.COMPLETION, Capability.TEXT_GENERATION),
        Route("/v1/embeddings", Operation.EMBEDDING, Capability.EMBEDDING),
        Route(
            "/v1/responses",
            Operation.RESPONSE,
            Capability.TEXT_GENERATION,
            CHAT_BYTES,
            image_mark=b'"input_image"',
            sound_mark=SOUND_MARK,
        ),
        Route("/v1/rerank", Operation.RERANK, Capability.RERANK),
        Route("/v1/audio/speech", Operation.SPEECH, Capability.TEXT_TO_SPEECH),
        Route("/v1/audio/transcriptions", Operation.TRANSCRIPTION, Capability.SPEECH_TO_TEXT, AUDIO_BYTES, takes_form=True),
        Route("/v1/audio/translations", Operation.TRANSLATION, Capability.SPEECH_TO_TEXT, AUDIO_BYTES, takes_form=True),
        Route("/v1/images/generations", Operation.IMAGE, Capability.IMAGE_GENERATION),
        Route("/v1/images/edits", Operation.IMAGE_EDIT, Capability.IMAGE_GENERATION, 17 * IMAGE_BYTES, takes_form=True),
        Route("/v1/images/variations", Operation.IMAGE_VARIATION, Capability.IMAGE_GENERATION, 2 * IMAGE_BYTES, takes_form=True),
    )

    def __init__(self, gallery: Gallery | None = None, speech_max_characters: int = MAX_CHARACTERS) -> None:
        """Publish pictures in *gallery*; None = their URLs are data URLs."""
        self._gallery = gallery
        self._decoders = _DECODERS | {Operation.SPEECH: partial(decode_speech, max_characters=speech_max_characters)}

    def parse(self, route: Route, body: bytes) -> RoutingFields:
        """Decode the routing fields. A missing model is an error, but for embeddings, which may have a default one."""
        fields = speech_routing_fields(body) if route.operation is Operation.SPEECH else routing_fields(body)
        if not fields.model and route.operation is not Operation.EMBEDDING:
            code = "missing_model" if route.operation in _IMAGES else "missing_required_parameter"
            raise InvalidRequest("you must provide a model parameter", param="model", code=code)
        return fields

    def decode(self, route: Route, body: bytes) -> Decoded:
        """Decode and check everything."""
        return self._decoders[route.operation](load(body))

    def parse_form(self, route: Route, form: Form) -> RoutingFields:
        """Read the routing fields of a form."""
        fields = form_routing_fields(form)
        if not fields.model and route.operation in _IMAGES:
            raise InvalidRequest("You must provide a model: -F model=name.", param="model", code="missing_model")
        return fields

    def decode_form(self, route: Route, form: Form) -> Decoded:
        """Read and check all of a form."""
        return _FORM_DECODERS[route.operation](form)

    def images(self, route: Route, body: bytes) -> tuple[ImageReference, ...]:
        """Look at the types of the parts of messages: a word in a text or a tool's schema is no image."""
        del route
        return images_of(body)

    def with_images(self, route: Route, body: bytes, urls: Sequence[str]) -> bytes:
        """Write *urls* where the images' URLs stand."""
        del route
        return with_images(body, urls)

    def sounds(self, route: Route, body: bytes) -> tuple[SoundReference, ...]:
        """Look at the types of the parts of messages, as ``images`` does."""
        del route
        return sounds_of(body)

    def with_texts(self, route: Route, body: bytes, texts: Sequence[str]) -> bytes:
        """Write *texts* where the recordings stand."""
        del route
        return with_texts(body, texts)

    def transcription(self, model: str, file: FormFile) -> Form:
        """Return a form for ``/v1/audio/transcriptions``."""
        return transcription(model, file)

    def transcript(self, answer: bytes) -> str:
        """Return its ``text``."""
        return transcript_of(answer)

    def renderer(self, call: Call, model: str) -> Renderer:
        """Return the renderer of *call*: events where it asked for a stream, else one object."""
        operation = call.route.operation
        if operation in _IMAGES and not call.stream:
            return ImageAnswer(self._gallery, call, model)
        if call.stream and operation in MEDIA and call.request is None and operation not in _STREAMED:
            return RelayedEvents()
        renderers = _STREAMED if call.stream and operation in _STREAMED else _PLAIN
        return renderers[operation](call, model)

    def reader(self, call: Call) -> StreamReader:
        """Return the reader of *call*'s stream."""
        operation = call.route.operation
        if operation is Operation.RESPONSE:
            return ResponseReader()
        if operation in MEDIA:
            return MediaReader(picture_count(call))
        count = choice_count(call) * (prompt_count(call) if operation is Operation.COMPLETION else 1)
        return ChunkReader(count, wants_usage=wants_usage(call))

    def error(self, error: CallError) -> bytes:
        """Return the body of an error answer."""
        return error_document(error)

    def restart(self, call: Call) -> bytes | None:
        """Return an event with a name of its own and no choices; the Responses API numbers its events and has none."""
        return RESTART if call.route.operation in (Operation.CHAT, Operation.COMPLETION) else None

    def param(self, call: Call, name: str) -> str:
        """Return the name that the reference of the call's route has."""
        return _PARAMS.get(call.route.operation, {}).get(name, name)
