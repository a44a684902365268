"""Bodies whose text is not UTF-8."""

from __future__ import annotations

import pytest

from llmlb_core.errors import InvalidJson


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/responses"])
def test_a_model_name_that_is_no_utf_8_is_refused(dialect, path):
    """It was a 500: msgspec raises ``UnicodeDecodeError``, which is none of its own errors."""
    route = next(route for route in dialect.routes if route.path == path)

    with pytest.raises(InvalidJson, match="UTF-8"):
        dialect.parse(route, b'{"model": "\xc3"}')
