"""Command line: the verbs, each a thin layer over `nb2prod.api`."""
