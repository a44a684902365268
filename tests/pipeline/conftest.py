"""One app in this process, with the real plugins and the echo engine in real workers."""

from __future__ import annotations

from pathlib import Path

import pytest
from llmlb_testing.asgi import open_app

TOML = """
[auth]
is_disabled = true

[log]
access = false

[admission]
queue_size = 2
queue_timeout_s = 1.5

[server]
max_body_bytes = 100000
body_timeout_s = 0.3

[models.echo]
engine = "echo"

[models.slow]
engine = "echo"
capabilities = ["text_generation"]
options = { delay_s = 0.02, max_concurrency = 1 }

[models.small]
engine = "echo"
options = { context_tokens = 50 }

[models.small-vectors]
engine = "echo"
capabilities = ["embedding"]
options = { context_tokens = 50 }

[models.raising]
engine = "echo"
options = { fault = "raise_mid_answer", fault_after_tokens = 3 }

[models.late]
engine = "echo"
options = { load_delay_s = 0.6 }
"""


@pytest.fixture
async def client(tmp_path: Path, request: pytest.FixtureRequest):
    """An app that is open for one test; ``indirect`` parameters are lines for its ``[server]`` table."""
    toml = TOML.replace("[server]", f"[server]\n{getattr(request, 'param', '')}")
    async with open_app(tmp_path / "data", toml) as client:
        yield client
