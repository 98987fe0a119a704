"""streaq 5, unmodified, on respq and on redis-server 8.2.3: one application, one worker, the same outcome.

`pytest compat/streaq` starts each server, a worker, workers that are killed and servers that are restarted,
and runs every test on both servers. Tasks are entries of one stream for each priority; Lua scripts publish
them and read them (XAUTOCLAIM, then XREADGROUP, priority by priority), XCLAIM keeps those that are at work
from being taken for abandoned, XACK and XDEL end them in one transaction with the result, which is published.

streaq 6 and 7 keep these scripts as functions (FUNCTION LOAD, FCALL), which respq does not have yet.

What a task did is read from the journal that it writes itself (`compat.journal`).
"""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # it calls something of anyio by its former name
    import streaq as streaq
