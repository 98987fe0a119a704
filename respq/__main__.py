"""`respq`, which `python -m respq` is as well.

A server comes up without click, for which it has no use: to import that takes a third as long as to import
the server, and sidecars and tests start many.
"""

from __future__ import annotations

import gc
import sys


def main() -> None:
    """Do what the command line says."""
    words = sys.argv[1:]
    if words[:1] == ["serve"] and {"-h", "--help", "--"}.isdisjoint(words) and sys.platform != "win32":
        gc.disable()  # what is imported and loaded is no garbage; the event loop collects when it has time
        try:
            from respq.serving import serve

            sys.exit(serve(words[1:]))
        except KeyboardInterrupt:  # before the event loop takes signals
            sys.exit("respq: interrupted")
    from respq.cli import main as command_line

    command_line(prog_name="respq")


if __name__ == "__main__":
    main()
