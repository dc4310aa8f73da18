"""`nb2prod` and `python -m nb2prod`: the command line, behind what can be answered without it."""

import sys

from nb2prod.daemon import client
from nb2prod.startup import unchanged

_OFTEN = 50_000  # new objects between two looks for garbage: what imports make is none, and there is little else


def main() -> None:
    """Carry a command out; from where it began, Ctrl-C is its own business."""
    try:
        _carried_out()
    except KeyboardInterrupt:  # while it was being imported
        sys.exit("Stopped.")


def _carried_out() -> None:
    """Answer from the memo of the last run when nothing changed; else have the verb carried out, warm or here."""
    if "nb2prod" not in sys._xoptions:  # else all this was asked before the process began again, see `early_fork`
        if unchanged.answered(sys.argv[1:]):
            return
        status = client.carried_out(sys.argv[1:])
        if status is not None:
            sys.exit(status)
    import gc

    from nb2prod.runners import early_fork

    early_fork.born(sys.argv[1:])
    gc.set_threshold(_OFTEN)
    try:
        _commands()
    finally:
        early_fork.dismissed()


def _commands() -> None:
    from nb2prod.cli.main import main as commands

    commands(prog_name="nb2prod")


def stand_by() -> None:
    """Be the daemon, which carries out the commands of others."""
    from nb2prod.daemon import server

    server.main(_commands)


if __name__ == "__main__":
    main()
