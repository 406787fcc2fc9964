"""What a tune sounds like, and the MIDI file of it as mido reads it back."""

import io
import sys
from fractions import Fraction

import mido
import pytest

from kerasrnn.zoo.abc import Note, Signature, parse, perform, to_midi
from kerasrnn.zoo.abc.harmony import chord

HEAD = "M:3/4\nL:1/4\nK:D\n"


def quarters(notes: list[Note]) -> list[tuple[float, float, int]]:
    return [(float(note.start * 4), float(note.length * 4), note.pitch) for note in notes]


def read(data: bytes) -> list[list[tuple[int, int, int]]]:
    """Start, length and pitch of the notes of each track, in ticks."""
    found = []
    for track in mido.MidiFile(file=io.BytesIO(data)).tracks:
        now, open_, notes = 0, {}, []
        for message in track:
            now += message.time
            if message.type == "note_on":
                assert message.note not in open_
                open_[message.note] = now
            elif message.type == "note_off":
                begun = open_.pop(message.note)
                notes.append((begun, now - begun, message.note))
        assert not open_
        found.append(sorted(notes))
    return found


def test_repeats_endings_ties_and_rests() -> None:
    found = perform(parse(f"{HEAD}|:F2A-|1A3:|2A2z|]"))
    assert quarters(found.melody) == [(0, 2, 66), (2, 4, 69), (6, 2, 66), (8, 3, 69)]
    assert found.length == Fraction(12, 4)
    found = perform(parse(f"{HEAD}AA-A|A3|"))
    assert quarters(found.melody) == [(0, 1, 69), (1, 2, 69), (3, 3, 69)]
    found = perform(parse(f"{HEAD}[FA]2-A|F-G2|"))
    assert quarters(found.melody) == [(0, 2, 66), (0, 3, 69), (3, 1, 66), (4, 2, 67)], "only one pitch is held"


def test_grace_notes_take_time_from_the_note_that_they_lead_to() -> None:
    found = perform(parse(f"{HEAD}{{ga}}b2{{a}}b/4z3/4"))
    twelfth = 1 / 12
    assert quarters(found.melody) == [
        (0, pytest.approx(twelfth), 79),
        (pytest.approx(twelfth), pytest.approx(twelfth), 81),
        (pytest.approx(2 * twelfth), pytest.approx(2 - 2 * twelfth), 83),
        (2, pytest.approx(twelfth), 81),
        (pytest.approx(2 + twelfth), pytest.approx(0.25 - twelfth), 83),
    ]


def test_chord_symbols_sound_until_the_next_and_again_in_each_bar() -> None:
    found = perform(parse(f'{HEAD}A|"D"A2"G"B|A3|"A7"A2|'))
    assert sorted({(start, length) for start, length, _ in quarters(found.chords)}) == [(1, 2), (3, 1), (4, 3), (7, 2)]
    assert [note.pitch for note in found.chords if note.start == Fraction(1, 4)] == [38, 54, 57, 62]


@pytest.mark.parametrize(
    ("symbol", "pitches"),
    [
        ("C", (36, 52, 55, 60)),
        ("Am", (45, 52, 57, 60)),
        ("G7", (43, 53, 55, 59, 62)),
        ("D/f#", (42, 54, 57, 62)),
        ("Bb", (46, 53, 58, 62)),
        ("F#dim", (42, 54, 57, 60)),
        ("Cmaj7", (36, 52, 55, 59, 60)),
        ("Ebm7/Db", (37, 54, 58, 61, 63)),
        ("Esus4", (40, 52, 57, 59)),
        ("C+", (36, 52, 56, 60)),
    ],
)
def test_chords(symbol: str, pitches: tuple[int, ...]) -> None:
    assert chord(symbol) == pitches


def test_the_file_holds_what_is_played() -> None:
    tune = parse('T:Étude\nM:6/8\nL:1/8\nK:Bm\n|:"Bm"B>cd (3fga f|{c}B-|B5:|\nM:2/4\nK:G\n"G"G2[GB]2|')
    found = perform(tune)
    data = to_midi(tune)
    file = mido.MidiFile(file=io.BytesIO(data))
    assert (file.type, file.ticks_per_beat, len(file.tracks)) == (1, 480, 2)
    expected = [
        sorted(
            (round(n.start * 1920), round((n.start + n.length) * 1920) - round(n.start * 1920), n.pitch) for n in part
        )
        for part in (found.melody, found.chords)
    ]
    assert read(data) == expected
    meta = [(m.type, m.dict()) for m in file.tracks[0] if m.is_meta]
    assert [about["name"] for kind, about in meta if kind == "track_name"] == ["Étude"]
    assert [about["key"] for kind, about in meta if kind == "key_signature"] == ["Bm", "G"]
    assert [(about["numerator"], about["denominator"]) for kind, about in meta if kind == "time_signature"] == [
        (6, 8),
        (2, 4),
    ]
    assert sum(m.time for m in mido.MidiFile(file=io.BytesIO(data)).tracks[0]) == found.length * 1920
    assert to_midi(tune) == data


@pytest.mark.parametrize(("fields", "tempo", "pace"), [("", None, 165), ("Q:3/8=60\n", None, 90), ("Q:60\n", 100, 100)])
def test_tempo(fields: str, tempo: float | None, pace: float) -> None:
    data = to_midi(parse(f"M:6/8\n{fields}K:C\nA6|"), tempo)
    (found,) = [m.tempo for m in mido.MidiFile(file=io.BytesIO(data)).tracks[0] if m.type == "set_tempo"]
    assert mido.tempo2bpm(found) == pytest.approx(pace, rel=1e-4)


@pytest.mark.parametrize("tempo", [-1, 1, 1e6, float("nan")])
def test_a_tempo_that_nobody_plays(tempo: float) -> None:
    with pytest.raises(ValueError, match="quarter notes a minute: expected 4 to 10000"):
        to_midi(parse("M:6/8\nK:C\nA6|"), tempo)


def test_every_signature_has_a_name() -> None:
    for key in "Cb Gb Db Ab Eb Bb F C G D A E B F# C# Abm Ebm Bbm Fm Cm Gm Dm Am Em Bm F#m C#m G#m D#m A#m".split():
        tune = parse(f"M:6/8\nK:{key}\nA6|")
        (named,) = [m.key for m in mido.MidiFile(file=io.BytesIO(to_midi(tune))).tracks[0] if m.type == "key_signature"]
        assert named == key
        assert any(isinstance(mark, Signature) for _, mark in perform(tune).marks)


def test_without_mido(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mido", None)
    with pytest.raises(ImportError, match=r'^MIDI files need mido: pip install "kerasrnn\[midi\]"$'):
        to_midi(parse("M:6/8\nK:C\nA6|"))
