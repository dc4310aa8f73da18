"""Emit: the files of a pipeline, as text: runnable notebooks and a readable package."""

from nb2prod.emit.files import CannotExtract, definitions, files, mentioned, package_name

__all__ = ["CannotExtract", "definitions", "files", "mentioned", "package_name"]
