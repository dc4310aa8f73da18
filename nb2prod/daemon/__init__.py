"""Daemon: a process that has imported libraries once and carries commands out, and those who speak with it."""
