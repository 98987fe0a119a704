"""The append-only file. `aof` is what others see of it."""
