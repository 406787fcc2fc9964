"""`kerasrnn viz weights`."""

from typing import Any

import click

from kerasrnn._commands.session import Session
from kerasrnn._terminal import Examples, drawing, reports_errors


@click.command(
    cls=Examples,
    epilog="""kerasrnn viz weights
    kerasrnn viz weights dates_bahdanau --layer decoder -o decoder.svg
    kerasrnn viz weights my_model.keras --layer lstm_1 --json""",
)
@drawing("weights.png", without=("text", "input_", "vocabulary", "row", "tokens"))
@reports_errors
def weights(**given: Any) -> None:
    """The weights of a recurrent layer by gate: kernels, recurrent kernels, singular values, spectral radius.

    MODEL is the name of a trained model (see: kerasrnn zoo list) or the path of a .keras file. Without --layer it is
    the first recurrent layer. Nothing is run, so a .keras file needs no input.
    """
    session = Session(**given, runs=False)
    from kerasrnn.viz import capture_weights, weights_heatmap

    found = session.find(capture_weights)
    arrays = {key[len(found.layer) + 1 :]: array for key, array in found.arrays.items()}
    singular, radius = found.facts["singular values"], found.facts["spectral radius"]
    title = session.title(f"weights of {found.layer}")

    def figure() -> Any:
        import numpy as np

        values = {key: np.array(part, float) for key, part in singular.items()}
        return weights_heatmap(arrays, singular=values, radius=radius, title=title, **session.style)

    def in_terminal(screen: Any) -> Any:
        from kerasrnn.viz.terminal import table

        rows = []
        for key, array in arrays.items():
            largest = next((f"{value:.3g}" for value in singular.get(key, []) if value is not None), "")
            size = radius.get(key)
            shape = " × ".join(map(str, array.shape))
            norm = found.facts["norm"][key]
            figures = ["NaN" if norm is None else f"{norm:.3g}", largest, "" if size is None else f"{size:.3g}"]
            rows.append([key, shape, *figures])
        return table(["weight", "shape", "norm", "largest singular value", "spectral radius"], rows, title)

    session.finish(figure, found, terminal=in_terminal)
