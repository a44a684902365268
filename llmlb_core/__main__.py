"""``python -m llmlb_core`` is ``llmlb``."""

import sys

from llmlb_core.cli import main

if __name__ == "__main__":
    sys.exit(main())
