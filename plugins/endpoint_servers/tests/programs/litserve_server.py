"""A model behind LitServe's OpenAI route: says what it was told, word by word; prints its address when it serves."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import litserve


class Parrot(litserve.LitAPI):
    """The model."""

    def setup(self, device: str) -> None:
        """Nothing to load."""

    def predict(self, request: Any) -> Iterator[str]:
        """Yield the words of the last message."""
        for word in request.messages[-1].content.split():
            yield f"{word} "


if __name__ == "__main__":
    server = litserve.LitServer(Parrot(spec=litserve.OpenAISpec()), accelerator="cpu", workers_per_device=1)
    server.run(host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False, num_api_servers=1, log_level="warning")
