"""Command line: a verb on a notebook. Results go to stdout, narration to stderr; exit 0 done, 1 failed, 2 wrong use."""

from __future__ import annotations

import importlib
import json
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nb2prod import __version__, settings
from nb2prod.cli.flags import FORMAT, KERNEL, NOTEBOOK, OUTPUT_FILE, STORE, shown, stages, workers
from nb2prod.errors.runs import MISUSE
from nb2prod.startup import arguments

if TYPE_CHECKING:
    from collections.abc import Callable

    from nb2prod.api import Options
    from nb2prod.events import Event
    from nb2prod.settings import Settings


_CHOSEN = ("store", "kernel", "runner", "cluster", "jobs")


def _parameters(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `-p`, and for programs one that takes all parameters as a JSON object, so that types come through."""
    typed = click.option("--parameters-json", "typed", hidden=True, default="{}")
    given = click.option(
        "-p", "--parameter", "given", nargs=2, multiple=True, help="NAME VALUE; as often as needed. As papermill's -p."
    )
    return given(typed(command))


# Verbs of other modules, which are imported on use: to make commands takes as long as to run a stage.
_ELSEWHERE = {
    "debug": "monitor", "deploy": "deliver", "deployments": "deploy", "monitor": "monitor", "promote": "deploy",
    "releases": "records", "report": "records", "reproduce": "deploy", "rollback": "deploy", "runs": "records",
    "score": "score", "serve": "deploy", "show": "records", "stop": "deploy", "store": "store", "warm": "warm",
}  # fmt: skip


class _Verbs(click.Group):
    """All verbs, here and elsewhere."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *_ELSEWHERE])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _ELSEWHERE:
            return super().get_command(ctx, cmd_name)
        found: click.Command = getattr(importlib.import_module(f"nb2prod.cli.{_ELSEWHERE[cmd_name]}"), cmd_name)
        return found


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """Tag cells, click Ship, get a service you can trust."""
    signal.signal(signal.SIGTERM, _interrupt)


def _interrupt(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _status(found: dict[str, Any]) -> int:
    """Return the exit code for a result."""
    if found["ok"]:
        return 0
    return 2 if (found["error"] or {}).get("code") in MISUSE else 1


@main.command()
@NOTEBOOK
@click.option("--fix", is_flag=True, help="First do what the cures say, in place, where that is safe.")
@click.option("--apply", "choices", metavar="CODE[:CELL[:WAY]]", multiple=True, help="First do this fix, in place.")
@FORMAT
@shown
def check(notebook: Path, style: str, fix: bool, choices: tuple[str, ...]) -> None:  # noqa: FBT001
    """Say what would not reproduce in NOTEBOOK, and the cure."""
    from nb2prod import api, schema
    from nb2prod.text import verbs

    for words in choices:
        click.echo(_apply(notebook, words), err=True)
    for finding in api.fix(notebook) if fix else ():
        click.echo(f"mended {finding.code}: {finding.message} {finding.fix and finding.fix.title}.", err=True)
    _, found = api.inspect(api.read(notebook), notebook)
    if style == "json":
        click.echo(json.dumps({"notebook": notebook.name, "findings": [schema.finding(f) for f in found]}, indent=1))
    else:
        click.echo(verbs.findings(found, notebook.name))
    sys.exit(1 if any(f.severity == "error" for f in found) else 0)


def _apply(notebook: Path, words: str) -> str:
    """Do the one fix that words name, and say what it was."""
    from nb2prod import api
    from nb2prod.checks import choice

    _, found = api.inspect(api.read(notebook), notebook)
    fixes = choice.chosen(found, words)
    if len(fixes) != 1:
        known = fixes or [(finding, fix) for finding in found for fix in finding.fixes]
        ways = "".join(f"\n  {choice.named(finding, fix)}  {fix.title}" for finding, fix in known)
        said = "means several fixes" if fixes else "is no fix of what is found"
        raise click.BadParameter(f"'{words}' {said}; there are:{ways or ' none'}", param_hint="--apply")
    (finding, chosen), *_ = fixes
    api.mend(notebook, finding.code, finding.place.cell_id, chosen.title)
    return f"mended {finding.code}: {finding.message} {chosen.title}."


@main.command()
@NOTEBOOK
@click.option("--why", is_flag=True, help="Say of each name why it flows, and what the last run saw of it.")
@click.option("--format", "style", type=click.Choice(["text", "json", "mermaid"]), default="text", show_default=True)
@shown
def graph(notebook: Path, style: str, why: bool) -> None:  # noqa: FBT001
    """Show the stages of NOTEBOOK and what flows between them."""
    from nb2prod import api
    from nb2prod.text import verbs

    found = api.graph(api.read(notebook), notebook)
    if style == "json":
        click.echo(json.dumps(found, indent=1))
    else:
        click.echo(verbs.mermaid(found) if style == "mermaid" else verbs.graph(found, why=why))
    sys.exit(1 if any(finding["severity"] == "error" for finding in found["findings"]) else 0)


@main.command()
@NOTEBOOK
@click.option("--apply", "accept", is_flag=True, help="Tag the notebook so, in place.")
@click.option("-o", "--output", type=OUTPUT_FILE, help="Tag a copy so.")
@click.option("--magic", is_flag=True, help="Tag by `%%stage` lines instead of cell metadata.")
@FORMAT
@shown
def suggest(notebook: Path, accept: bool, output: Path | None, magic: bool, style: str) -> None:  # noqa: FBT001
    """Propose stages for NOTEBOOK, which has none yet, or some."""
    from nb2prod import api
    from nb2prod.text import verbs

    if accept or output:
        found = api.accept(notebook, magic=magic, out=output)
        click.echo(f"{len(found['edits'])} cells tagged in {output or notebook}", err=True)
    else:
        found = api.suggest(api.read(notebook), magic=magic)
    click.echo(json.dumps(found, indent=1) if style == "json" else verbs.suggestion(found))


@main.command()
@NOTEBOOK
@_parameters
@stages
@STORE
@FORMAT
@shown
def plan(notebook: Path, store: str | None, style: str, **flags: Any) -> None:
    """Say for each stage of NOTEBOOK whether it would run, and why."""
    from nb2prod import api, schema
    from nb2prod.text import verbs

    steps = api.plan(notebook, _run_options(flags), settings.read(notebook, store=store))
    found = schema.plan(notebook.name, steps)
    click.echo(json.dumps(found, indent=1) if style == "json" else verbs.plan(found))


@main.command()
@NOTEBOOK
@click.option("-o", "--output", help="Path or URL of the executed notebook.")
@_parameters
@stages
@workers
@STORE
@KERNEL
@click.option("--grid", multiple=True, metavar="NAME=A,B", help="Run every combination of these parameters.")
@click.option("--by", metavar="METRIC", help="With --grid: what the best combination is chosen by.")
@click.option("--ship", is_flag=True, help="With --grid: ship the best combination.")
@click.option("--run-id", hidden=True)
@FORMAT
@shown
def run(notebook: Path, style: str, **flags: Any) -> None:
    """Run the stages of NOTEBOOK; reuse those that nothing changed for."""
    from nb2prod import api, schema
    from nb2prod.text import verbs

    chosen = settings.read(notebook, **{name: flags[name] for name in _CHOSEN})
    if flags["grid"]:
        sys.exit(_sweep(notebook, style, chosen, flags))
    found = schema.report(api.run(notebook, _run_options(flags), chosen, narrate))
    click.echo(json.dumps(found, indent=1) if style == "json" else verbs.report(found))
    sys.exit(_status(found))


@main.command()
@NOTEBOOK
@_parameters
@STORE
@KERNEL
@FORMAT
@shown
def verify(notebook: Path, style: str, **flags: Any) -> None:
    """Run NOTEBOOK by its stages and straight through, and compare every output and value."""
    from nb2prod import api
    from nb2prod.text import verbs

    chosen = settings.read(notebook, store=flags["store"], kernel=flags["kernel"])
    found = api.verify(notebook, _run_options(flags), chosen, narrate)
    click.echo(json.dumps(found, indent=1) if style == "json" else verbs.verified(found))
    sys.exit(_status(found))


@main.command()
@NOTEBOOK
@_parameters
@click.option("--verify/--no-verify", default=True, help="First hold the stages against a straight run.")
@click.option("--serve/--no-serve", default=False, help="Start the service at the end.")
@click.option("--target", default="local", show_default=True, help="Where to serve it, or who takes it.")
@click.option("--port", type=int, help="Port to serve on.  [default: a free one]")
@STORE
@KERNEL
@click.option("--run-id", hidden=True)
@FORMAT
@shown
def ship(notebook: Path, style: str, **flags: Any) -> None:
    """Run NOTEBOOK, package its model, rehearse the package, and release it."""
    from nb2prod import api
    from nb2prod.text import verbs

    chosen = settings.read(notebook, store=flags["store"], kernel=flags["kernel"])
    wanted = flags["serve"] or flags["target"] != "local"
    serving = api.Serving(target=flags["target"] if wanted else None, port=flags["port"])
    found = api.ship(notebook, _run_options(flags), chosen, serving, narrate)
    click.echo(json.dumps(found, indent=1) if style == "json" else verbs.ship(found, str(notebook.parent)))
    if style == "text" and found["url"]:
        row = api.show_release(chosen.home, found["release"])["example"]
        said = None if row is None else api.ask(found["url"], [row])
        click.echo(verbs.asked(found["url"], row, said))
    sys.exit(_status(found))


@main.command()
@NOTEBOOK
@click.option(
    "-o", "--output", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder to write."
)
@FORMAT
@shown
def extract(notebook: Path, output: Path, style: str) -> None:
    """Write NOTEBOOK as one notebook a stage and a Python package with a test."""
    from nb2prod import api

    files = [str(path) for path in api.extract(notebook, output)]
    click.echo(json.dumps({"files": files}, indent=1) if style == "json" else "\n".join(files))


@main.command(hidden=True)
def document() -> None:
    """Run a document that another process has open, for which it says what happens."""
    from nb2prod import relay

    relay.serve(sys.stdin, sys.stdout)


def _sweep(notebook: Path, style: str, chosen: Settings, flags: dict[str, Any]) -> int:
    from attrs import evolve

    from nb2prod import api
    from nb2prod.text import verbs

    options = _run_options(flags)
    found = api.sweep(notebook, flags["grid"], options, chosen, narrate, flags["by"])
    if style == "text":
        click.echo(verbs.sweep(found, str(notebook)))
    if flags["ship"] and found["winner"] is not None:
        best = found["combinations"][found["winner"]]["parameters"]
        options = evolve(options, parameters={**options.parameters, **best}, force=frozenset(), start=None)
        found["ship"] = api.ship(notebook, options, chosen, None, narrate)
        found["ok"] = found["ok"] and found["ship"]["ok"]
        if style == "text":
            click.echo(verbs.ship(found["ship"], str(notebook.parent)))
    if style == "json":
        click.echo(json.dumps(found, indent=1))
    return 0 if found["ok"] else 1


def _options(flags: dict[str, Any]) -> Options:
    from nb2prod.api import Options

    words = [word for pair in flags["given"] for word in pair]
    try:
        return Options(parameters=arguments.given(words, flags["typed"]))
    except (ValueError, TypeError):
        raise click.BadParameter("it is no JSON object", param_hint="--parameters-json") from None


def _run_options(flags: dict[str, Any]) -> Options:
    from attrs import evolve

    base = _options(flags)
    return evolve(
        base,
        output=flags.get("output"),
        force=frozenset(flags.get("force") or ()),
        start=flags.get("start"),
        until=flags.get("until"),
        verify=flags.get("verify", True),
        run=flags.get("run_id") or "",
    )


def narrate(event: Event) -> None:
    """Tell people what happens, on stderr."""
    from nb2prod.text import verbs

    said = verbs.narration(event)
    if said:
        click.echo(said, err=True)
