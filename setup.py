"""Packaging: the checkout's top level is `kerasrnn/ zoo/ viz/ cli.py`; installed, all of it is below `kerasrnn`."""

import re
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).parent
VERSION = re.search(r'__version__ = "([^"]+)"', (HERE / "kerasrnn" / "__init__.py").read_text(encoding="utf-8"))[1]


class BuildPy(build_py):
    """Installs the root `cli.py` as `kerasrnn/cli.py`, and starts from an empty folder."""

    def run(self):
        if not self.editable_mode:
            # setuptools copies into what an earlier build left there, so a module deleted since then would ship again
            shutil.rmtree(self.build_lib, ignore_errors=True)
        super().run()

    def find_package_modules(self, package, package_dir):
        modules = super().find_package_modules(package, package_dir)
        if package == "kerasrnn":
            modules.append((package, "cli", "cli.py"))
        return modules


setup(
    name="kerasrnn",
    version=VERSION,
    description="Recurrent models you can see inside: Keras layers, a zoo of trained models, pictures of what they do",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license_expression="Apache-2.0 AND OFL-1.1",  # the code; the fonts that pictures are drawn with
    license_files=["LICENSE", "viz/fonts/OFL.txt"],
    keywords=["keras", "tensorflow", "rnn", "lstm", "gru", "attention", "seq2seq", "visualization"],
    python_requires=">=3.11,<3.14",
    packages=[
        *find_packages(include=["kerasrnn", "kerasrnn.*"]),
        *(f"kerasrnn.{name}" for name in find_packages(include=["zoo", "zoo.*", "viz", "viz.*"])),
    ],
    package_dir={"kerasrnn": "kerasrnn", "kerasrnn.zoo": "zoo", "kerasrnn.viz": "viz"},
    package_data={
        "kerasrnn": ["py.typed"],
        "kerasrnn.zoo": ["presets/*/*"],
        "kerasrnn.viz": ["fonts/*.ttf", "fonts/OFL.txt", "pages/assets/*"],
    },
    install_requires=[
        "click>=8.1",
        "keras>=3.15",  # loads model files safely; older ones have known holes
        "matplotlib>=3.11",  # shapes Arabic and Devanagari itself
        "numpy>=2.0",
        "rich>=13",
        "tensorflow>=2.20",
    ],
    extras_require={
        "bench": ["keras-hub>=0.32", "tokenizers>=0.20"],  # what decoding is timed against
        "browser": ["playwright>=1.50", "pytest>=8.3", "pytest-xdist>=3.6"],  # drives the Chromium of the system
        "eval": ["sacrebleu>=2.4", "seqeval>=1.2.2"],
        "jax": ["jax>=0.4.35"],
        "midi": ["mido>=1.3"],  # writes tunes as MIDI files
        "train": ["babel==2.18.*", "sacrebleu>=2.4"],
        "test": [
            "babel==2.18.*",  # has the names that the shipped dates were trained on; 2.19 has others
            "build>=1.2",
            "hypothesis>=6.100",
            "mido>=1.3",
            "pytest>=8.3",
            "pytest-xdist>=3.6",
            "pytorch-crf==0.7.2",  # for comparison of the CRF
            "sacrebleu>=2.4",
            "seqeval>=1.2.2",
            "setuptools>=77",  # the wheel test builds without downloading it each time
            "torch==2.13.0",  # for comparison with torch.nn; pinned, for a newer one may bring gigabytes of CUDA
        ],
        # Pinned to what their findings depend on: a new release of a linter should not turn an old commit red.
        "lint": ["codespell==2.4.*", "mypy==2.4.*", "ruff==0.17.*"],
    },
    entry_points={"console_scripts": ["kerasrnn=kerasrnn.cli:main"]},
    cmdclass={"build_py": BuildPy},
    zip_safe=False,
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Intended Audience :: Developers",
        "Intended Audience :: Education",
        "Intended Audience :: Science/Research",
        "Operating System :: OS Independent",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Topic :: Scientific/Engineering :: Visualization",
        "Typing :: Typed",
    ],
)
