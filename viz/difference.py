"""What differs between two models on the same input: one capture less another."""

import numpy as np

from kerasrnn.viz.arrays import Capture


def difference(first: Capture, second: Capture) -> Capture:
    """Every array of `second` less the same array of `first`, where both count.

    Arrays belong together by what follows the layer's name, so the layers may have different names.

    Args:
        first: such as an earlier checkpoint's.
        second: such as a later one's.

    Returns:
        A `Capture` under the names of `second`, whose arrays are signed; `facts["largest"]` has the largest difference,
        by array.

    Raises:
        ValueError: nothing in common, other shapes, or other tokens.
    """
    one, two = (_by_name(capture) for capture in (first, second))
    common = [name for name in two if name in one]
    if not common:
        known = ", ".join(one)
        raise ValueError(f"second: expected arrays that the first has too ({known}), received {', '.join(two)}")
    for name in common:
        if one[name].shape != two[name].shape:
            raise ValueError(
                f"second: expected {name!r} of shape {one[name].shape}, as the first has it, received {two[name].shape}"
            )
    for axis in ("tokens", "source_tokens"):
        texts = getattr(first, axis), getattr(second, axis)
        if None not in texts and texts[0] != texts[1]:
            raise ValueError(f"second: expected the {axis.replace('_', ' ')} of the first, received others")
    mask = first.mask & second.mask
    source_mask = None
    if second.source_mask is not None and first.source_mask is not None:
        source_mask = first.source_mask & second.source_mask
    arrays = {f"{second.layer}/{name}": two[name].astype(float) - one[name].astype(float) for name in common}
    found = Capture(
        arrays,
        second.layer,
        first.tokens if second.tokens is None else second.tokens,
        first.source_tokens if second.source_tokens is None else second.source_tokens,
        mask,
        source_mask,
    )
    found.facts["largest"] = {name: largest(found, f"{second.layer}/{name}") for name in common}
    return found


def largest(found: Capture, key: str) -> float:
    """The largest absolute value of an array at the steps that count."""
    array = found.arrays[key]
    kept = found.mask if array.ndim < 4 else np.repeat(found.mask[:, None], array.shape[1], axis=1)
    values = np.abs(array[kept])
    return float(values[np.isfinite(values)].max(initial=0.0))


def _by_name(capture: Capture) -> dict[str, np.ndarray]:
    return {key[len(capture.layer) + 1 :]: array for key, array in capture.arrays.items()}
