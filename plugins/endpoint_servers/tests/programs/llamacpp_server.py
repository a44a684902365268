"""llama.cpp's own server, as xllamacpp has it inside: prints its address, serves until its stdin closes."""

from __future__ import annotations

import sys

import xllamacpp


def main(model: str, key: str) -> None:
    """Serve *model* with two slots of 512 tokens on one thread."""
    params = xllamacpp.CommonParams()
    params.model.path = model
    params.hostnames, params.port = ["127.0.0.1"], 0
    params.n_parallel, params.n_ctx, params.cpuparams.n_threads = 2, 1024, 1
    params.endpoint_slots = params.endpoint_props = True
    params.verbosity, params.warmup = 1, False
    if key:
        params.api_keys = [key]
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
