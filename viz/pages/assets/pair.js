// Two sequences and a number for each pair: what a produced token attends to, how an output depends on an input.

function drawPair(data, root) {
  let view = null;
  const show = (layer) => {
    view?.player.stop();
    view = new Pair(data, layer, show);
    root.replaceChildren(view.node);
    view.update();
  };
  page.keys = [
    [["hover"], "the value of a cell, and its row in the text"],
    [["click"], "pin a row; click it again, or Esc, to let go"],
    [["ArrowUp", "ArrowDown"], "previous or next row", (event) => view.step(event.key === "ArrowUp" ? -1 : 1, 0)],
    [["ArrowLeft", "ArrowRight"], "previous or next column; next row, in the text of the rows", (event) => {
      const by = event.key === "ArrowLeft" ? -1 : 1;
      if (event.target.id === "rows") view.step(by, 0);
      else view.step(0, by);
    }],
    [["Home", "End"], "first or last row", (event) => view.step(event.key === "Home" ? -1e9 : 1e9, 0)],
    [["Enter"], "pin the row, or let go", () => view.pin(view.shown())],
    [["Escape"], "let go", () => view.pin(null)],
    [[" "], "play, or pause", () => view.player.button.click()],
    [["+", "-"], "zoom in or out; also Ctrl and wheel", (event) => view.matrix.zoom(event.key === "+" ? 0.6 : 1.7)],
    [["Shift + wheel"], "move along the columns"],
  ];
  page.repaint = () => view.update();
  page.saves = () => view.matrix.svg();
  show(0);
}

class Pair {
  constructor(data, index, onLayer) {
    const layer = data.layers[index];
    Object.assign(this, { data, layer, head: 0, threshold: 0, ownScale: false, pinned: null });
    this.rows = axisOf(layer.rows);
    this.columns = axisOf(layer.columns);
    const packed = new Numbers(layer.values);
    this.shape = packed.shape; // (heads, rows, columns)
    this.all = packed.values;
    this.grids = new Map();
    this.matrix = new Matrix({
      id: "matrix",
      label: `${data.what}: ${this.rows.count} ${this.rows.name} by ${this.columns.count} ${this.columns.name} positions`,
      rows: this.rows,
      columns: this.columns,
      rowName: this.rows.name,
      columnName: this.columns.name,
      grid: this.grid(),
      scale: () => this.scale(),
      isOn: (value) => value >= this.limit(),
      onPoint: (row, column) => this.point(row, column),
      onPin: (row) => this.pin(row === this.pinned ? null : row),
    });
    this.source = new Strip({
      id: "columns",
      label: `${this.columns.name} tokens, coloured by the row`,
      axis: this.columns,
      onPoint: (i) => this.point(this.shown(), i),
      onPin: (i) => this.point(this.shown(), i),
    });
    this.matrix.column = this.largestOf(0);
    this.produced = new Strip({
      id: "rows",
      label: `${this.rows.name} tokens: the row that is shown`,
      axis: this.rows,
      onPoint: (i) => this.point(i, this.matrix.column),
      onPin: (i) => this.pin(i === this.pinned ? null : i),
    });
    this.player = player(() => this.advance());
    this.readout = readout();
    this.onCount = el("span", { id: "on-count", className: "quiet" });
    this.list = el("ol", { id: "largest", className: "list" });
    this.listTitle = el("h2");
    this.node = el("div", {}, this.controls(onLayer, index), this.readout, this.panels());
  }

  controls(onLayer, index) {
    const parts = [];
    const { layers, log } = this.data;
    if (layers.length > 1) {
      const names = layers.map((layer, i) => [String(i), layer.name]);
      parts.push(select("layer", "layer", names, String(index), (value) => onLayer(Number(value))).node);
    }
    const heads = this.shape[0];
    if (heads > 1) {
      const names = Array.from({ length: heads }, (_, i) => [String(i), `head ${i + 1}`]);
      const choose = (value) => {
        this.head = value === "mean" ? "mean" : Number(value);
        this.repaint();
      };
      parts.push(select("head", "head", [...names, ["mean", "mean of the heads"]], "0", choose).node);
    }
    const range = log ? { min: -5, max: 0, step: 0.05, value: -5 } : { min: 0, max: 1, step: 0.01, value: 0 };
    this.threshold = range.value;
    const text = () => `≥ ${format(this.limit())}`;
    this.limitSlider = slider("threshold", "on, where the value is", { ...range, text }, (value) => {
      this.threshold = value;
      this.limitSlider.set(value);
      this.repaint();
    });
    parts.push(this.limitSlider.node);
    if (log) {
      const own = el("input", { id: "own-scale", type: "checkbox" });
      own.addEventListener("change", () => {
        this.ownScale = own.checked;
        this.limitSlider.set(this.threshold);
        this.repaint();
      });
      parts.push(el("label", { className: "check", htmlFor: "own-scale" }, own, "each row by its largest"));
    }
    const zoom = [["zoom-in", "+", 0.6, "zoom in"], ["zoom-out", "−", 1.7, "zoom out"]].map(([id, sign, factor, name]) =>
      button(id, sign, () => this.matrix.zoom(factor), { ariaLabel: name }));
    parts.push(el("div", { className: "row" }, this.player.button, " ", ...zoom));
    return el("div", { className: "controls", role: "group", ariaLabel: "what is shown" }, ...parts);
  }

  panels() {
    const name = (text) => el("h2", { textContent: text });
    const side = el("div", {},
      el("section", {}, name(this.columns.name), this.source.node),
      el("section", {}, name(this.rows.name), this.produced.node),
      el("section", {}, this.listTitle, this.list, this.onCount));
    return el("div", { className: "side" }, el("section", {}, this.matrix.canvas), side);
  }

  // The column that a row has its largest value in: the first to point at.
  largestOf(row) {
    let [at, largest] = [0, -Infinity];
    for (let i = 0; i < this.columns.count; i++) if (this.matrix.value(row, i) > largest) [at, largest] = [i, this.matrix.value(row, i)];
    return at;
  }

  shown() {
    return this.pinned ?? this.matrix.row;
  }

  // The chosen head, or the mean of all, as an array and the strides to walk it.
  grid() {
    const [heads, rows, columns] = this.shape;
    const key = `${this.head} ${this.ownScale}`;
    if (!this.grids.has(key)) {
      let values = this.all;
      let offset = this.head === "mean" ? 0 : this.head * rows * columns;
      if (this.head === "mean") values = meanOf(this.all, heads, rows * columns);
      if (this.ownScale) {
        values = byLargest(values.subarray(offset, offset + rows * columns), columns);
        offset = 0;
      }
      this.grids.set(key, { values, offset, down: columns, right: 1 });
    }
    return this.grids.get(key);
  }

  scale() {
    const { log, valueName } = this.data;
    if (this.ownScale) return scaleOf("weights", { name: "share of the row's largest" });
    return scaleOf(log ? "log" : "weights", { high: this.layer.high, name: valueName });
  }

  limit() {
    if (!this.data.log) return this.threshold;
    if (this.threshold <= -5) return 0;
    return 10 ** this.threshold * (this.ownScale ? 1 : this.layer.high);
  }

  repaint() {
    this.matrix.set({ grid: this.grid() });
    this.update();
  }

  point(row, column) {
    this.matrix.goTo(row, column);
    this.update();
  }

  pin(row) {
    this.pinned = row;
    if (row !== null) this.matrix.row = row;
    this.matrix.pinned = row;
    this.update();
  }

  step(rows, columns) {
    const row = clamp(this.shown() + rows, 0, this.rows.count - 1);
    if (this.pinned !== null) this.pinned = this.matrix.pinned = row;
    this.point(row, clamp(this.matrix.column + columns, 0, this.columns.count - 1));
    this.produced.reveal(this.produced.spans[row]);
  }

  // One step on; false at the end.
  advance() {
    const last = this.shown() >= this.rows.count - 1;
    this.step(last ? -this.rows.count : 1, 0);
    return this.shown() < this.rows.count - 1;
  }

  update() {
    const row = this.shown();
    const [scale, limit] = [this.scale(), this.limit()];
    const value = (column) => this.matrix.value(row, column);
    this.source.paint(value, scale);
    this.source.goTo(this.matrix.column);
    this.source.mark("on", (column) => this.columns.kept(column) && limit > 0 && value(column) >= limit);
    this.produced.goTo(row);
    this.describe();
    this.listLargest(row, value);
    this.count(row, value, limit);
    this.matrix.redraw();
  }

  describe() {
    const { row, column } = this.matrix;
    const number = el("span", { className: "value", id: "value", textContent: format(this.matrix.value(row, column)) });
    const parts = [...this.rows.words(row), ` ${this.data.verb} `, ...this.columns.words(column), ": ", number];
    if (!this.rows.kept(row) || !this.columns.kept(column)) parts.push(" (padding)");
    if (this.pinned !== null) parts.push(" ", el("span", { className: "pinned-note", textContent: `row ${this.pinned} pinned` }));
    this.readout.replaceChildren(...parts);
  }

  listLargest(row, value) {
    const order = [];
    for (let i = 0; i < this.columns.count; i++) if (this.columns.kept(i) && !Number.isNaN(value(i))) order.push(i);
    order.sort((a, b) => value(b) - value(a) || a - b);
    const top = order.slice(0, 6);
    const largest = this.data.log ? value(top[0]) || 1 : 1;
    const entries = top.map((i) => {
      const bar = el("span", { className: "bar" });
      bar.style.width = `${(100 * value(i)) / largest}%`;
      return el("li", {}, el("bdi", { className: "token", textContent: this.columns.label(i) }), bar,
        el("span", { className: "number", textContent: format(value(i)) }));
    });
    this.list.replaceChildren(...entries);
    this.listTitle.replaceChildren(...this.rows.words(row), ` ${this.data.most}`);
  }

  count(row, value, limit) {
    let [on, mass, total] = [0, 0, 0];
    for (let i = 0; i < this.columns.count; i++) {
      if (!this.columns.kept(i)) continue;
      total += value(i);
      if (value(i) >= limit) {
        on += 1;
        mass += value(i);
      }
    }
    const carried = this.data.log || limit === 0 ? "" : `, ${format(mass)} of the weight`;
    this.onCount.textContent = `${on} of ${this.columns.count} on in this row${carried}; its sum is ${format(total)}`;
  }
}

function meanOf(values, heads, size) {
  const mean = new Float32Array(size);
  for (let i = 0; i < size; i++) {
    let sum = 0;
    for (let head = 0; head < heads; head++) sum += values[head * size + i];
    mean[i] = sum / heads;
  }
  return mean;
}

function byLargest(values, columns) {
  const shares = new Float32Array(values.length);
  for (let start = 0; start < values.length; start += columns) {
    const row = values.subarray(start, start + columns);
    let largest = 0;
    for (const value of row) if (value > largest) largest = value;
    if (largest > 0) row.forEach((value, i) => (shares[start + i] = value / largest));
  }
  return shares;
}

start(drawPair);
