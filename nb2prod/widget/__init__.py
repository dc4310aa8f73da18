"""Widget: the pipeline of a notebook in any front-end that shows ipywidgets."""

from nb2prod.widget.panel import Panel
from nb2prod.widget.progress import Progress

__all__ = ["Panel", "Progress"]
