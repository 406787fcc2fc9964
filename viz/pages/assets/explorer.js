// One unit with a slider for everything that goes in; gates, cell and hidden state answer at once.

const COLOURS = { input: 1, forget: 2, output: 3, candidate: 4, cell: 5, hidden: 6, update: 2, reset: 1 };
const STEPS = 30;
const POINTS = 161; // of a response curve

function drawExplorer(data, root) {
  let view = null;
  const show = (cell) => {
    view?.player.stop();
    view = new Explorer(data, cell, show);
    root.replaceChildren(view.node);
    view.update();
  };
  page.keys = [
    [["ArrowLeft", "ArrowRight"], "on a slider: a little less or more"],
    [["click"], "on the response: set that input"],
    [["n"], "one step of time: the states become the states before", () => view.advance()],
    [["r"], "start over: states and steps at zero", () => view.startOver()],
    [[" "], "play, or pause", () => view.player.button.click()],
  ];
  page.repaint = () => view.update();
  page.saves = () => view.svg();
  show(data.cell);
}

class Explorer {
  constructor(data, name, onCell) {
    Object.assign(this, { data, name, cell: CELLS[name], over: "x", history: [] });
    const start = data.cells[name];
    this.inputs = { ...start.inputs };
    this.weights = structuredClone(start.weights);
    this.sliders = new Map();
    this.cards = new Map();
    this.player = player(() => this.advance());
    this.lines = [...Object.keys(this.cell.gates), ...this.cell.states];
    this.readout = readout();
    this.response = this.responseChart();
    this.steps = this.stepsChart();
    const legend = (id, chart, at) => {
      const made = new Legend(id, chart.lines);
      made.at = at;
      return made;
    };
    this.legends = [legend("response-values", this.response, () => this.response.at)];
    this.legends.push(legend("step-values", this.steps, () => this.steps.at));
    this.node = el("div", {}, this.controls(onCell), this.readout, this.panels());
  }

  controls(onCell) {
    const cells = Object.entries(CELLS).map(([key, { name }]) => [key, name]);
    const starts = [["", "as it came"], ...Object.keys(this.cell.starts).map((name) => [name, name])];
    const parts = [
      select("cell", "cell", cells, this.name, onCell).node,
      select("start", "gates set to", starts, "", (name) => this.setWeights(this.cell.starts[name] ?? {})).node,
      el("div", { className: "row" },
        button("step", "Step", () => this.advance()), " ", this.player.button, " ",
        button("start-over", "Start over", () => this.startOver())),
    ];
    return el("div", { className: "controls", role: "group", ariaLabel: "what is shown" }, ...parts);
  }

  panels() {
    const cards = el("div", { className: "cards" }, this.inputCard());
    for (const [gate, { sign, what, weights }] of Object.entries(this.cell.gates)) {
      const slides = weights.map((weight) => this.slide(`${gate}-${weight === "b′" ? "b2" : weight}`, weight, [-8, 8, 0.1],
        `${what}, ${weight}`, () => this.weights[gate][weight], (value) => (this.weights[gate][weight] = value)));
      cards.append(this.card(gate, `${sign} · ${what}`, slides));
    }
    for (const state of this.cell.states) {
      cards.append(this.card(state, state === "cell" ? "c · cell state: what is remembered" : "h · hidden state: what is shown", []));
    }
    const over = select("over", "response to", Object.entries(this.cell.inputs).map(([key, what]) => [key, `${inputSign(key)} · ${what}`]), "x", (key) => {
      this.over = key;
      this.update();
    });
    const side = el("div", {},
      el("section", {}, over.node, this.response.canvas, this.legends[0].node),
      el("section", {}, el("h2", { id: "steps-title" }), this.steps.canvas, this.legends[1].node));
    return el("div", { className: "side explorer" }, cards, side);
  }

  inputCard() {
    const slides = Object.entries(this.cell.inputs).map(([key, what]) => this.slide(`in-${key}`, inputSign(key), rangeOf(key), what,
      () => this.inputs[key], (value) => (this.inputs[key] = value)));
    return el("div", { className: "card all", id: "card-inputs" }, el("h2", { textContent: "what goes in" }), ...slides);
  }

  slide(id, sign, [min, max, step], what, get, set) {
    const input = el("input", { id, type: "range", min, max, step, value: get(), ariaLabel: what });
    const output = el("output", { id: `${id}-value`, htmlFor: id });
    const show = () => {
      output.textContent = short(get());
      if (Number(input.value) !== get()) input.value = get();
    };
    input.addEventListener("input", () => {
      set(Number(input.value));
      this.update();
    });
    this.sliders.set(id, show);
    return el("div", { className: "slide" }, el("label", { htmlFor: id, textContent: sign }), input, output);
  }

  card(name, title, slides) {
    const level = el("i");
    const signed = name === "candidate" || this.cell.states.includes(name);
    const gauge = el("div", { className: signed ? "gauge signed" : "gauge" }, level);
    level.style.background = `var(--line-${COLOURS[name]})`;
    const equation = el("p", { className: "equation", id: `equation-${name}` });
    this.cards.set(name, { level, equation, signed });
    const card = el("div", { className: "card", id: `card-${name}` }, el("h2", { textContent: title }), ...slides, gauge, equation);
    card.style.borderTopColor = `var(--line-${COLOURS[name]})`;
    return card;
  }

  // Gates, candidate and hidden state lie in −1 to 1; the cell state has no such bounds.
  responseChart() {
    const axis = new Axis("at", POINTS, null, null);
    axis.label = (i) => shortNumber(this.swept(i));
    const lines = this.lines.map((name) => ({
      name,
      colour: `line-${COLOURS[name]}`,
      dash: this.cell.states.includes(name) ? [] : [6, 3],
      values: (i) => this.cell.run({ ...this.inputs, [this.over]: this.swept(i) }, this.weights)[name],
    }));
    const choose = (i) => {
      this.inputs[this.over] = this.swept(i);
      this.update();
    };
    return new Chart({ id: "response", label: "gates and states against one input", axis, lines, low: -2, high: 2, height: 230,
      onPoint: () => {}, onPin: choose });
  }

  stepsChart() {
    const axis = new Axis("step", STEPS, null, null);
    const lines = ["x", ...this.lines].map((name) => ({
      name,
      colour: name === "x" ? "quiet" : `line-${COLOURS[name]}`,
      dash: this.cell.states.includes(name) ? [] : name === "x" ? [2, 3] : [6, 3],
      values: (i) => this.history[i]?.[name] ?? NaN,
    }));
    const show = (i) => {
      this.steps.goTo(Math.min(i, Math.max(this.history.length - 1, 0)));
      this.legends[1].show(this.steps.at);
    };
    return new Chart({ id: "steps", label: "gates and states over the steps taken", axis, lines, low: -2, high: 2, height: 200, onPoint: show });
  }

  swept(i) {
    const [low, high] = rangeOf(this.over);
    return low + ((high - low) * i) / (POINTS - 1);
  }

  setWeights(changes) {
    this.weights = structuredClone(this.data.cells[this.name].weights);
    for (const [gate, weights] of Object.entries(changes)) Object.assign(this.weights[gate], weights);
    this.update();
  }

  // One step of time: what came out as state goes in as state. False when the chart is full.
  advance() {
    if (this.history.length >= STEPS) return false;
    const now = this.cell.run(this.inputs, this.weights);
    this.history.push({ x: this.inputs.x, ...now });
    this.inputs.h = now.hidden;
    if ("c" in this.inputs) this.inputs.c = now.cell;
    this.steps.at = this.history.length - 1;
    this.update();
    return this.history.length < STEPS;
  }

  startOver() {
    this.player.stop();
    this.history = [];
    this.steps.at = 0;
    this.inputs.h = 0;
    if ("c" in this.inputs) this.inputs.c = 0;
    this.update();
  }

  update() {
    const now = this.cell.run(this.inputs, this.weights);
    const equations = this.cell.equations(this.inputs, this.weights, now);
    for (const show of this.sliders.values()) show();
    for (const [name, { level, equation, signed }] of this.cards) {
      const value = now[name];
      const share = clamp(signed ? value / 2 : value, -0.5, 1);
      level.style.left = signed ? `${50 + 100 * Math.min(share, 0)}%` : "0%";
      level.style.width = `${100 * Math.min(Math.abs(share), signed ? 0.5 : 1)}%`;
      const result = el("span", { className: "result", id: `result-${name}`, textContent: format(value) });
      result.dataset.value = value;
      const lines = equations[name].flatMap((line) => [line, el("br")]);
      equation.replaceChildren(...lines.slice(0, -1), " = ", result);
    }
    const before = Object.keys(this.inputs).map((key) => `${inputSign(key)} = ${short(this.inputs[key])}`).join(",  ");
    const after = this.cell.states.map((state) => `${state === "cell" ? "c" : "h"} = ${format(now[state])}`).join(",  ");
    this.readout.replaceChildren(`${before}  →  `, el("span", { className: "value", textContent: after }));
    const [low, high] = rangeOf(this.over);
    this.response.at = clamp(Math.round(((this.inputs[this.over] - low) / (high - low)) * (POINTS - 1)), 0, POINTS - 1);
    this.fit(this.response, now);
    this.fit(this.steps, ...this.history);
    for (const made of this.legends) made.show(made.at());
    this.legends[1].node.hidden = !this.history.length;
    document.getElementById("steps-title")?.replaceChildren(this.history.length
      ? `${this.history.length} steps taken` : "Step or Play: the states become the states before");
  }

  // The y axis: −1 to 1, or as far as the cell state goes.
  fit(chart, ...rows) {
    const count = chart === this.response ? POINTS : 0;
    let most = 1;
    for (const row of rows) for (const value of Object.values(row)) most = Math.max(most, Math.abs(value));
    for (let i = 0; i < count; i += 8) for (const line of chart.lines) most = Math.max(most, Math.abs(line.values(i)));
    chart.high = most > 1 ? Math.ceil(most) : 1;
    chart.low = -chart.high;
    chart.redraw();
  }

  svg() {
    const [top, bottom] = [this.response, this.steps];
    const pen = new SvgPen(top.wide, top.tall + bottom.tall);
    pen.rect(0, 0, pen.width, pen.height, { fill: colour("paper") });
    top.draw(pen);
    bottom.draw(pen, top.tall);
    return pen;
  }
}

function inputSign(key) {
  return key === "x" ? "x" : `${key}₋`;
}

// Least, greatest and step of an input.
function rangeOf(key) {
  return key === "h" ? [-1, 1, 0.01] : [-4, 4, 0.05];
}

start(drawExplorer);
