"""Content types: those in which a service is asked and answers."""

from __future__ import annotations

from collections.abc import Mapping

JSON = b"application/json"
ARROW = b"application/vnd.apache.arrow.stream"
PARQUET = b"application/vnd.apache.parquet"
CSV = b"text/csv; charset=utf-8"

# By the endings that paths have.
TABLES: Mapping[str, bytes] = {"json": JSON, "csv": CSV, "parquet": PARQUET, "arrow": ARROW}
PICTURES: Mapping[str, bytes] = {"svg": b"image/svg+xml", "png": b"image/png", "json": JSON}
