"""The commands, one module per group. Importing this package declares them all."""

from respq.command import SPECS
from respq.commands import connection

__all__ = ["SPECS", "connection"]
