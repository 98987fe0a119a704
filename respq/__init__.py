"""respq: a queue server that any Redis client can talk to."""

__version__ = "0.1.0"
