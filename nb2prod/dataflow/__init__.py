"""Dataflow: what code reads, binds, deletes and may change."""

from nb2prod.dataflow.scopes import Deferred, Flow, Import, analyse
from nb2prod.dataflow.syntax import Unparsable, parse

__all__ = ["Deferred", "Flow", "Import", "Unparsable", "analyse", "parse"]
