"""Start of the command line: ``sklearn-melanoma``, or ``python -m sklearn_melanoma``."""

import os
import signal
import sys
from typing import Any


def main() -> None:
    """Run the command line. Ctrl-C ends it with one line, also while the modules are imported, which takes seconds."""
    before = signal.signal(signal.SIGINT, _stop)
    try:
        from sklearn_melanoma.cli import main as run
    except ImportError as error:
        if "sklearn-melanoma[cli]" not in str(error):
            raise
        sys.exit(f"Error: {error}")
    signal.signal(signal.SIGINT, before)
    run()


def _stop(number: int, frame: Any) -> None:
    # An exception could be lost: some extension modules make an ImportError of it.
    os.write(2, b"Interrupted: stopped before the end.\n")
    os._exit(130)


if __name__ == "__main__":
    main()
