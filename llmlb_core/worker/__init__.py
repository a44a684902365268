"""Workers: the processes that run models on this machine, and the server's side of them.

One process per loaded model, started as ``python -m llmlb_core.worker <plugin> <engine> <channel>``. A crash, a leak or an
out-of-memory kill ends that process and nothing else; unloading gives all memory back because a process ends.

Both sides: ``frames`` (what crosses), ``codec`` (how values cross), ``faults`` (how errors cross), ``channel`` (on what).
The child: ``child`` (its loop), ``lookup`` (finds the engine), ``guards`` (dies with the server), ``generation`` and
``chat_format`` (everything between an engine and the frames).
The server: ``supervisor`` (all models) → ``instance`` (one model, as an endpoint) → ``lifecycle`` (its state machine) →
``process`` (one process) → ``stream`` (one call); with ``residency`` (who may be in memory), ``backoff`` (when to try again),
``hang`` (who shows no sign of life) and ``limits``.
"""
