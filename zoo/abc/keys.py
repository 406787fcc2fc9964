"""Keys: what a `K:` field says of the seven letters."""

import re

LETTERS = "CDEFGAB"
SEMITONES = dict(zip(LETTERS, (0, 2, 4, 5, 7, 9, 11), strict=True))
SHARPS = "FCGDAEB"  # in the order in which signatures take them
MODES = {  # fifths of the mode's signature above that of the major key on its tonic
    **{"lyd": 1, "": 0, "maj": 0, "ion": 0, "mix": -1, "dor": -2},
    **{"m": -3, "min": -3, "aeo": -3, "phr": -4, "loc": -5},
}
_KEY = re.compile(r"([A-G])([#b]?)[ ]?([A-Za-z]*)")
_TONIC = {letter: fifths for fifths, letter in enumerate("FCGDAEB", start=-1)}


class Key:
    """A key signature.

    Args:
        text: a tonic and a mode, as in `G`, `F#m`, `Bb`, `Ador`, `D Mixolydian`; or `none`.

    Attributes:
        fifths: sharps of the signature, flats negative, −7 to 7.
        tonic: letter and accidental.
        mode: the first three letters of it, small.

    Raises:
        ValueError: another text, or a signature of more than seven.
    """

    def __init__(self, text: str) -> None:
        found = _KEY.fullmatch("C" if text == "none" else text.strip())
        mode = (found[3] if found else "").lower()
        short = "m" if mode == "m" else mode[:3]
        if found is None or short not in MODES or len(mode) == 2:
            raise ValueError(f"{text!r:.40} is no key: expected one such as G, Em, Bb, F#m or Ador")
        self.mode = short
        self.tonic = found[1] + found[2]
        self.fifths = _TONIC[found[1]] + 7 * {"": 0, "#": 1, "b": -1}[found[2]] + MODES[short]
        if abs(self.fifths) > 7:
            raise ValueError(f"the key {text!r:.40} has {abs(self.fifths)} accidentals, and seven are the most")

    def alteration(self, letter: str) -> int:
        """Semitones by which the signature raises a letter: −1, 0 or 1."""
        if self.fifths >= 0:
            return int(letter in SHARPS[: self.fifths])
        return -int(letter in SHARPS[self.fifths :])
