"""What importing a module costs, looked at in a fresh interpreter."""

from __future__ import annotations

import json
import os
import subprocess
import sys

HEAVY_MODULES = frozenset(
    {
        *("torch", "tensorflow", "jax", "numpy", "scipy", "pandas", "transformers", "diffusers", "accelerate", "safetensors"),
        *("onnxruntime", "xllamacpp", "llama_cpp", "exllamav2", "exllamav3", "vllm", "mlx", "whisper", "faster_whisper"),
        *("PIL", "cv2", "av", "soundfile", "quart", "hypercorn", "tortoise", "asyncpg", "aiosqlite", "openai", "boto3"),
    }
)
"""Libraries that no plugin may import before they are used; every one of them costs a start 50 ms to several seconds."""
IMPORT_TIMEOUT_S = 60.0


def modules_after(module: str) -> frozenset[str]:
    """Return the names of all modules that a fresh interpreter has loaded after ``import module``.

    Raises:
        RuntimeError: The import failed; the message has what it said.
    """
    script = f"import sys, json, importlib; importlib.import_module({module!r}); print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=False,
        timeout=IMPORT_TIMEOUT_S,
    )
    if done.returncode:
        raise RuntimeError(f"import {module} failed:\n{done.stderr}")
    return frozenset(json.loads(done.stdout.splitlines()[-1]))


def heavy_imports(module: str, heavy: frozenset[str] = HEAVY_MODULES) -> list[str]:
    """Return which of the libraries *heavy* are loaded by ``import module``."""
    return sorted(heavy & {name.partition(".")[0] for name in modules_after(module)})
