"""BullMQ, unmodified, with respq in the place of Redis."""
