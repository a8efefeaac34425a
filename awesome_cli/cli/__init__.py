"""The commands: one file per command, with the command's name."""
