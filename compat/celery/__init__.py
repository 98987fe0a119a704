"""Celery 5.7, unmodified, on respq and on redis-server 8.2.3: the same application, the same numbers.

`pytest compat/celery` starts each server, a worker with two processes, a worker with two threads, and
whatever else a test needs (a beat, a worker that is killed), and runs every test on both servers.
What a task did is read from a journal that it writes itself, a file that neither server knows of: so
"never lost" and "how often" do not rest on what is being tested.

Tests wait for conditions, never for times. Every process is ended by its process id, and if a test
fails, the logs of the processes that run are part of its report.
"""
