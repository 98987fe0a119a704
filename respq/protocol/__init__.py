"""The wire format: requests in (`reader`), replies out (`resp`). Knows nothing of commands or data."""

Argv = list[bytes]  # one command: its name and its arguments; never changed once read
