"""Lua for EVAL and its kin. Knows no commands: these come in `commands.scripthost`, which is called back."""
