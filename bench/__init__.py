"""The project's own bench: what a call costs, in the proxy's CPU time, next to what it costs others.

``python -m bench run`` measures nginx and llmlb, ``python -m bench peers`` everything in ``peers.toml`` that is installed,
``python -m bench report`` writes tables and a plot of a saved result, ``python -m bench check`` is the short run of CI.
``startup.py``, ``engine.py`` and ``choose.py`` are programs of their own.

How: the server runs alone on one core; load and two fake engines (``c/``) run on another. What counts is CPU time, user and
system, of the server's process tree, per call or per streamed event, and its ratio to nginx in the same round: absolute figures
move with the machine, ratios of interleaved rounds hold. A run in which a call failed reports the failure, not a speed.
"""
