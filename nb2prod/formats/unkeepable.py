"""Unkeepable: a value that cannot be stored."""

from __future__ import annotations


class Unkeepable(Exception):
    """The value cannot be stored; says why."""
