"""Dataflow: what code reads, binds, deletes and may change."""

from nb2prod.dataflow.flow import Deferred, Fit, Flow, Import
from nb2prod.dataflow.scopes import analyse
from nb2prod.dataflow.syntax import HISTORY, Unparsable, parse

__all__ = ["HISTORY", "Deferred", "Fit", "Flow", "Import", "Unparsable", "analyse", "parse"]
