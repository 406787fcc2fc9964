// Gates and states of a layer: all units over time, one unit in detail, and which units are on where.

const LINES = { input: 1, forget: 2, output: 3, candidate: 4, cell: 5, "tanh cell": 5, hidden: 6, update: 2, reset: 1 };

function drawGates(data, root) {
  let view = null;
  const show = (layer) => {
    view?.player.stop();
    view = new Gates(data, layer, show);
    root.replaceChildren(view.node);
    view.update();
  };
  page.keys = [
    [["hover"], "the value of a cell, and that unit in the text and the lines"],
    [["click"], "pin a unit and a step; click again, or Esc, to let go"],
    [["drag"], "over the text: the span that units must be on in"],
    [["ArrowLeft", "ArrowRight"], "previous or next step; with Shift, a longer or shorter span", (event) => {
      const by = event.key === "ArrowLeft" ? -1 : 1;
      if (event.shiftKey) view.stretch(by);
      else view.step(by, 0);
    }],
    [["ArrowUp", "ArrowDown"], "previous or next row of units", (event) => view.step(0, event.key === "ArrowUp" ? -1 : 1)],
    [["Home", "End"], "first or last step", (event) => view.step(event.key === "Home" ? -1e9 : 1e9, 0)],
    [["g"], "next gate or state", () => view.nextName()],
    [["Enter"], "pin, or let go", () => view.pin(view.pinned ? null : view.unit)],
    [["Escape"], "let go of unit and span", () => view.release()],
    [[" "], "play, or pause", () => view.player.button.click()],
    [["+", "-"], "zoom in or out; also Ctrl and wheel", (event) => view.zoom(event.key === "+" ? 0.6 : 1.7)],
    [["Shift + wheel"], "move along the steps"],
  ];
  page.repaint = () => view.update();
  page.saves = () => view.svg();
  show(0);
}

class Gates {
  constructor(data, index, onLayer) {
    const layer = data.layers[index];
    Object.assign(this, { data, layer, index, onLayer, pinned: false, span: null, threshold: 0.9 });
    this.arrays = new Map(Object.entries(layer.arrays).map(([name, packed]) => [name, new Numbers(packed)]));
    this.axis = axisOf(layer.steps);
    [this.steps, this.units] = this.arrays.values().next().value.shape;
    this.captions = { ...layer.captions, "tanh cell": "tanh of the cell state" };
    if (this.arrays.has("cell")) this.arrays.set("tanh cell", squashed(this.arrays.get("cell")));
    this.name = ["forget", "update"].find((name) => this.arrays.has(name)) ?? this.arrays.keys().next().value;
    this.unitOrder = Array.from({ length: this.units }, (_, i) => i);
    this.place = new Array(this.units);
    this.unitAxis = new Axis("unit", this.units, null, null);
    this.unitAxis.label = (row) => String(this.unitOrder[row]);
    this.placeUnits();
    this.player = player(() => this.advance());
    this.build();
  }

  build() {
    const point = (row, step) => this.point(row, step);
    this.matrix = new Matrix({
      id: "matrix",
      label: `${this.units} units by ${this.steps} steps`,
      rows: this.unitAxis,
      columns: this.axis,
      rowName: "unit",
      columnName: this.axis.name,
      grid: this.grid(),
      scale: () => this.scale(),
      onPoint: point,
      onPin: (row, step) => {
        const same = this.pinned && row === this.matrix.row && step === this.matrix.column;
        if (!same) this.matrix.goTo(row, step);
        this.pin(same ? null : this.unitOrder[row]);
      },
    });
    this.strip = new Strip({
      id: "steps",
      label: "tokens, coloured by the unit",
      axis: this.axis,
      onPoint: (step) => this.point(this.matrix.row, step),
      onPin: (step) => {
        this.matrix.goTo(this.matrix.row, step);
        this.span = null;
        this.pin(this.pinned ? null : this.unit);
      },
      onSpan: (from, to) => this.choose([from, to]),
    });
    const names = [...this.arrays.keys()];
    const lines = (wanted) => names.filter(wanted).map((name) => ({
      name,
      colour: `line-${LINES[name] ?? 6}`,
      values: (step) => this.at(name, step, this.unit),
    }));
    const isBounded = (name) => name !== "cell" || !this.arrays.has("tanh cell");
    const [gates, numbers] = [lines((name) => this.isGate(name)), lines((name) => !this.isGate(name))];
    const states = numbers.filter(({ name }) => isBounded(name));
    const chart = (id, label, chosen, low, high) => new Chart({
      id, label, axis: this.axis, lines: chosen, low, high, onPoint: (step) => this.point(this.matrix.row, step),
      onPin: (step) => this.point(this.matrix.row, step),
    });
    this.charts = [];
    if (gates.length) this.charts.push([chart("gate-lines", "gates of the unit over time", gates, 0, 1), new Legend("gate-values", gates)]);
    const high = Math.max(...states.map(({ name }) => this.limitOf(name)));
    if (states.length) this.charts.push([chart("state-lines", "states of the unit over time", states, -high, high), new Legend("state-values", numbers)]);
    this.readout = readout();
    this.onTitle = el("h2", { id: "on-title" });
    this.chips = el("div", { id: "on-units", className: "chips" });
    this.unitTitle = el("h2", { id: "unit-title" });
    const side = el("div", {},
      el("section", {}, this.unitTitle, this.strip.node),
      ...this.charts.map(([drawn, legend]) => el("section", {}, drawn.canvas, legend.node)),
      el("section", {}, this.onTitle, this.discovery(), this.chips));
    const panels = el("div", { className: "side even" }, el("section", {}, this.matrix.canvas), side);
    this.node = el("div", {}, this.controls(), this.readout, panels);
  }

  controls() {
    const parts = [];
    const { layers } = this.data;
    if (layers.length > 1) {
      const choices = layers.map((layer, i) => [String(i), layer.name]);
      parts.push(select("layer", "layer", choices, String(this.index), (value) => this.onLayer(Number(value))).node);
    }
    this.nameSelect = select("name", "gate or state", [...this.arrays.keys()].map((name) => [name, this.captions[name]]), this.name, (name) => {
      this.name = name;
      this.repaint();
    });
    this.unitInput = el("input", { id: "unit", type: "number", min: 0, max: this.units - 1, value: 0 });
    this.unitInput.addEventListener("input", () => {
      const unit = clamp(Math.round(Number(this.unitInput.value)) || 0, 0, this.units - 1);
      this.matrix.goTo(this.place[unit], this.matrix.column);
      this.pin(unit, false);
    });
    const orders = [["number", "by number"], ["mean", "by mean"], ["step", "by value at this step"]];
    this.orderSelect = select("order", "order of units", orders, "number", (order) => this.sort(order));
    parts.push(this.nameSelect.node, control("unit", this.unitInput), this.orderSelect.node);
    const zoom = [["zoom-in", "+", 0.6, "zoom in"], ["zoom-out", "−", 1.7, "zoom out"]].map(([id, sign, factor, name]) =>
      button(id, sign, () => this.zoom(factor), { ariaLabel: name }));
    parts.push(el("div", { className: "row" }, this.player.button, " ", ...zoom));
    return el("div", { className: "controls", role: "group", ariaLabel: "what is shown" }, ...parts);
  }

  // LSTMVis' question: which units are on in this span of steps, and off just before and after it?
  discovery() {
    this.limitSlider = slider("threshold", "on at |value| ≥", { min: 0, max: 1, step: 0.01, value: this.threshold }, (value) => {
      this.threshold = value;
      this.repaint();
    });
    const [before, after] = ["before", "after"].map((side) => {
      const input = el("input", { id: `off-${side}`, type: "checkbox" });
      input.addEventListener("change", () => this.update());
      this[`off_${side}`] = input;
      return el("label", { className: "check", htmlFor: input.id }, input, `off ${side}`);
    });
    return el("div", { className: "controls" }, this.limitSlider.node, before, after);
  }

  get unit() {
    return this.unitOrder[this.matrix.row];
  }

  at(name, step, unit) {
    return this.arrays.get(name).values[step * this.units + unit];
  }

  // Gates run from 0 to 1, everything else around zero.
  isGate(name) {
    return name !== "tanh cell" && !this.layer.signed.includes(name);
  }

  limitOf(name) {
    return this.isGate(name) ? 1 : this.arrays.get(name).limit ?? this.layer.limits[name];
  }

  scale() {
    return scaleOf(this.isGate(this.name) ? "weights" : "signed", { high: this.limitOf(this.name), name: this.captions[this.name] });
  }

  // Rows in the chosen order of the units: a copy, unless they stand as they are.
  grid() {
    const { values } = this.arrays.get(this.name);
    if (this.unitOrder.every((unit, row) => unit === row)) return { values, offset: 0, down: 1, right: this.units };
    const sorted = new Float32Array(values.length);
    this.unitOrder.forEach((unit, row) => {
      for (let step = 0; step < this.steps; step++) sorted[row * this.steps + step] = values[step * this.units + unit];
    });
    return { values: sorted, offset: 0, down: this.steps, right: 1 };
  }

  placeUnits() {
    this.unitOrder.forEach((unit, row) => (this.place[unit] = row));
  }

  sort(order) {
    const unit = this.unit;
    const key = new Float64Array(this.units);
    for (let i = 0; i < this.units; i++) {
      if (order === "step") key[i] = this.at(this.name, this.matrix.column, i);
      if (order !== "mean") continue;
      for (let step = 0; step < this.steps; step++) if (this.axis.kept(step)) key[i] += this.at(this.name, step, i);
    }
    this.unitOrder.sort((a, b) => (order === "number" ? 0 : key[b] - key[a]) || a - b);
    this.placeUnits();
    this.matrix.row = this.place[unit];
    this.repaint();
  }

  nextName() {
    const names = [...this.arrays.keys()];
    this.name = names[(names.indexOf(this.name) + 1) % names.length];
    this.nameSelect.input.value = this.name;
    this.repaint();
  }

  repaint() {
    this.matrix.set({ grid: this.grid() });
    this.update();
  }

  // Hover moves unit and step, unless they are pinned: then it only reads out.
  point(row, step) {
    if (this.pinned) return this.describe(this.unitOrder[row], step);
    this.matrix.goTo(row, step);
    this.update();
  }

  pin(unit, sync = true) {
    this.pinned = unit !== null;
    this.matrix.pinned = this.pinned ? this.matrix.row : null;
    this.update(sync);
  }

  release() {
    this.span = null;
    this.pin(null);
  }

  choose(span) {
    this.span = span;
    this.matrix.goTo(this.matrix.row, span[0]);
    this.pin(this.unit);
  }

  stretch(by) {
    const [from, to] = this.span ?? [this.matrix.column, this.matrix.column];
    this.span = [from, clamp(to + by, from, this.steps - 1)];
    this.pin(this.unit);
  }

  step(steps, rows) {
    this.matrix.goTo(this.matrix.row + rows, this.matrix.column + steps);
    if (steps) this.span = null;
    if (this.pinned) this.matrix.pinned = this.matrix.row;
    this.strip.reveal(this.strip.spans[this.matrix.column]);
    this.update();
  }

  advance() {
    const last = this.matrix.column >= this.steps - 1;
    this.step(last ? -this.steps : 1, 0);
    return this.matrix.column < this.steps - 1;
  }

  zoom(factor) {
    this.matrix.zoom(factor);
    this.follow();
  }

  follow() {
    for (const [drawn] of this.charts) {
      drawn.part.move(this.matrix.across.first, this.matrix.across.size);
      drawn.goTo(this.matrix.column);
    }
  }

  // Units that are on all through the span and, where asked, off right before and after it.
  onUnits() {
    const [from, to] = this.span ?? [this.matrix.column, this.matrix.column];
    const isOn = (step, unit) => Math.abs(this.at(this.name, step, unit)) >= this.threshold;
    const found = [];
    for (let unit = 0; unit < this.units; unit++) {
      let holds = true;
      for (let step = from; step <= to && holds; step++) holds = this.axis.kept(step) && isOn(step, unit);
      if (holds && this.off_before.checked && from > 0) holds = !isOn(from - 1, unit);
      if (holds && this.off_after.checked && to < this.steps - 1) holds = !isOn(to + 1, unit);
      if (holds) found.push(unit);
    }
    return found;
  }

  update(sync = true) {
    const [step, unit, scale] = [this.matrix.column, this.unit, this.scale()];
    const on = this.onUnits();
    this.matrix.marked = on.map((each) => this.place[each]);
    this.matrix.span = this.span;
    this.matrix.foot = [{ name: "share of the on units that are on", values: this.shareOn(on), scale: () => scaleOf("weights") }];
    this.matrix.redraw();
    this.strip.paint((i) => this.at(this.name, i, unit), scale);
    this.strip.goTo(step);
    this.strip.mark("in-span", (i) => this.span && i >= this.span[0] && i <= this.span[1]);
    this.follow();
    for (const [, legend] of this.charts) legend.show(step);
    this.unitTitle.textContent = `unit ${unit}: ${this.captions[this.name]} over the text`;
    if (sync) this.unitInput.value = unit;
    this.list(on);
    this.describe(unit, step);
  }

  // By step, the share of the found units that are on there.
  shareOn(on) {
    const share = new Float32Array(this.steps);
    if (!on.length) return share;
    for (let step = 0; step < this.steps; step++) {
      let count = 0;
      for (const unit of on) count += Math.abs(this.at(this.name, step, unit)) >= this.threshold;
      share[step] = count / on.length;
    }
    return share;
  }

  list(on) {
    const [from, to] = this.span ?? [this.matrix.column, this.matrix.column];
    const where = from === to ? `step ${from}` : `steps ${from} to ${to}`;
    this.onTitle.textContent = `${on.length} of ${this.units} units on at ${where}`;
    const chips = on.slice(0, 200).map((unit) => {
      const chip = button(`on-${unit}`, String(unit), () => {
        this.matrix.goTo(this.place[unit], this.matrix.column);
        this.pin(unit);
      }, { ariaLabel: `unit ${unit}` });
      chip.setAttribute("aria-pressed", String(unit === this.unit));
      return chip;
    });
    if (on.length > 200) chips.push(el("span", { className: "quiet", textContent: `and ${on.length - 200} more` }));
    this.chips.replaceChildren(...chips);
  }

  describe(unit, step) {
    const number = el("span", { className: "value", id: "value", textContent: format(this.at(this.name, step, unit)) });
    const parts = [`${this.captions[this.name]} of unit ${unit} at `, ...this.axis.words(step), ": ", number];
    if (!this.axis.kept(step)) parts.push(" (padding)");
    if (this.pinned) parts.push(" ", el("span", { className: "pinned-note", textContent: `unit ${this.unit}, step ${this.matrix.column} pinned` }));
    this.readout.replaceChildren(...parts);
  }

  svg() {
    return this.matrix.svg();
  }
}

function squashed({ shape, values }) {
  return { shape, values: values.map(Math.tanh), limit: 1 };
}

start(drawGates);
