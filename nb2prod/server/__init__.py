"""Server: nb2prod's verbs over HTTP, for JupyterLab and Notebook 7.

It decides nothing: a handler finds the notebook below the server's root, calls `api` or `jobs`, and writes what they
return. Runs are processes of their own; this server only reads their journals, so it may stop and start as it likes.
"""

from nb2prod.server.routes import _load_jupyter_server_extension

__all__ = ["_load_jupyter_server_extension"]
