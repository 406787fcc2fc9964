"""The one place where time passes.

`scan(step, inputs, states)` runs `step(x_t, states) -> (new_states, traces)` over the time axis of `inputs`
on whatever backend Keras uses, holds states where a mask says so, and returns the last states and every trace
over time. Layers know nothing of loops; a faster loop, or a gradient faster than the automatic one, is written here and
nowhere else. `unfold` is the loop of decoding, which ends when its results say so.
"""

from kerasrnn._registration import register_after_engine
from kerasrnn.engine.compiled import compiled_for, roomy_time
from kerasrnn.engine.options import alike
from kerasrnn.engine.recurrence import portable, recur
from kerasrnn.engine.scan import Scanned, scan
from kerasrnn.engine.scores import additive_scores
from kerasrnn.engine.unfold import Unfolded, unfold

__all__ = [
    "Scanned",
    "Unfolded",
    "additive_scores",
    "alike",
    "compiled_for",
    "portable",
    "recur",
    "roomy_time",
    "scan",
    "unfold",
]

register_after_engine()
