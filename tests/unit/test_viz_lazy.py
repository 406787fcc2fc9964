"""Heavy imports wait until they are needed."""

import subprocess
import sys

import pytest

import kerasrnn.viz


def modules_after(code: str) -> set[str]:
    text = (
        f"{code}; import sys; print(*[n for n in ('keras', 'tensorflow', 'matplotlib', 'numpy') if n in sys.modules])"
    )
    return set(subprocess.run([sys.executable, "-c", text], capture_output=True, check=True, text=True).stdout.split())


def test_importing_the_package_imports_nothing_heavy() -> None:
    assert modules_after("import kerasrnn.viz, kerasrnn.viz.write; dir(kerasrnn.viz)") == set()


def test_figures_need_no_keras() -> None:
    code = "from kerasrnn.viz import Capture, attention_heatmap, bptt_curve, gates_heatmap, write_figure"
    assert modules_after(code) == {"matplotlib", "numpy"}


def test_pyplot_is_never_imported() -> None:
    code = "import numpy as np; from kerasrnn.viz import attention_heatmap as draw, write_figure as write; "
    code += "import io, os; write(draw(np.eye(2)), os.path.join(__import__('tempfile').mkdtemp(), 'a.png')); "
    text = code + "import sys; print('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", text], capture_output=True, check=True, text=True).stdout == "False\n"


def test_public_names() -> None:
    assert set(dir(kerasrnn.viz)) == set(kerasrnn.viz.__all__)
    for name in kerasrnn.viz.__all__:
        assert getattr(kerasrnn.viz, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = kerasrnn.viz.nothing
