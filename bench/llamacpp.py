"""llama.cpp's own server, as xllamacpp has it inside, in a process that can be killed: ``python bench/llamacpp.py MODEL SLOTS``.

Prints its address, serves until its stdin closes.
"""

from __future__ import annotations

import sys
from typing import Any

CONTEXT = 192
"""Of one slot, in tokens."""


def main(model: str, slots: str) -> None:
    """Serve *model* with so many slots on one thread."""
    import xllamacpp

    params: Any = xllamacpp.CommonParams()
    params.model.path = model
    params.hostnames, params.port = ["127.0.0.1"], 0
    params.n_parallel, params.n_ctx, params.kv_unified = int(slots), int(slots) * CONTEXT, False
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.n_gpu_layers, params.fit_params, params.cache_ram_mib = 0, False, 0
    params.endpoint_slots = params.endpoint_props = True
    params.verbosity, params.warmup = 1, False
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
