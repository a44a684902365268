"""llmlb-core: a pipeline, a plugin host, and the contracts between them.

Everything a user would call a feature is a plugin. This module names what plugins may use; names are imported on first use, so
that ``import llmlb_core`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from llmlb_core.version import CONTRACT_VERSION, __version__

if TYPE_CHECKING:
    # `as` makes each a public name for type checkers, which cannot read the table below.
    from llmlb_core.contracts.admission import (  # noqa: I001  # sorted; one statement a name would be three times as long
        AdmissionPolicy as AdmissionPolicy,
        Admit as Admit,
        Load as Load,
        Reject as Reject,
        Wait as Wait,
        Waiter as Waiter,
    )
    from llmlb_core.contracts.auth import Authenticator as Authenticator, Authorizer as Authorizer
    from llmlb_core.contracts.cloud import Cloud as Cloud, Price as Price
    from llmlb_core.contracts.dialect import (
        Decoded as Decoded,
        Dialect as Dialect,
        Entry as Entry,
        ImageReference as ImageReference,
        Renderer as Renderer,
        Route as Route,
        RoutingFields as RoutingFields,
        SoundReference as SoundReference,
    )
    from llmlb_core.contracts.endpoint import Endpoint as Endpoint, Result as Result
    from llmlb_core.contracts.endpoint_kind import (
        Answer as Answer,
        Continuation as Continuation,
        EndpointKind as EndpointKind,
        Server as Server,
    )
    from llmlb_core.contracts.engine import (
        Cancel as Cancel,
        EmbeddingEngine as EmbeddingEngine,
        Engine as Engine,
        Feature as Feature,
        TextDelta as TextDelta,
        TextEngine as TextEngine,
        TextRequest as TextRequest,
        float32_rows as float32_rows,
    )
    from llmlb_core.contracts.media_engines import (
        ImageEngine as ImageEngine,
        RerankEngine as RerankEngine,
        Samples as Samples,
        SpeechEngine as SpeechEngine,
        TranscriptionEngine as TranscriptionEngine,
    )
    from llmlb_core.contracts.metrics import (
        HistogramSample as HistogramSample,
        MetricFamily as MetricFamily,
        MetricsView as MetricsView,
        Sample as Sample,
    )
    from llmlb_core.contracts.modelstore import (
        BundleMember as BundleMember,
        ModelFormat as ModelFormat,
        ModelStore as ModelStore,
    )
    from llmlb_core.contracts.observer import (
        Bodies as Bodies,
        BodySink as BodySink,
        Feedback as Feedback,
        Observer as Observer,
    )
    from llmlb_core.contracts.plugin import (
        ModelInfo as ModelInfo,
        ModelListing as ModelListing,
        ModelView as ModelView,
        Plugin as Plugin,
    )
    from llmlb_core.contracts.router import (
        UNKNOWN as UNKNOWN,
        Filter as Filter,
        Picker as Picker,
        Rank as Rank,
        Router as Router,
        Scorer as Scorer,
    )
    from llmlb_core.contracts.routes import Routes as Routes
    from llmlb_core.contracts.server_dialect import (
        AnswerReader as AnswerReader,
        Encoded as Encoded,
        Refusal as Refusal,
        ServerDialect as ServerDialect,
    )
    from llmlb_core.contracts.storage import StorageApp as StorageApp
    from llmlb_core.contracts.streams import (
        DIFFERS as DIFFERS,
        UNFINISHED as UNFINISHED,
        Fault as Fault,
        Identity as Identity,
        StreamReader as StreamReader,
    )
    from llmlb_core.domain.calls import Call as Call, Head as Head, Operation as Operation, new_id as new_id
    from llmlb_core.domain.chat import (
        ChatRequest as ChatRequest,
        CompletionRequest as CompletionRequest,
        CountRequest as CountRequest,
        EmbeddingRequest as EmbeddingRequest,
        ImagePart as ImagePart,
        Message as Message,
        ResponseFormat as ResponseFormat,
        Sampling as Sampling,
        TextPart as TextPart,
        Thinking as Thinking,
        Tool as Tool,
        ToolCall as ToolCall,
        ToolChoice as ToolChoice,
    )
    from llmlb_core.domain.devices import Device as Device
    from llmlb_core.domain.endpoints import Candidate as Candidate, Choice as Choice, Outcome as Outcome, Target as Target
    from llmlb_core.domain.explanations import (
        ExplainedCandidate as ExplainedCandidate,
        ExplainedRank as ExplainedRank,
        Explanation as Explanation,
    )
    from llmlb_core.domain.facts import STALE_S as STALE_S, EndpointFacts as EndpointFacts
    from llmlb_core.domain.forms import (
        Form as Form,
        FormFile as FormFile,
    )
    from llmlb_core.domain.media import (
        AudioChunk as AudioChunk,
        AudioFormat as AudioFormat,
        Blob as Blob,
        DrawingStep as DrawingStep,
        ImageRequest as ImageRequest,
        Picture as Picture,
        PictureFailed as PictureFailed,
        Ranking as Ranking,
        RerankRequest as RerankRequest,
        SpeechRequest as SpeechRequest,
        TranscriptFacts as TranscriptFacts,
        TranscriptionRequest as TranscriptionRequest,
        TranscriptSegment as TranscriptSegment,
        Word as Word,
    )
    from llmlb_core.domain.models import (
        Capability as Capability,
        Fit as Fit,
        LocalModel as LocalModel,
        Manifest as Manifest,
        ManifestFile as ManifestFile,
        ModelFacts as ModelFacts,
        Placement as Placement,
        Unfit as Unfit,
    )
    from llmlb_core.domain.principals import Credential as Credential, Principal as Principal, Scope as Scope
    from llmlb_core.domain.records import Attempt as Attempt, Record as Record
    from llmlb_core.domain.remote import RemoteDevice as RemoteDevice, RemoteModel as RemoteModel, Report as Report
    from llmlb_core.domain.results import (
        Delta as Delta,
        TokenLogprob as TokenLogprob,
        ToolCallDelta as ToolCallDelta,
        TopLogprob as TopLogprob,
        Usage as Usage,
        Vectors as Vectors,
    )
    from llmlb_core.domain.sse import split_events as split_events
    from llmlb_core.domain.transcript import MAX_PIECES as MAX_PIECES, Differs as Differs, Echo as Echo, Transcript as Transcript
    from llmlb_core.hookspecs import hookimpl as hookimpl
    from llmlb_core.models.naming import model_id_of as model_id_of
    from llmlb_core.routing.composed import Composed as Composed
    from llmlb_core.routing.plain import Idle as Idle, InFlight as InFlight, Rotation as Rotation
    from llmlb_core.security.secrets import new_token as new_token, read_private as read_private, write_private as write_private
    from llmlb_core.settings.sections import setting as setting
    from llmlb_core.telemetry.log import get_logger as get_logger
    from llmlb_core.upstream.usage import told_usage as told_usage
    from llmlb_core.worker.environment import worker_environment as worker_environment
    from llmlb_core.worker.guards import guard_process as guard_process

_HOMES = {
    "contracts.admission": "Admit AdmissionPolicy Load Reject Wait Waiter",
    "contracts.auth": "Authenticator Authorizer",
    "contracts.cloud": "Cloud Price",
    "contracts.dialect": "Decoded Dialect Entry ImageReference Renderer Route RoutingFields SoundReference",
    "contracts.endpoint": "Endpoint Result",
    "contracts.endpoint_kind": "Answer Continuation EndpointKind Server",
    "contracts.engine": "Cancel EmbeddingEngine Engine Feature TextDelta TextEngine TextRequest float32_rows",
    "contracts.media_engines": "ImageEngine RerankEngine Samples SpeechEngine TranscriptionEngine",
    "contracts.metrics": "HistogramSample MetricFamily MetricsView Sample",
    "contracts.modelstore": "BundleMember ModelFormat ModelStore",
    "contracts.observer": "Bodies BodySink Feedback Observer",
    "contracts.plugin": "ModelInfo ModelListing ModelView Plugin",
    "contracts.router": "Filter Picker Rank Router Scorer UNKNOWN",
    "contracts.routes": "Routes",
    "contracts.server_dialect": "AnswerReader Encoded Refusal ServerDialect",
    "contracts.storage": "StorageApp",
    "contracts.streams": "DIFFERS UNFINISHED Fault Identity StreamReader",
    "domain.calls": "Call Head Operation new_id",
    "domain.chat": "ChatRequest CompletionRequest CountRequest EmbeddingRequest ImagePart Message ResponseFormat Sampling TextPart "
    "Thinking Tool ToolCall ToolChoice",
    "domain.devices": "Device",
    "domain.endpoints": "Candidate Choice Outcome Target",
    "domain.explanations": "ExplainedCandidate ExplainedRank Explanation",
    "domain.facts": "EndpointFacts STALE_S",
    "domain.forms": "Form FormFile",
    "domain.media": "AudioChunk AudioFormat Blob DrawingStep ImageRequest Picture PictureFailed Ranking RerankRequest "
    "SpeechRequest TranscriptFacts TranscriptSegment TranscriptionRequest Word",
    "domain.models": "Capability Fit LocalModel Manifest ManifestFile ModelFacts Placement Unfit",
    "domain.principals": "Credential Principal Scope",
    "domain.records": "Attempt Record",
    "domain.remote": "RemoteDevice RemoteModel Report",
    "domain.results": "Delta TokenLogprob ToolCallDelta TopLogprob Usage Vectors",
    "domain.sse": "split_events",
    "domain.transcript": "Differs Echo MAX_PIECES Transcript",
    "hookspecs": "hookimpl",
    "models.naming": "model_id_of",
    "routing.composed": "Composed",
    "routing.plain": "Idle InFlight Rotation",
    "security.secrets": "new_token read_private write_private",
    "settings.sections": "setting",
    "telemetry.log": "get_logger",
    "upstream.usage": "told_usage",
    "worker.environment": "worker_environment",
    "worker.guards": "guard_process",
}
_HOME_BY_NAME = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = sorted([*_HOME_BY_NAME, "CONTRACT_VERSION", "__version__"])  # noqa: PLE0605  # a list, made from the table above


def __getattr__(name: str) -> object:
    """Import a public name on first use."""
    home = _HOME_BY_NAME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value
