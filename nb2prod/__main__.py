"""`python -m nb2prod`: the command line, for processes that have no PATH of their own."""

from nb2prod.cli import main

main()
