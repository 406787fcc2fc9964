// A matrix as coloured cells with tokens along its sides: the alignment, the Jacobian, a gate of all units.

// The part of an axis that shows: all of it, or less after zooming in.
class Window {
  constructor(count) {
    Object.assign(this, { count, first: 0, size: count });
  }

  zoom(factor, around) {
    const size = clamp(Math.round(this.size * factor), Math.min(8, this.count), this.count);
    const share = (around - this.first + 0.5) / this.size;
    this.move(Math.round(around + 0.5 - share * size), size);
  }

  move(first, size = this.size) {
    this.size = size;
    this.first = clamp(first, 0, this.count - size);
  }

  show(i) {
    if (i < this.first) this.move(i);
    else if (i >= this.first + this.size) this.move(i - this.size + 1);
  }
}

class Matrix {
  // rows, columns: Axis. grid: {values, offset, down, right}, an array and the strides to walk it. scale: () => Scale.
  // onPoint(row, column) on hover and keys, onPin(row, column) on a click; foot: bands below, [{name, values, scale}].
  constructor({ id, label, rows, columns, grid, scale, onPoint, onPin, rowName, columnName, isOn = () => true }) {
    Object.assign(this, { rows, columns, grid, scale, onPoint, onPin, rowName, columnName, isOn });
    Object.assign(this, { row: 0, column: 0, pinned: null, marked: null, span: null, foot: [] });
    this.canvas = el("canvas", { id, tabIndex: 0, role: "img" });
    this.canvas.setAttribute("aria-label", label);
    this.canvas.setAttribute("aria-describedby", "readout");
    this.redraw = scheduled(() => this.draw(this.canvasPen()));
    this.reset();
    this.canvas.addEventListener("pointermove", (event) => this.point(event));
    this.canvas.addEventListener("click", (event) => {
      const cell = this.cellAt(event);
      if (cell) this.onPin(...cell);
    });
    this.canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    new ResizeObserver(this.redraw).observe(this.canvas);
  }

  reset() {
    this.down = new Window(this.rows.count);
    this.across = new Window(this.columns.count);
    this.stale = true;
  }

  set(properties) {
    Object.assign(this, properties);
    this.stale = true;
    this.redraw();
  }

  value(row, column) {
    return this.grid.values[this.grid.offset + row * this.grid.down + column * this.grid.right];
  }

  goTo(row, column) {
    this.row = clamp(row, 0, this.rows.count - 1);
    this.column = clamp(column, 0, this.columns.count - 1);
    this.down.show(this.row);
    this.across.show(this.column);
    this.redraw();
  }

  zoom(factor) {
    this.down.zoom(factor, this.row);
    this.across.zoom(factor, this.column);
    this.redraw();
  }

  wheel(event) {
    const cell = this.cellAt(event);
    if (!cell || !(event.ctrlKey || event.shiftKey || event.deltaX)) return; // a plain wheel scrolls the page
    event.preventDefault();
    if (event.ctrlKey) {
      const factor = event.deltaY > 0 ? 1.25 : 0.8;
      this.down.zoom(factor, cell[0]);
      this.across.zoom(factor, cell[1]);
    } else {
      const by = Math.sign(event.deltaX || event.deltaY) * Math.max(1, Math.round(this.across.size / 12));
      this.across.move(this.across.first + by);
    }
    this.redraw();
  }

  point(event) {
    const cell = this.cellAt(event);
    if (cell) this.onPoint(...cell);
  }

  // The cell under the pointer; on a label, that row or column.
  cellAt(event) {
    const { left, top, wide, high } = this.place;
    const box = this.canvas.getBoundingClientRect();
    const x = (event.clientX - box.left) / wide - left / wide;
    const y = (event.clientY - box.top) / high - top / high;
    if (y >= this.down.size) return null;
    const column = x < 0 ? this.column : this.across.first + Math.floor(x);
    const row = y < 0 ? this.row : this.down.first + Math.floor(y);
    return column < this.columns.count && row < this.rows.count ? [row, column] : null;
  }

  // One pixel a cell, made again only when the values, the scale or the threshold have changed.
  image() {
    const scale = this.scale();
    if (!this.stale && this.painted?.table === scale.table) return this.painted.grid;
    const [high, wide] = [this.rows.count, this.columns.count];
    const grid = el("canvas", { width: wide, height: high });
    const picture = new ImageData(wide, high);
    const pixels = new Uint32Array(picture.data.buffer);
    const missing = missingWord();
    const { values, offset, down, right } = this.grid;
    for (let row = 0, i = 0; row < high; row++) {
      for (let column = 0, at = offset + row * down; column < wide; column++, at += right, i++) {
        const value = values[at];
        if (!Number.isFinite(value)) pixels[i] = missing;
        else pixels[i] = this.isOn(value, row, column) ? scale.word(value) : (scale.word(value) & 0xffffff) | 0x30000000;
      }
    }
    grid.getContext("2d").putImageData(picture, 0, 0);
    this.painted = { grid, table: scale.table };
    this.stale = false;
    return grid;
  }

  layout(width) {
    const size = 12;
    const names = visibleLabels(this.rows, this.down);
    const left = 25 + clamp(Math.max(...names.map((name) => textWidth(name, size, true))), 14, Math.min(130, width * 0.3));
    const room = width - left - 4;
    const wide = Math.min(room / this.across.size, 46);
    const limit = clamp(window.innerHeight * 0.62, 260, 620);
    const high = clamp(limit / this.down.size, 0, 26);
    const labels = visibleLabels(this.columns, this.across);
    const widest = Math.max(...labels.map((label) => textWidth(label, size)));
    const upright = widest <= wide - 2 || Math.max(...labels.map((label) => Array.from(label).length)) <= 3;
    const top = 22 + (upright ? 16 : Math.min(widest, 120) + 6);
    return { left, top, wide, high, upright, size, foot: this.foot.length * 30 };
  }

  canvasPen() {
    const width = this.canvas.clientWidth || 600;
    this.place = this.layout(width);
    const { left, top, wide, high } = this.place;
    this.canvas.dataset.cells = [left, top, wide, high].join(" "); // where they lie, for whoever reads the picture
    return new CanvasPen(this.canvas, width, this.height(this.place));
  }

  height({ top, high, foot }) {
    return Math.round(top + high * this.down.size + foot + 52);
  }

  svg() {
    const pen = new SvgPen(Math.max(this.canvas.clientWidth, 320), this.height(this.place));
    pen.rect(0, 0, pen.width, pen.height, { fill: colour("paper") });
    this.draw(pen);
    return pen;
  }

  draw(pen) {
    const { left, top, wide, high } = this.place;
    const [across, down] = [this.across, this.down];
    const [width, height] = [wide * across.size, high * down.size];
    const part = { x: across.first, y: down.first, width: across.size, height: down.size };
    pen.cells(this.image(), part, left, top, width, height);
    this.drawPadding(pen);
    this.drawLabels(pen);
    this.drawFoot(pen, left, top + height + 6, width);
    this.drawMarks(pen);
    drawScale(pen, this.scale(), left, top + height + this.place.foot + 16, Math.min(220, pen.width - left - 12));
  }

  drawPadding(pen) {
    const { left, top, wide, high } = this.place;
    for (const [start, length] of runs(this.columns, this.across)) {
      hatch(pen, left + (start - this.across.first) * wide, top, length * wide, high * this.down.size);
    }
    for (const [start, length] of runs(this.rows, this.down)) {
      hatch(pen, left, top + (start - this.down.first) * high, wide * this.across.size, length * high);
    }
  }

  drawLabels(pen) {
    const { left, top, wide, high, upright, size } = this.place;
    const [ink, quiet] = [colour("ink"), colour("quiet")];
    pen.text(left, 9, `${this.columnName} →`, { fill: quiet });
    pen.text(8, top, `← ${this.rowName}`, { fill: quiet, angle: -90, align: "end" });
    const each = thinned(this.down.size, high, size + 1);
    for (let row = this.down.first; row < this.down.first + this.down.size; row++) {
      const current = row === this.row;
      if ((row - this.down.first) % each && !current) continue;
      const near = Math.abs(row - this.row) * high < size && !current;
      const text = fitted(this.rows.label(row), left - 24, size);
      if (!near) pen.text(left - 6, top + (row - this.down.first + 0.5) * high, text, { fill: ink, size, align: "end", bold: current });
    }
    const pitch = upright ? widestLabel(this.columns, this.across, size) + 4 : size + 1;
    const step = thinned(this.across.size, wide, pitch);
    for (let column = this.across.first; column < this.across.first + this.across.size; column++) {
      const current = column === this.column;
      if ((column - this.across.first) % step && !current) continue;
      if (Math.abs(column - this.column) * wide < pitch && !current) continue;
      const x = left + (column - this.across.first + 0.5) * wide;
      const style = { fill: ink, size, bold: current };
      const text = fitted(this.columns.label(column), 118, size);
      if (upright) pen.text(x, top - 10, text, { ...style, align: "middle" });
      else pen.text(x, top - 5, text, { ...style, angle: -90 });
    }
  }

  drawFoot(pen, x, y, width) {
    this.foot.forEach(({ name, values, scale }, i) => {
      const grid = el("canvas", { width: values.length, height: 1 });
      const picture = new ImageData(values.length, 1);
      const pixels = new Uint32Array(picture.data.buffer);
      const colours = scale();
      for (let j = 0; j < values.length; j++) pixels[j] = Number.isFinite(values[j]) ? colours.word(values[j]) : 0;
      grid.getContext("2d").putImageData(picture, 0, 0);
      pen.cells(grid, { x: this.across.first, y: 0, width: this.across.size, height: 1 }, x, y + 30 * i, width, 10);
      pen.text(x, y + 30 * i + 18, name, { fill: colour("quiet"), size: 11 });
    });
  }

  drawMarks(pen) {
    const { left, top, wide, high } = this.place;
    const [width, height] = [wide * this.across.size, high * this.down.size];
    const x = left + (this.column - this.across.first) * wide;
    const y = top + (this.row - this.down.first) * high;
    const [ink, mark] = [colour("ink"), colour("mark")];
    if (this.span) {
      const from = clamp(this.span[0] - this.across.first, 0, this.across.size);
      const to = clamp(this.span[1] + 1 - this.across.first, 0, this.across.size);
      if (to > from) pen.rect(left + from * wide, top - 1, (to - from) * wide, height + 2, { stroke: mark, line: 2 });
    }
    const pinned = this.pinned !== null;
    for (const [stroke, line] of [[colour("paper"), pinned ? 4 : 3], [pinned ? mark : ink, pinned ? 2.5 : 1]]) {
      pen.rect(x, top, wide, height, { stroke, line: Math.min(line, 3), alpha: 0.7 });
      pen.rect(left, y, width, high, { stroke, line });
    }
    for (const row of this.marked ?? []) {
      const at = row - this.down.first;
      if (at >= 0 && at < this.down.size) pen.rect(left - 4, top + at * high, 3, Math.max(high, 1), { fill: mark });
    }
  }
}

function visibleLabels(axis, part) {
  const step = Math.max(1, Math.floor(part.size / 300));
  const labels = [];
  for (let i = part.first; i < part.first + part.size; i += step) labels.push(axis.label(i));
  return labels;
}

function widestLabel(axis, part, size) {
  return Math.max(...visibleLabels(axis, part).map((label) => textWidth(label, size)));
}

// Every how many labels fit, a round number.
function thinned(count, pitch, needed) {
  if (pitch >= needed) return 1;
  return [2, 5, 10, 20, 50, 100, 200, 500].find((step) => step * pitch >= needed) ?? count;
}

// Stretches of masked positions in the part of an axis that shows: [start, length].
function runs(axis, part) {
  const found = [];
  for (let i = part.first; i < part.first + part.size; i++) {
    if (axis.kept(i)) continue;
    const last = found.at(-1);
    if (last && last[0] + last[1] === i) last[1]++;
    else found.push([i, 1]);
  }
  return found;
}

function missingWord() {
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(colour("missing").slice(at, at + 2), 16));
  return (0xff000000 | (b << 16) | (g << 8) | r) >>> 0;
}

function drawScale(pen, scale, x, y, width) {
  const steps = 64;
  for (let i = 0; i < steps; i++) {
    const at = Math.floor(((i + 0.5) / steps) * 256);
    const [r, g, b] = scale.table.subarray(3 * at, 3 * at + 3);
    pen.rect(x + (i * width) / steps, y, width / steps + 0.5, 8, { fill: `rgb(${r},${g},${b})` });
  }
  const quiet = colour("quiet");
  for (const tick of scale.ticks) {
    const place = scale.share(tick);
    const align = place < 0.05 ? "start" : place > 0.95 ? "end" : "middle";
    pen.text(x + place * width, y + 18, scale.log ? powerOfTen(tick) : shortNumber(tick), { fill: quiet, size: 11, align });
  }
  const after = x + width + 8;
  if (pen.width - after > textWidth(scale.name, 11)) pen.text(after, y + 4, scale.name, { fill: quiet, size: 11 });
}

function shortNumber(value) {
  const size = Math.abs(value);
  const text = size !== 0 && (size < 0.001 || size >= 1e5) ? value.toExponential(0) : String(Number(value.toPrecision(3)));
  return text.replaceAll("-", "−");
}
