"""Candidates: what a notebook may have to ship: a model, a function, or tables and figures."""
