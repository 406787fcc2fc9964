// How far back the loss reaches: gradient norms by step on a log scale, and where they fall below a share.

function drawCurve(data, root) {
  let view = null;
  const show = (layer) => {
    view?.player.stop();
    view = new Curve(data, layer, show);
    root.replaceChildren(view.node);
    view.update();
  };
  page.keys = [
    [["hover"], "the norm at a step"],
    [["click"], "pin a step; click again, or Esc, to let go"],
    [["ArrowLeft", "ArrowRight"], "previous or next step", (event) => view.step(event.key === "ArrowLeft" ? -1 : 1)],
    [["Home", "End"], "first or last step", (event) => view.step(event.key === "Home" ? -1e9 : 1e9)],
    [["Enter"], "pin the step, or let go", () => view.pin(view.pinned ? null : view.at)],
    [["Escape"], "let go", () => view.pin(null)],
    [[" "], "play, or pause", () => view.player.button.click()],
    [["+", "-"], "zoom in or out", (event) => view.zoom(event.key === "+" ? 0.6 : 1.7)],
  ];
  page.repaint = () => view.update();
  page.saves = () => view.svg();
  show(0);
}

class Curve {
  constructor(data, index, onLayer) {
    const layer = data.layers[index];
    Object.assign(this, { data, layer, at: 0, pinned: false, share: 0.01 });
    this.axis = axisOf(layer.steps);
    this.norms = layer.curves.map(({ name, backwards, norms }) => ({ name, backwards, values: new Numbers(norms).values }));
    const lines = this.norms.map(({ name, values }, i) => ({
      name: name || "norm of the gradient",
      colour: `line-${i + 1}`,
      values: (step) => values[step],
    }));
    const positive = this.norms.flatMap(({ values }) => Array.from(values).filter((value) => value > 0 && Number.isFinite(value)));
    this.largest = Math.max(...positive, 1e-300);
    const high = 10 ** Math.ceil(Math.log10(this.largest) + 0.05);
    const low = Math.min(10 ** Math.floor(Math.log10(positive.length ? Math.min(...positive) : this.largest)), high / 1e3);
    this.chart = new Chart({
      id: "curve", label: "norm of the gradient at every step, log scale", axis: this.axis, lines, low, high, log: true, height: 320,
      onPoint: (step) => this.pinned || this.goTo(step),
      onPin: (step) => {
        const same = this.pinned && step === this.at;
        this.goTo(step);
        this.pin(same ? null : step);
      },
    });
    this.legend = new Legend("norms", lines);
    this.strip = new Strip({
      id: "steps", label: "tokens, coloured by the norm", axis: this.axis,
      onPoint: (step) => this.pinned || this.goTo(step),
      onPin: (step) => {
        this.goTo(step);
        this.pin(this.pinned ? null : step);
      },
    });
    this.player = player(() => {
      this.step(this.at >= this.axis.count - 1 ? -1e9 : 1);
      return this.at < this.axis.count - 1;
    });
    this.readout = readout();
    this.horizons = el("p", { id: "horizon" });
    this.node = el("div", {}, this.controls(onLayer, index), this.readout,
      el("section", {}, this.chart.canvas, this.legend.node, this.horizons),
      el("section", {}, el("h2", { id: "strip-title" }), this.strip.node));
  }

  controls(onLayer, index) {
    const parts = [];
    const { layers } = this.data;
    if (layers.length > 1) {
      const names = layers.map((layer, i) => [String(i), layer.name]);
      parts.push(select("layer", "layer", names, String(index), (value) => onLayer(Number(value))).node);
    }
    if (this.norms.length > 1) {
      const names = this.norms.map(({ name }, i) => [String(i), name]);
      parts.push(select("direction", "text shows", names, "0", (value) => {
        this.direction = Number(value);
        this.update();
      }).node);
    }
    this.direction = 0;
    const text = (power) => percent(10 ** power);
    parts.push(slider("threshold", "still reached at", { min: -6, max: 0, step: 0.1, value: -2, text }, (power) => {
      this.share = 10 ** power;
      this.update();
    }).node);
    const zoom = [["zoom-in", "+", 0.6, "zoom in"], ["zoom-out", "−", 1.7, "zoom out"]].map(([id, sign, factor, name]) =>
      button(id, sign, () => this.zoom(factor), { ariaLabel: name }));
    parts.push(el("div", { className: "row" }, this.player.button, " ", ...zoom));
    return el("div", { className: "controls", role: "group", ariaLabel: "what is shown" }, ...parts);
  }

  // The largest distance, in kept steps and in the layer's order, at which the norm is the share of its largest.
  horizon({ values, backwards }) {
    const order = [];
    for (let i = 0; i < this.axis.count; i++) if (this.axis.kept(i)) order.push(i);
    if (backwards) order.reverse();
    const worked = order.map((i) => values[i]);
    const largest = Math.max(...worked);
    if (!worked.every(Number.isFinite) || !(largest > 0)) return null;
    const last = worked.findLastIndex((norm) => norm > 0);
    const first = worked.findIndex((norm) => norm >= this.share * largest);
    return { steps: last - first, from: order[first], to: order[last], level: this.share * largest };
  }

  goTo(step) {
    this.at = step;
    this.update();
  }

  pin(step) {
    this.pinned = step !== null;
    this.update();
  }

  step(by) {
    this.at = clamp(this.at + by, 0, this.axis.count - 1);
    this.chart.part.show(this.at);
    this.strip.reveal(this.strip.spans[this.at]);
    this.update();
  }

  zoom(factor) {
    this.chart.part.zoom(factor, this.at);
    this.chart.redraw();
  }

  update() {
    const shown = this.norms[this.direction];
    const largest = Math.max(...shown.values.filter(Number.isFinite), 1e-300);
    this.strip.paint((i) => shown.values[i], scaleOf("log", { high: largest }));
    this.strip.goTo(this.at);
    const horizons = this.norms.map((curve) => [curve, this.horizon(curve)]);
    const chosen = horizons[this.direction][1];
    this.strip.mark("in-span", (i) => chosen && i >= Math.min(chosen.from, chosen.to) && i <= Math.max(chosen.from, chosen.to));
    const who = shown.name ? `${shown.name}: ` : "";
    this.chart.rules = chosen ? [{ value: chosen.level, text: `${who}${percent(this.share)} of the largest` }] : [];
    this.chart.goTo(this.at);
    this.legend.show(this.at);
    document.getElementById("strip-title")?.replaceChildren("norms over the text, five decades; framed: within the horizon");
    const said = horizons.map(([{ name }, found]) => {
      const who = name ? `${name}: ` : "";
      return found ? `${who}horizon ${found.steps} steps, from ${found.to} back to ${found.from}` : `${who}no gradient arrives here`;
    });
    this.horizons.textContent = `${said.join("; ")}.`;
    this.describe(shown);
  }

  describe({ values, name }) {
    const number = el("span", { className: "value", id: "value", textContent: format(values[this.at]) });
    const parts = [...this.axis.words(this.at), `: ‖∂loss/∂state‖${name ? ` ${name}` : ""} = `, number];
    if (!this.axis.kept(this.at)) parts.push(" (padding)");
    if (this.pinned) parts.push(" ", el("span", { className: "pinned-note", textContent: `step ${this.at} pinned` }));
    this.readout.replaceChildren(...parts);
  }

  svg() {
    const pen = new SvgPen(this.chart.wide, this.chart.tall);
    pen.rect(0, 0, pen.width, pen.height, { fill: colour("paper") });
    this.chart.draw(pen);
    return pen;
  }
}

function percent(share) {
  const value = 100 * share;
  return `${Number(value.toPrecision(2))} %`;
}

start(drawCurve);
