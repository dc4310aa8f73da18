"""`nb2prod` and `python -m nb2prod`: the command line, behind what can be answered without it."""

import sys

from nb2prod import unchanged


def main() -> None:
    """Answer from the memo of the last run when nothing changed; else let the verb be carried out."""
    if not unchanged.answered(sys.argv[1:]):
        from nb2prod.cli import main as commands

        commands(prog_name="nb2prod")


if __name__ == "__main__":
    main()
