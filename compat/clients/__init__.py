"""Clients that other people wrote, against respq."""
