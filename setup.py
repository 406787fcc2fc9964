"""Packaging: the checkout's top level is `kerasrnn/ zoo/ viz/ cli.py`; installed, all of it is below `kerasrnn`."""

import re
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).parent
VERSION = re.search(r'__version__ = "([^"]+)"', (HERE / "kerasrnn" / "__init__.py").read_text()).group(1)


class BuildPy(build_py):
    """Install the root `cli.py` as `kerasrnn/cli.py`."""

    def find_package_modules(self, package, package_dir):
        modules = super().find_package_modules(package, package_dir)
        if package == "kerasrnn":
            modules.append((package, "cli", "cli.py"))
        return modules


TEST = [
    "babel>=2.16",
    "hypothesis>=6.100",
    "pytest>=8.3",
    "torch==2.13.0",  # the layers are compared with torch.nn; pinned, for a newer one may bring several GB of CUDA
]

setup(
    name="kerasrnn",
    version=VERSION,
    description="Recurrent models you can see inside: Keras layers, a zoo of trained models, pictures of what they do",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE", "viz/fonts/OFL.txt"],
    python_requires=">=3.11,<3.14",
    packages=[
        *find_packages(include=["kerasrnn", "kerasrnn.*"]),
        *(f"kerasrnn.{name}" for name in find_packages(include=["zoo", "zoo.*", "viz", "viz.*"])),
    ],
    package_dir={"kerasrnn": "kerasrnn", "kerasrnn.zoo": "zoo", "kerasrnn.viz": "viz"},
    package_data={
        "kerasrnn": ["py.typed"],
        "kerasrnn.zoo": ["presets/*/*"],
        "kerasrnn.viz": ["fonts/*"],
    },
    install_requires=[
        "click>=8.1",
        "keras>=3.15",
        "matplotlib>=3.11",  # shapes Arabic and Devanagari itself
        "numpy>=2.0",
        "rich>=13",
        "tensorflow>=2.20",
    ],
    extras_require={
        "train": ["babel>=2.16"],
        "test": TEST,
        "lint": ["codespell>=2.3", "mypy>=1.15", "ruff>=0.12"],
    },
    entry_points={"console_scripts": ["kerasrnn=kerasrnn.cli:main"]},
    cmdclass={"build_py": BuildPy},
    classifiers=[
        "Intended Audience :: Developers",
        "Intended Audience :: Education",
        "Intended Audience :: Science/Research",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Topic :: Scientific/Engineering :: Visualization",
        "Typing :: Typed",
    ],
)
