"""Training that is seeded, logged and resumable."""

from kerasrnn.zoo.training.loop import train

__all__ = ["train"]
