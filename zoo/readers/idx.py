"""Images and labels in the IDX format of MNIST."""

import math
import struct
from pathlib import Path

import numpy as np

from kerasrnn.zoo.readers.files import read_bytes

UNSIGNED_BYTE = 8


def read_idx(path: Path) -> np.ndarray:
    """The array of bytes in an IDX file, gzip or not.

    Raises:
        ValueError: another kind of file, or one that is too short.
    """
    data = read_bytes(path)
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] != UNSIGNED_BYTE:
        raise ValueError(f"{path} is no IDX file of bytes.")
    rank = data[3]
    if len(data) < 4 + 4 * rank:
        raise ValueError(f"{path} is cut off in its header.")
    shape = struct.unpack(f">{rank}I", data[4 : 4 + 4 * rank])
    values = np.frombuffer(data, np.uint8, offset=4 + 4 * rank)
    if values.size != math.prod(shape):
        raise ValueError(f"{path} should hold {shape} bytes; it holds {values.size}.")
    return values.reshape(shape)


def read_images(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Images `(n, height, width)` and labels `(n,)`: `...-images-idx3-ubyte` and `...-labels-idx1-ubyte` beside it."""
    if "-images-idx3" not in path.name:
        raise ValueError(f"{path}: expected a name like train-images-idx3-ubyte.gz, the labels beside it.")
    beside = path.with_name(path.name.replace("-images-idx3", "-labels-idx1"))
    images, labels = read_idx(path), read_idx(beside)
    if images.ndim != 3 or labels.ndim != 1 or len(images) != len(labels):
        raise ValueError(
            f"{path} holds images {images.shape} and {beside.name} labels {labels.shape}: they do not fit."
        )
    return images, labels
