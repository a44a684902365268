"""Runs ``python -m bench``."""

import sys

try:
    from bench.cli import main
except ModuleNotFoundError as missing:  # after `make run` alone, what tests and the bench need is not there yet
    sys.exit(f"bench: there is no module {missing.name!r} in {sys.executable}; `make dev` installs what the bench needs into .venv")

if __name__ == "__main__":
    raise SystemExit(main())
