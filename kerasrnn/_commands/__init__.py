"""The commands, one a file. A module here imports nothing heavy before its command runs."""
