"""Command line of the store: what is kept, what may go, whether it is whole, and values for other tools."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from attrs import asdict

from nb2prod.cli.flags import FORMAT, OUTPUT_FILE, STORE, shown
from nb2prod.errors.stores import size

if TYPE_CHECKING:
    from nb2prod.stores.base import Store

PLACE = click.argument("folder", type=click.Path(exists=True, path_type=Path), default=".")


@click.group()
def store() -> None:
    """Look after what is kept of the stages that ran."""


def _opened(folder: Path, url: str | None) -> Store:
    from nb2prod import run, settings

    return run.store_of(settings.read(folder / "_", store=url))


@store.command()
@PLACE
@STORE
@FORMAT
@shown
def ls(folder: Path, store: str | None, style: str) -> None:
    """Say what is kept for the notebooks and releases in FOLDER, and how large it is."""
    from nb2prod import stock

    found = stock.listing(_opened(folder, store))
    click.echo(json.dumps(found, indent=1) if style == "json" else _listing(found))


@store.command()
@PLACE
@click.option(
    "--keep-days",
    type=click.FloatRange(0),
    default=30,
    show_default=True,
    help="Days since its last use that it stays.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@STORE
@FORMAT
@shown
def gc(folder: Path, keep_days: float, store: str | None, style: str, *, dry_run: bool) -> None:
    """Remove what no release, no last run and no run of late needs."""
    from nb2prod import stock

    found = stock.collect(_opened(folder, store), keep_days=keep_days, rehearse=dry_run)
    verb = "Would remove" if dry_run else "Removed"
    said = (
        f"{verb} {size(found.bytes)}: {found.records} stage results, {found.blobs} values, "
        f"{found.leftovers} leftovers. {size(found.kept)} stay."
    )
    if found.near:
        said += f" {size(found.near)} near by were not used of late and went, too."
    click.echo(json.dumps(asdict(found), indent=1) if style == "json" else said)


@store.command()
@PLACE
@STORE
@FORMAT
@shown
def verify(folder: Path, store: str | None, style: str) -> None:
    """Read all that is kept and hold it against its hashes; what is wrong is set aside."""
    from nb2prod import stock

    found = stock.damaged(_opened(folder, store))
    if style == "json":
        click.echo(json.dumps({"ok": not found, "damaged": found}, indent=1))
    else:
        click.echo("\n".join(f"{item['code']}: {item['message']}" for item in found) or "All is as it was kept.")
        if found:
            click.echo("Run the notebooks again: what is gone is made anew.")
    sys.exit(1 if found else 0)


@store.command()
@click.argument("value", metavar="STAGE/NAME")
@PLACE
@click.option("-o", "--output", required=True, type=OUTPUT_FILE, help=".parquet .arrow .csv .npy")
@STORE
@FORMAT
@shown
def export(value: str, folder: Path, output: Path, store: str | None, style: str) -> None:
    """Write a value that a stage left as a file for people and other tools."""
    from nb2prod import stock, tables

    tables.write(stock.value(_opened(folder, store), value), output)
    written = output.stat().st_size
    found = {"file": str(output), "bytes": written}
    click.echo(json.dumps(found, indent=1) if style == "json" else f"{output} ({size(written)})")


def _listing(found: dict[str, Any]) -> str:
    lines = []
    for item in found["pins"]:
        whole = sum(held["bytes"] for held in item["stages"])
        lines.append(f"{item['kind']} {item['name']} ({size(whole)})")
        wide = max((len(held["stage"]) for held in item["stages"]), default=0)
        for held in item["stages"]:
            names = ", ".join(held["names"])
            said = "no longer whole" if held["lost"] else f"{size(held['bytes']):>9}  {held['seconds']:7.1f} s  {names}"
            lines.append(f"  {held['stage']:{wide}}  {said}")
    lines.append(f"{size(found['bytes'])} in {found['store']}: {found['records']} records, {found['blobs']} values")
    return "\n".join(lines)
