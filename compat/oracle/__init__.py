"""The oracle: the same commands go to respq and to redis-server 8.2.3, and the reply bytes are compared.

How it works, from the outside in:

- `grammar/` says what to send. The syntax of every command is read off redis-server's own
  `COMMAND DOCS`, so no option can be forgotten; one module per family adds the values worth
  trying and lists the errors that a command has to meet.
- `every_option.py` needs no family: it gives every option of every command its turn, directly, in
  transactions and by scripts. `elsewhere.py` says where the few commands are compared that nobody writes.
- `case.py` turns a seed into a sequence of commands and the ways to deliver it: one by one,
  pipelined in one write, split at random bytes, spread over several clients in one turn of the
  event loop, each in RESP2 and RESP3.
- `targets.py` runs a case: against a server process, or against respq's engine in this process
  (bytes in, bytes out, no socket), which is where most of the runs happen because it is fast.
- `compare.py` compares streams of replies, and `normalise.py` the few replies that may differ;
  the reasons are in `differences.md`.
- `runner.py` puts that together, shrinks what fails and keeps the coverage of options and errors.
- `parity.py` writes PARITY.md: of every command what was compared, and what may differ.
- `faults.py` and `option_faults.py` hold the faults that are planted to show that the oracle would find them.
"""
