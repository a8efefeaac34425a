"""What people type and read: one file per command, file name = command name."""
