"""Lua for EVAL and its kin. Knows no commands: these come in `commands.scripting`, which is called back."""
