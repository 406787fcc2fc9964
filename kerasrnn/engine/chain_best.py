"""The best paths of a linear chain, by max-product in log space. Arguments: those of `engine.chain`."""

from typing import Any

from keras import ops

from kerasrnn.engine.chain import LOWEST, shifted, zeros
from kerasrnn.engine.compiled import compiled
from kerasrnn.engine.scan import scan

Tensor = Any


@compiled
def best_path(emissions: Tensor, transitions: Tensor, mask: Tensor) -> Tensor:
    """The tags of the best path, `(b, t)` int32, the first of equals; 0 on masked steps.

    Only scores are kept on the way forward. Which tag came before is asked on the way back, of one tag instead of n.
    """
    n = emissions.shape[-1]

    def step(now: Tensor, states: list[Tensor]) -> Any:
        before, begun = states
        into = ops.where(begun > 0, ops.max(before[:, :, None] + transitions, axis=1), ops.zeros_like(now))
        return [shifted(into + now)[0], ops.ones_like(begun)], {"before": before}

    states = [zeros(emissions, n), zeros(emissions, 1)]
    (after, _), traces = scan(step, emissions, states, mask, widths={"before": n})
    sources = ops.transpose(transitions)

    def back(before: Tensor, states: list[Tensor]) -> Any:
        tag = states[0]
        previous = ops.argmax(before + ops.take(sources, tag[:, 0], axis=0), axis=-1)
        return [ops.cast(previous, "int32")[:, None]], {"tag": tag}

    tag = ops.cast(ops.argmax(after, axis=-1), "int32")[:, None]
    tags = scan(back, traces["before"], [tag], mask, widths={"tag": 1}, go_backwards=True).traces["tag"]
    return ops.flip(tags[..., 0], axis=1)


@compiled
def best_paths(emissions: Tensor, transitions: Tensor, mask: Tensor, *, count: int) -> tuple[Tensor, Tensor]:
    """The tags of the `count` best paths `(b, count, t)` int32, best first, and their scores `(b, count)`.

    -inf is the score where there are fewer paths.
    """
    n, k = emissions.shape[-1], count  # a state is (b, n, k): the k best scores of the paths that end in a tag

    def only_first(x: Tensor) -> Tensor:
        return ops.concatenate([x, ops.repeat(x + LOWEST, k - 1, axis=-1)], axis=-1)

    def step(now: Tensor, states: list[Tensor]) -> Any:
        before, begun = states
        reached = ops.transpose(before[:, :, None] + ops.repeat(transitions, k, axis=0), (0, 2, 1))  # (b, n, n*k)
        arrived, source = ops.top_k(reached, k)
        alone = only_first(ops.zeros_like(now)[..., None])
        after = ops.where(begun[..., None] > 0, arrived, alone) + now[..., None]
        after, shift = shifted(ops.reshape(after, (-1, n * k)))
        traces = {"source": ops.reshape(source, (-1, n * k)), "shift": shift}
        return [after, ops.ones_like(begun)], traces

    states = [zeros(emissions, n * k), zeros(emissions, 1)]
    (after, begun), traces = scan(step, emissions, states, mask, widths={"source": n * k, "shift": 1})
    scores, place = ops.top_k(after, k)
    scores = scores + ops.sum(traces["shift"], axis=1)
    scores = ops.where(begun > 0, scores, only_first(zeros(emissions, 1)))

    def back(source: Tensor, states: list[Tensor]) -> Any:
        place = states[0]
        return [ops.cast(ops.take_along_axis(source, place, axis=1), "int32")], {"tag": place // k}

    places = [ops.cast(place, "int32")]
    tags = scan(back, traces["source"], places, mask, widths={"tag": k}, go_backwards=True).traces["tag"]
    return ops.transpose(ops.flip(tags, axis=1), (0, 2, 1)), scores
