"""Settings that must be in place before TensorFlow or JAX is imported, and the fixtures that every test may use."""

import gc
import itertools
import os
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import Phase, settings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # the same sums in the same order, and no notice about it
os.environ.setdefault("NVIDIA_TF32_OVERRIDE", "0")  # TF32 keeps ten bits: too few for a comparison to 1e-5

if os.environ.get("KERAS_BACKEND") == "jax":  # it compiles every call, which is most of a test's time
    programs = Path(__file__).parent.parent / "build" / "jax" / os.environ.get("PYTEST_XDIST_WORKER", "alone")
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(programs))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
    os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")

sys.path.insert(0, str(Path(__file__).parent / "reference"))  # the oracles are imported by tests in other folders too

settings.register_profile(
    "kerasrnn",
    deadline=None,
    max_examples=15,
    derandomize=bool(os.environ.get("CI")),
    phases=[phase for phase in Phase if phase is not Phase.explain],  # its line tracer breaks TensorFlow's C++ code
)
settings.load_profile("kerasrnn")


def pytest_configure(config: pytest.Config) -> None:
    # Keras saves a weight by np.array(variable), and TensorFlow's variables do not know NumPy 2's `copy` keyword.
    config.addinivalue_line(
        "filterwarnings", "ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    other = {"tensorflow": "jax", "jax": "tensorflow"}[os.environ.get("KERAS_BACKEND", "tensorflow")]
    config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker(other)])
    items[:] = [item for item in items if not item.get_closest_marker(other)]


def pytest_collection_finish() -> None:
    """What has been imported and collected stays: the garbage collector need not walk over it again and again."""
    gc.collect()
    gc.freeze()


_finished = itertools.count(1)


def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Graphs and programs lie in cycles, and Python does not know how much memory TensorFlow holds for them."""
    ended = nextitem is None or nextitem.path != item.path
    if ended:
        _forget_gradients()
    if ended or next(_finished) % 10 == 0:
        gc.collect()


def _forget_gradients() -> None:
    """TensorFlow keeps every gradient of a function for good, and with it the graph: 40 % of what a test leaves behind.

    No test differentiates what a test of another file has traced.
    """
    if "tensorflow" not in sys.modules:
        return
    from tensorflow.python.framework import ops  # no public way leads to the registry

    registry = ops.gradient_registry._registry
    for name in [name for name in registry if name.startswith(("CustomGradient-", "PartitionedCall-"))]:
        del registry[name]


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    """A generator of the test's own: its seed is the test's name, so tests neither share nor disturb each other's."""
    return np.random.default_rng(zlib.crc32(request.node.name.encode()))


@pytest.fixture
def fresh_keras() -> Iterator[None]:
    """Automatic layer names start again at no suffix, and nothing built before or here stays in Keras' session.

    No garbage is collected: at each of these tests, in a process of hundreds, that took seconds.
    """
    import keras

    keras.backend.clear_session(free_memory=False)
    yield
    keras.backend.clear_session(free_memory=False)


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Weights that nobody gave are the same in every run and in every order of the tests."""
    if "keras" in sys.modules:
        import keras

        keras.utils.set_random_seed(0)


@pytest.fixture
def float64() -> Iterator[None]:
    """Layers made in the test compute in float64."""
    import keras

    before, floatx = keras.config.dtype_policy(), keras.config.floatx()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_floatx(floatx)
    keras.config.set_dtype_policy(before)


@pytest.fixture(autouse=True)
def small_programs(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """One shard compiles in half of the time of two, which `test_engine` compares.

    Layers as small as those of the tests have one phase; in the tests about masks they have two.
    """
    if "tensorflow" in sys.modules:
        from kerasrnn.engine import tensorflow_adjoint

        monkeypatch.setattr(tensorflow_adjoint, "cores", lambda: 1)
        if request.module.__name__.rpartition(".")[2] in ("test_layers_masks", "test_layers_oracle"):
            monkeypatch.setattr(tensorflow_adjoint, "PHASES", ((0, 2),))
