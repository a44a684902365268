"""What can be set of endpoints: where they are, how long they may take, how they are watched."""

from __future__ import annotations

from pathlib import Path

from attrs import frozen

from llmlb_core.settings.declare import setting


@frozen
class SecretReference:
    """``[endpoints.api_key]``: where a secret is found; a secret itself never stands in the file."""

    env: str | None = setting(None, "Environment variable that holds it.")
    file: Path | None = setting(None, "File that holds it, alone; relative to the settings file's folder.")


@frozen
class TimeoutSettings:
    """``[endpoints.timeouts]``: how long one endpoint may take."""

    connect_s: float = setting(5.0, "To connect.", minimum=0.01)
    head_s: float = setting(
        30.0, "To begin the answer of a stream, where something else could serve it; else it has `first_token_s`.", minimum=0.01
    )
    first_token_s: float = setting(
        120.0, "To the first content of a stream, where nothing else could serve the call; comments are none.", minimum=0.01
    )
    switch_s: float = setting(
        10.0,
        "The same where another endpoint or a fallback model could: plus 1 s for every 2,000 tokens of the prompt; more where the "
        "endpoint mostly takes longer.",
        minimum=0.01,
    )
    idle_s: float = setting(20.0, "Between two pieces of a stream; comments count.", minimum=0.01)
    plain_s: float = setting(600.0, "To answer a call that is no stream.", minimum=0.01)


@frozen
class EndpointSettings:
    """``[[endpoints]]``: a server, mostly one that speaks OpenAI's API."""

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
    dialects: tuple[str, ...] = setting(
        ("openai",), "What it speaks: calls of these dialects are relayed byte for byte, others are translated to the first."
    )
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
