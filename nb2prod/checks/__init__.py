"""Checks: why a pipeline would not reproduce, where, and the cure; found without running anything."""

from nb2prod.checks.base import Finding
from nb2prod.checks.fixes import Fix
from nb2prod.checks.rules import RULES, check

__all__ = ["RULES", "Finding", "Fix", "check"]
