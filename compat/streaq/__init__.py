"""streaq 7, unmodified, on respq and on redis-server 8.2.3: one application, one worker, the same outcome.

`pytest compat/streaq` starts each server, a worker, workers that are killed and servers that are restarted,
and runs every test on both servers. Tasks are entries of one stream for each priority; functions of a library
(FUNCTION LOAD, FCALL) publish them and read them (XAUTOCLAIM, then XREADGROUP, priority by priority), XCLAIM
keeps those that are at work from being taken for abandoned, XACK and XDEL end them in one transaction with
the result, which is published.

It looks for XREADGROUP with MAXCOUNT and CLAIM when it starts, and finds it in respq: there it reads without
the function.

What a task did is read from the journal that it writes itself (`compat.journal`).
"""
