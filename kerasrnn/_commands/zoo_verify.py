"""`kerasrnn zoo verify`."""

import click

from kerasrnn._terminal import Examples, echo_json, reports_errors


@click.command("verify", cls=Examples, epilog="kerasrnn zoo verify\nkerasrnn zoo verify runs/mine/pos_bilstm")
@click.argument("names", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@reports_errors
def zoo_verify(names: tuple[str, ...], as_json: bool) -> None:
    """Check the files of the models NAMES, or of all: checksums, names, shapes, finite values."""
    from kerasrnn.zoo import preset

    faults = {}
    for name in names or preset.names():
        try:
            found = preset.find(name)
            arrays = found.arrays()
        except ValueError as error:
            faults[name] = str(error)
            continue
        if not as_json:
            click.echo(
                f"{found.name}: {len(arrays)} arrays, {sum(array.size for array in arrays.values()):,} numbers, whole"
            )
    if as_json:
        echo_json({"whole": not faults, "faults": faults})
    if faults:
        raise ValueError("; ".join(faults.values()))
