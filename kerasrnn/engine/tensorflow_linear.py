"""The parallel scan on TensorFlow: h = a ⊙ h₋ + b for all steps in log₂ t passes, and backwards for its gradient.

W. D. Hillis, G. L. Steele, Data parallel algorithms, Communications of the ACM 29(12), 1986.
"""

from typing import Any

import tensorflow as tf

Tensor = Any


@tf.autograph.experimental.do_not_convert
def states_of(a: Tensor, b: Tensor, before: Tensor) -> Tensor:
    """All h `(b, t, u)` of `h_t = a_t ⊙ h_{t-1} + b_t` for `a, b (b, t, u)` and `h_0 (b, u)`; t may be unknown."""
    first = b[:, :1] + a[:, :1] * before[:, None]
    return _from_zero(a, tf.concat([first, b[:, 1:]], axis=1))


@tf.custom_gradient
def _from_zero(a: Tensor, b: Tensor) -> Any:
    """As `states_of`, with h_0 = 0. It keeps a and h for the gradient, and none of the passes."""
    h = _doubled(a, b)

    def gradient(into: Tensor) -> tuple[Tensor, Tensor]:
        # g_t = into_t + a_{t+1} ⊙ g_{t+1}: the same recurrence from the last step to the first
        nothing = tf.zeros_like(a[:, :1])
        later = tf.reverse(tf.concat([a[:, 1:], nothing], axis=1), [1])
        g = tf.reverse(_from_zero(later, tf.reverse(into, [1])), [1])
        return g * tf.concat([nothing, h[:, :-1]], axis=1), g

    return h, gradient


def _doubled(a: Tensor, b: Tensor) -> Tensor:
    """After k passes (a, b) of a step are composed of the 2^k steps that end with it."""
    length = tf.shape(a)[1]
    step = tf.range(length)[None, :, None]

    def composed(reach: Tensor, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        earlier = step >= reach
        b = tf.where(earlier, b + a * tf.roll(b, reach, axis=1), b)
        return 2 * reach, tf.where(earlier, a * tf.roll(a, reach, axis=1), a), b

    return tf.while_loop(lambda reach, *_: reach < length, composed, (tf.constant(1), a, b))[2]
