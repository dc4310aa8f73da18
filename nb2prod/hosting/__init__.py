"""Hosting: the processes on this machine that serve releases."""
