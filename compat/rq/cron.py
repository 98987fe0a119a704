"""What `rq cron` is given: a job every second, by an interval and by an expression with seconds."""

from __future__ import annotations

import os

from rq import cron

from compat.rq.jobs import record
from compat.rq.processes import MARK, QUEUE

cron.register(record, os.environ[QUEUE], args=(os.environ[MARK], "interval"), interval=1, name="interval")
cron.register(record, os.environ[QUEUE], args=(os.environ[MARK], "cron"), cron="* * * * * *", name="cron")
