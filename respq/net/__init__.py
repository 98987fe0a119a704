"""Sockets and the event loop around the engine, which knows neither."""
