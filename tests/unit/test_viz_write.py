"""Files: the format by the suffix, the same bytes every time, all of a file or none of it."""

import errno
import os
import re
from pathlib import Path
from typing import Any

import matplotlib
import pytest
from matplotlib.figure import Figure

from kerasrnn.viz import write_figure
from kerasrnn.viz.write import check_writable, figure_format, write_bytes_atomically

STARTS = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF-"}


def figure() -> Figure:
    made = Figure(figsize=(2, 1))
    axes = made.add_subplot()
    axes.plot([0, 1], [1, 0])
    axes.fill_between([0, 1], [1, 0], hatch="//")
    axes.set_title("日本 $5", parse_math=False, family=["DejaVu Sans"])
    return made


@pytest.mark.parametrize("kind", STARTS)
def test_formats_and_identical_bytes(tmp_path: Path, kind: str) -> None:
    """Two figures, two files; the title's glyphs that no font has raise no warning (warnings are errors here)."""
    one, two = tmp_path / f"one.{kind}", tmp_path / f"two.{kind.upper()}"
    write_figure(figure(), one)
    write_figure(figure(), two)
    assert one.read_bytes().startswith(STARTS[kind])
    assert one.read_bytes() == two.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == [one.name, two.name]


def test_metadata_names_no_date_and_pdf_fonts_stay_text(tmp_path: Path) -> None:
    for kind in STARTS:
        write_figure(figure(), tmp_path / f"a.{kind}")
    svg, pdf = (tmp_path / "a.svg").read_text(encoding="utf-8"), (tmp_path / "a.pdf").read_bytes()
    assert "<dc:date>" not in svg
    assert b"CreationDate" not in pdf
    assert b"/Type3" not in pdf
    assert b"/CIDFontType2" in pdf
    assert b"Software" not in (tmp_path / "a.png").read_bytes()


def test_settings_of_the_caller_are_left_alone_and_ignored(tmp_path: Path) -> None:
    write_figure(figure(), tmp_path / "plain.png")
    with matplotlib.rc_context({"savefig.facecolor": "red", "savefig.dpi": 30, "savefig.bbox": "tight"}):
        write_figure(figure(), tmp_path / "styled.png")
        assert matplotlib.rcParams["savefig.dpi"] == 30
    assert (tmp_path / "plain.png").read_bytes() == (tmp_path / "styled.png").read_bytes()


@pytest.mark.parametrize("name", ["a.jpg", "a", "a.png.", ".png", "a.svgz"])
def test_unknown_suffixes(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r"ending in \.png, \.svg or \.pdf, received"):
        write_figure(figure(), tmp_path / name)
    with pytest.raises(ValueError, match="path: expected"):
        figure_format(name)
    assert list(tmp_path.iterdir()) == []


def test_folders_that_cannot_take_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder.png").mkdir()
    cases: list[tuple[Path, type[OSError], str]] = [
        (tmp_path / "none" / "a.png", FileNotFoundError, "there is no folder"),
        (tmp_path / "file" / "a.png", NotADirectoryError, "is a file, not a folder"),
        (tmp_path / "folder.png", IsADirectoryError, "it is a folder"),
    ]
    for path, kind, message in cases:
        with pytest.raises(kind, match=f"^cannot write {re.escape(str(path))}: .*{message}"):
            check_writable(path)
        with pytest.raises(OSError, match=r"^cannot write"):
            write_bytes_atomically(path, b"x")
    check_writable(tmp_path / "a.png")
    assert not (tmp_path / "a.png").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.png"]


def test_a_read_only_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a refused `open`, for a superuser may write anywhere."""

    def refused(*_: Any, **__: Any) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", refused)
    for write in (check_writable, lambda path: write_bytes_atomically(path, b"x")):
        with pytest.raises(PermissionError, match=r"^cannot write .*a\.png: Permission denied$"):
            write(tmp_path / "a.png")


@pytest.mark.parametrize("failing", ["fsync", "replace", "write"])
def test_an_existing_file_survives_any_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"old")

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    if failing == "replace":
        monkeypatch.setattr(Path, "replace", full)
    elif failing == "fsync":
        monkeypatch.setattr(os, "fsync", full)
    else:
        monkeypatch.setattr(os, "fdopen", lambda handle, mode: os.close(handle) or full())
    with pytest.raises(OSError, match=r"^cannot write .*a\.png: No space left on device"):
        write_figure(figure(), path)
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert [found.name for found in tmp_path.iterdir()] == ["a.png"]


def test_a_figure_that_fails_to_draw_leaves_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    broken = figure()
    broken.text(0, 0, "$$", parse_math=True)
    with pytest.raises(ValueError, match=r"ParseException|Expected"):
        write_figure(broken, path)
    assert path.read_bytes() == b"old"


def test_links_and_permissions_stay(tmp_path: Path) -> None:
    target, link = tmp_path / "target.png", tmp_path / "link.png"
    target.write_bytes(b"old")
    target.chmod(0o640)
    link.symlink_to(target)
    write_bytes_atomically(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    assert target.stat().st_mode & 0o777 == 0o640
