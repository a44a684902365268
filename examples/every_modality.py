"""Every kind of model on one server, through the official SDK: speak, transcribe, embed, rank, draw, chat.

    python examples/every_modality.py                                      # on a server of its own, with the models of `starter`
    python examples/every_modality.py --url http://127.0.0.1:32768         # on yours, with its key in LLMLB_API_KEY

It checks what comes back and prints how long each step took, with and without loading the model, and how much memory that takes.
A kind that no model of the server has is passed over, unless ``--need`` names it.
"""

from __future__ import annotations

import argparse
import base64
import io
import os
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import openai
from own_server import OwnServer

SENTENCE = "The capital of France is Paris."
RELATED, UNRELATED = "Paris is the largest city of France.", "Bread is baked from flour, water and salt."
PROMPT = "a red circle on blue"
QUESTION = "What is the capital of France?"
KINDS = ("text_to_speech", "speech_to_text", "embedding", "rerank", "image_generation", "text_generation")
UNLOAD_TIMEOUT_S = 60.0


@dataclass
class Step:
    """One row of the table."""

    name: str
    model: str
    first_s: float
    again_s: float
    memory_bytes: int | None
    found: str


@dataclass
class Tour:
    """The steps on one server; each leaves what the next one reads."""

    client: openai.OpenAI
    model_by_kind: dict[str, str]
    steps: list[Step] = field(default_factory=list)
    sound: bytes = b""
    transcript: str = SENTENCE

    def run(self) -> None:
        """Take every step that the server has a model for."""
        steps: dict[str, tuple[str, Callable[[str], str]]] = {
            "text_to_speech": ("speak", self.speak),
            "speech_to_text": ("transcribe", self.transcribe),
            "embedding": ("embed", self.embed),
            "rerank": ("rank", self.rank),
            "image_generation": ("draw", self.draw),
            "text_generation": ("chat", self.chat),
        }
        for kind, (name, step) in steps.items():
            model = self.model_by_kind.get(kind)
            if model is None or (kind == "speech_to_text" and not self.sound):
                continue
            started = time.perf_counter()
            step(model)
            loaded = time.perf_counter()
            found = step(model)
            ended = time.perf_counter()
            self.steps.append(Step(name, model, loaded - started, ended - loaded, self.instances().get(model), found))

    def speak(self, model: str) -> str:
        """Say the sentence."""
        self.sound = self.client.audio.speech.create(model=model, voice="alloy", input=SENTENCE, response_format="wav").read()
        check(self.sound[:4] == b"RIFF", f"no WAV file came, but {self.sound[:12]!r}")
        return f"{len(self.sound) / 1000:.0f} kB of sound"

    def transcribe(self, model: str) -> str:
        """Write it down again, word for word."""
        self.transcript = self.client.audio.transcriptions.create(model=model, file=("speech.wav", self.sound)).text.strip()
        check(words(self.transcript) == words(SENTENCE), f"heard {self.transcript!r}, said {SENTENCE!r}")
        return repr(self.transcript)

    def embed(self, model: str) -> str:
        """Find which of two sentences is about the same."""
        answer = self.client.embeddings.create(model=model, input=[self.transcript, UNRELATED, RELATED])
        first, unrelated, related = (each.embedding for each in answer.data)
        near, far = dot(first, related), dot(first, unrelated)
        check(near > far + 0.2, f"{near:.2f} for the related sentence, {far:.2f} for the other")
        return f"{near:.2f} for what is about the same, {far:.2f} for what is not"

    def rank(self, model: str) -> str:
        """Find which of three sentences answers the question."""
        body = {"model": model, "query": QUESTION, "documents": [UNRELATED, self.transcript, "The train is late."], "top_n": 1}
        answer: Any = self.client.post("/rerank", cast_to=object, body=body)
        (best,) = answer["results"]
        check(best["index"] == 1, f"document {best['index']} came first, expected 1")
        return f"the right one, {best['relevance_score']:.2f}"

    def draw(self, model: str) -> str:
        """Draw, and look at the pixels."""
        answer = self.client.images.generate(
            model=model, prompt=PROMPT, response_format="b64_json", size="256x256", extra_body={"seed": 7}
        )
        png = base64.b64decode((answer.data or [])[0].b64_json or "")
        red, blue = shares(png)
        check(0.02 < red < 0.8, f"{red:.0%} of the picture is red")
        check(blue > 0.2, f"{blue:.0%} of the picture is blue")
        return f"{red:.0%} red on {blue:.0%} blue"

    def chat(self, model: str) -> str:
        """Ask about what was said."""
        content = f'Somebody said: "{self.transcript}" Which city did they name?'
        answer = self.client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": content}], temperature=0, max_tokens=40
        )
        text = (answer.choices[0].message.content or "").strip()
        check("paris" in text.lower(), f"answered {text!r}")
        return repr(text.splitlines()[0][:60])

    def instances(self) -> dict[str, int | None]:
        """Memory of the loaded models, by model."""
        document: Any = self.client.get("../v0/health", cast_to=object)
        return {each["model"]: each["memory_bytes"] for each in document["instances"] if each["state"] == "ready"}


def check(holds: bool, otherwise: str, /) -> None:
    """Stop where something is wrong."""
    if not holds:
        raise SystemExit(f"wrong: {otherwise}")


def words(text: str) -> list[str]:
    """The words of a sentence, without case and punctuation."""
    return re.findall(r"[a-z0-9']+", text.lower())


def dot(one: Sequence[float], other: Sequence[float]) -> float:
    """Vectors have unit length: this is the cosine."""
    return sum(a * b for a, b in zip(one, other, strict=True))


def shares(png: bytes) -> tuple[float, float]:
    """How much of a picture is red, and how much is blue."""
    from PIL import Image

    raw = Image.open(io.BytesIO(png)).convert("RGB").resize((64, 64)).tobytes()
    pixels = [tuple(raw[place : place + 3]) for place in range(0, len(raw), 3)]
    red = sum(r > 120 and r > 1.5 * max(g, b) for r, g, b in pixels)
    blue = sum(b > 100 and b > 1.5 * max(r, g) for r, g, b in pixels)
    return red / len(pixels), blue / len(pixels)


def models_by_kind(client: openai.OpenAI) -> dict[str, str]:
    """The first model of each kind that can be run."""
    found: dict[str, str] = {}
    for model in client.models.list():
        extra = model.model_extra or {}
        for kind in extra.get("capabilities", ()):
            if extra.get("ready", True) and extra.get("engine") != "echo":
                found.setdefault(kind, model.id)
    return found


def table(steps: Sequence[Step]) -> str:
    """The steps as a table in Markdown."""
    lines = ["| step | model | first call | again | memory | what came |", "|---|---|---|---|---|---|"]
    for step in steps:
        memory = "–" if step.memory_bytes is None else f"{step.memory_bytes / 1e6:.0f} MB"
        lines.append(f"| {step.name} | {step.model} | {step.first_s:.2f} s | {step.again_s:.2f} s | {memory} | {step.found} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", help="a server that runs; its key is read from LLMLB_API_KEY")
    parser.add_argument("--data-dir", type=Path, help="where the server of its own keeps its models; absent = a folder that goes")
    parser.add_argument("--need", action="append", default=[], choices=KINDS, help="fail without a model of this kind")
    given = parser.parse_args(arguments)
    if given.url:
        tour = take(given.url, os.environ.get("LLMLB_API_KEY", ""), given.need)
        print(table(tour.steps))
        return
    with OwnServer(given.data_dir) as server:
        tour = take(server.url, server.key, given.need)
        print(table(tour.steps))
        loaded = server.memory_bytes()
        server.await_unloading(UNLOAD_TIMEOUT_S)
        print(f"\nserver and models: {loaded / 1e6:.0f} MB; after the models were unloaded: {server.memory_bytes() / 1e6:.0f} MB")


def take(url: str, key: str, needed: Sequence[str]) -> Tour:
    """Run the tour on the server at *url*."""
    with openai.OpenAI(base_url=f"{url.rstrip('/')}/v1", api_key=key, max_retries=0, timeout=300) as client:
        found = models_by_kind(client)
        missing = [kind for kind in needed if kind not in found]
        check(not missing, f"no model here has: {', '.join(missing)} (llmlb models add starter)")
        tour = Tour(client, found)
        tour.run()
        return tour


if __name__ == "__main__":
    main()
