"""Generation inside a worker: from a canonical request and an engine to deltas and vectors.

``plan`` says what a request means for an engine (prompts, sequences), ``streams`` runs engine code in threads or tasks, ``answer``
reads what one sequence yields, ``choices`` runs the sequences side by side and counts them whole; ``generate`` is all of it.
"""

from llmlb_core.worker.generation.results import generate

__all__ = ["generate"]
