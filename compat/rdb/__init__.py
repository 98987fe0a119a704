"""Dumps: payloads and files, written by one server and read by the other."""
