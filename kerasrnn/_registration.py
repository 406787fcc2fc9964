"""Makes Keras know our layers, losses and metrics without importing Keras: a hook that waits until Keras has executed.

`import kerasrnn` must stay cheap (the command line imports it before it knows whether Keras is needed), and
`keras.saving.load_model` must find our classes in every import order. TensorFlow imports Keras during its own
import, so nothing that they import at module level may import TensorFlow.
"""

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any


def register_with_keras() -> None:
    """Import what registers itself now if Keras is imported, else right after it will be."""
    if _keras_has_executed():
        _register()
    elif not any(isinstance(finder, _KerasFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _KerasFinder())


def register_after_engine() -> None:
    """What `_RegisteringLoader` left to the engine, which imported Keras and could not be registered with it."""
    if _keras_has_executed():
        sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _KerasFinder)]
        _register()


def _register() -> None:
    for name in ("layers", "losses", "metrics"):
        importlib.import_module(f"kerasrnn.{name}")


def _keras_has_executed() -> bool:
    keras = sys.modules.get("keras")
    return keras is not None and not getattr(keras.__spec__, "_initializing", False)


def _engine_is_executing() -> bool:
    engine = sys.modules.get("kerasrnn.engine")
    return engine is not None and bool(getattr(engine.__spec__, "_initializing", False))


class _KerasFinder(importlib.abc.MetaPathFinder):
    """Finds only `keras`, as the finders behind it would, with a loader that registers ours afterwards.

    Where Keras itself is importing us, that is too late: then the first import after Keras has executed registers them.
    """

    def __init__(self) -> None:
        self._searching = False

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if self._searching:
            return None
        if fullname != "keras":
            if _keras_has_executed() and self in sys.meta_path and not _engine_is_executing():
                sys.meta_path.remove(self)
                _register()
            return None
        self._searching = True
        try:
            spec = importlib.util.find_spec("keras")
        finally:
            self._searching = False
        if spec is not None and spec.loader is not None:
            spec.loader = _RegisteringLoader(spec.loader, self)
        return spec


class _RegisteringLoader(importlib.abc.Loader):
    """Runs Keras' own loader, puts it back in place, then imports ours."""

    def __init__(self, loader: Any, finder: _KerasFinder) -> None:
        self._loader, self._finder = loader, finder

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        module.__loader__ = self._loader
        self._loader.exec_module(module)
        if _engine_is_executing():
            return  # it imported Keras, and the layers need all of it: it registers them at its end
        if self._finder in sys.meta_path:
            sys.meta_path.remove(self._finder)
        _register()
