"""Answers in capitals: the smallest engine there is."""

from llmlb_core import Fit, TextDelta, TextEngine, hookimpl


class Shout(TextEngine):
    name = "shout"

    @classmethod
    def fit(cls, facts, devices):
        return Fit(score_0_1=0.01, memory_bytes=0, reason="runs anywhere")

    def load(self, model, placement, options):
        pass

    def count_tokens(self, text):
        return len(text.split())

    def generate(self, request, cancel):
        words, limit = request.prompt.upper().split(), request.sampling.max_tokens
        for word in words[:limit]:
            if cancel.is_set:
                return
            yield TextDelta(f"{word} ")
        yield TextDelta(token_count=0, finish="length" if len(words) > limit else "stop")


@hookimpl
def llmlb_engines():
    return [Shout]
