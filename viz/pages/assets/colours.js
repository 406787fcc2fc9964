// Colour tables, computed from Matplotlib's when the page was written, and the scales that read them.

class Scale {
  // table: 256 RGB triples; low and high: what the ends of the table stand for.
  constructor({ table, low, high, log = false, ticks, name }) {
    Object.assign(this, { table, low, high, log, ticks, name });
    this.words = new Uint32Array(256);
    for (let i = 0; i < 256; i++) {
      this.words[i] = (0xff000000 | (table[3 * i + 2] << 16) | (table[3 * i + 1] << 8) | table[3 * i]) >>> 0;
    }
  }

  share(value) {
    if (!this.log) return clamp((value - this.low) / (this.high - this.low), 0, 1);
    return value <= 0 ? 0 : clamp(Math.log(value / this.low) / Math.log(this.high / this.low), 0, 1);
  }

  index(value) {
    return Math.min(255, Math.floor(this.share(value) * 256));
  }

  css(value) {
    if (!Number.isFinite(value)) return colour("missing");
    const at = 3 * this.index(value);
    return `rgb(${this.table[at]}, ${this.table[at + 1]}, ${this.table[at + 2]})`;
  }

  // The 32 bits of a pixel, for a little-endian ImageData.
  word(value) {
    return this.words[this.index(value)];
  }

  // Black or white, whichever reads better on the colour of `value` (WCAG's contrast).
  ink(value) {
    if (!Number.isFinite(value)) return "#ffffff";
    const at = 3 * this.index(value);
    const [r, g, b] = [0, 1, 2].map((i) => (this.table[at + i] / 255) ** 2.2);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.18 ? "#101010" : "#ffffff";
  }
}

// A colour of the stylesheet in the present theme.
function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

function isDark() {
  return document.documentElement.dataset.theme === "dark";
}

// The scale of a quantity: its meaning fixes the ends, its theme the middle of a signed one.
function scaleOf(kind, { high = 1, name = "" } = {}) {
  if (kind === "signed") {
    const table = page.tables[isDark() ? "signed_dark" : "signed"].values;
    return new Scale({ table, low: -high, high, ticks: [-high, 0, high], name });
  }
  const table = page.tables.weights.values;
  if (kind === "log") {
    const low = high / 1e5;
    const first = Math.ceil(Math.log10(low) - 1e-9);
    const ticks = [0, 1, 2, 3, 4].map((i) => 10 ** (first + i));
    return new Scale({ table, low, high, log: true, ticks, name });
  }
  return new Scale({ table, low: 0, high, ticks: [0, 0.25, 0.5, 0.75, 1].map((share) => share * high), name });
}

function powerOfTen(value) {
  const power = Math.round(Math.log10(value));
  const digits = String(Math.abs(power)).replace(/\d/g, (digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[digit]);
  return `10${power < 0 ? "⁻" : ""}${digits}`;
}
