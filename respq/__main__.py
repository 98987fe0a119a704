"""`python -m respq` is `respq`."""

from __future__ import annotations

from respq.cli import main

if __name__ == "__main__":
    main(prog_name="respq")
