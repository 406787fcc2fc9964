// A beam search as the tree that it is: a node for each hypothesis after each step, best on top.

const NODE = { wide: 58, high: 40, widest: 120, top: 34 };

function drawBeam(data, root) {
  const view = new Beam(data);
  root.replaceChildren(view.node);
  page.keys = [
    [["hover"], "a hypothesis: its text, its scores, the way to it"],
    [["click"], "pin it; click it again, or Esc, to let go"],
    [["ArrowLeft", "ArrowRight"], "one step back or on", (event) => view.step(event.key === "ArrowLeft" ? -1 : 1, 0)],
    [["ArrowUp", "ArrowDown"], "a better or a worse hypothesis", (event) => view.step(0, event.key === "ArrowUp" ? -1 : 1)],
    [["Home", "End"], "first or last step", (event) => view.step(event.key === "Home" ? -1e9 : 1e9, 0)],
    [["Enter"], "pin, or let go", () => view.pin(!view.pinned)],
    [["Escape"], "let go", () => view.pin(false)],
    [[" "], "play, or pause: the search step by step", () => view.player.button.click()],
  ];
  page.repaint = () => view.update();
  page.saves = () => view.svg();
  view.update();
}

class Beam {
  constructor(data) {
    const { tokens, parents, scores, ended, finals } = data;
    Object.assign(this, { data, tokens, parents, ended, finals, pinned: false, threshold: 0 });
    this.scores = new Numbers(scores).values;
    [this.steps, this.width] = scores.shape;
    this.until = this.steps - 1; // the last step that is drawn
    this.part = new Window(this.steps);
    this.at = { step: this.steps - 1, rank: 0 };
    this.survivors = new Set();
    for (let rank = 0; rank < this.width; rank++) {
      if (this.exists(this.steps - 1, rank)) this.path(this.steps - 1, rank).forEach(([step, r]) => this.survivors.add(step * this.width + r));
    }
    this.canvas = el("canvas", { id: "tree", tabIndex: 0, role: "img" });
    this.canvas.setAttribute("aria-label", `beam search: ${this.steps} steps, ${this.width} hypotheses`);
    this.canvas.setAttribute("aria-describedby", "readout");
    this.redraw = scheduled(() => {
      this.wide = this.canvas.clientWidth || 600;
      this.draw(new CanvasPen(this.canvas, this.wide, this.tall()));
    });
    new ResizeObserver(this.redraw).observe(this.canvas);
    this.canvas.addEventListener("pointermove", (event) => this.hover(event));
    this.canvas.addEventListener("click", (event) => {
      const found = this.nodeAt(event);
      if (!found) return;
      const same = this.pinned && found.step === this.at.step && found.rank === this.at.rank;
      this.at = found;
      this.pin(!same);
    });
    this.player = player(() => {
      this.setUntil(this.until >= this.steps - 1 ? 0 : this.until + 1);
      return this.until < this.steps - 1;
    });
    this.readout = readout();
    this.text = el("p", { id: "hypothesis" });
    this.list = el("div", { id: "finals", className: "finals", role: "group", ariaLabel: "hypotheses at the end" });
    this.node = el("div", {}, this.controls(), this.readout,
      el("section", {}, this.canvas),
      el("section", {}, el("h2", { textContent: "after the last step, best first" }), this.list));
  }

  controls() {
    this.untilSlider = slider("until", "search up to step", { min: 0, max: this.steps - 1, step: 1, value: this.until, text: String }, (step) => this.setUntil(step));
    const limit = slider("threshold", "fade tokens less probable than", { min: 0, max: 1, step: 0.01, value: 0 }, (value) => {
      this.threshold = value;
      this.update();
    });
    return el("div", { className: "controls", role: "group", ariaLabel: "what is shown" },
      this.untilSlider.node, limit.node, el("div", { className: "row" }, this.player.button));
  }

  score(step, rank) {
    return step < 0 ? 0 : this.scores[step * this.width + rank];
  }

  exists(step, rank) {
    return Number.isFinite(this.score(step, rank));
  }

  hadEnded(step, rank) {
    return step > 0 && this.ended[step - 1][this.parents[step][rank]];
  }

  // The probability of the node's token given its text so far; 1 where the hypothesis had ended.
  chance(step, rank) {
    if (this.hadEnded(step, rank)) return 1;
    return Math.exp(this.score(step, rank) - (step ? this.score(step - 1, this.parents[step][rank]) : 0));
  }

  // Nodes from the first step to this one.
  path(step, rank) {
    const nodes = [];
    for (let r = rank, s = step; s >= 0; r = this.parents[s][r], s--) nodes.unshift([s, r]);
    return nodes;
  }

  written(step, rank) {
    return this.path(step, rank).filter(([s, r]) => !this.hadEnded(s, r)).map(([s, r]) => this.tokens[s][r]);
  }

  setUntil(step) {
    this.until = step;
    this.untilSlider.set(step);
    if (!this.pinned || this.at.step > step) this.at = { step, rank: Math.min(this.at.rank, this.lastRank(step)) };
    this.part.show(step);
    this.update();
  }

  lastRank(step) {
    let rank = this.width - 1;
    while (rank > 0 && !this.exists(step, rank)) rank--;
    return rank;
  }

  step(steps, ranks) {
    const step = clamp(this.at.step + steps, 0, this.steps - 1);
    if (step > this.until) {
      this.until = step;
      this.untilSlider.set(step);
    }
    this.at = { step, rank: clamp(this.at.rank + ranks, 0, this.lastRank(step)) };
    this.part.show(step);
    this.update();
  }

  pin(pinned) {
    this.pinned = pinned;
    this.update();
  }

  hover(event) {
    const found = this.nodeAt(event);
    if (!found || this.pinned) return;
    this.at = found;
    this.update();
  }

  tall() {
    return NODE.top + this.width * NODE.high + 46;
  }

  // As many steps as fit, each as wide as the longest token needs.
  layout() {
    const labels = this.tokens.flat().slice(0, 2000).map((token) => textWidth(token, 13));
    const needed = clamp(Math.max(...labels) + 34, NODE.wide, NODE.widest);
    const fits = Math.max(2, Math.floor((this.wide - 20) / needed));
    const size = Math.min(this.steps, fits);
    if (size !== this.part.size) this.part.move(this.at.step - size + 1, size);
    return { pitch: Math.min((this.wide - 20) / size, 2 * needed), box: needed - 26 };
  }

  nodeAt(event) {
    const box = this.canvas.getBoundingClientRect();
    const step = this.part.first + Math.floor((event.clientX - box.left - 10) / this.pitch);
    const rank = Math.floor((event.clientY - box.top - NODE.top) / NODE.high);
    const inside = step >= 0 && step <= this.until && rank >= 0 && rank < this.width;
    return inside && this.exists(step, rank) ? { step, rank } : null;
  }

  x(step) {
    return 10 + (step - this.part.first + 0.5) * this.pitch;
  }

  y(rank) {
    return NODE.top + (rank + 0.5) * NODE.high;
  }

  draw(pen) {
    const { pitch, box } = this.layout();
    this.pitch = pitch;
    const [ink, quiet, rule, mark] = ["ink", "quiet", "rule", "mark"].map(colour);
    const scale = scaleOf("weights", { name: "probability of the token, given its text so far" });
    const way = new Set(this.path(this.at.step, this.at.rank).map(([step, rank]) => step * this.width + rank));
    const last = Math.min(this.part.first + this.part.size - 1, this.until);
    for (let step = this.part.first; step <= last; step++) {
      pen.text(this.x(step), 14, String(step), { fill: step === this.at.step ? ink : quiet, size: 12, align: "middle", bold: step === this.at.step });
      for (let rank = 0; rank < this.width && step > 0; rank++) {
        if (!this.exists(step, rank) || step === this.part.first) continue;
        const parent = this.parents[step][rank];
        const onWay = way.has(step * this.width + rank);
        const alive = this.survivors.has(step * this.width + rank);
        const points = curved(this.x(step - 1) + box / 2, this.y(parent), this.x(step) - box / 2, this.y(rank));
        const dash = this.hadEnded(step, rank) ? [2, 4] : [];
        pen.path(points, { stroke: onWay ? mark : alive ? quiet : rule, line: onWay ? 3 : 1.5, dash });
      }
    }
    for (let step = this.part.first; step <= last; step++) {
      for (let rank = 0; rank < this.width; rank++) if (this.exists(step, rank)) this.drawNode(pen, step, rank, box, scale, way);
    }
    drawScale(pen, scale, 12, this.tall() - 32, Math.min(220, this.wide - 24));
  }

  drawNode(pen, step, rank, box, scale, way) {
    const [x, y] = [this.x(step) - box / 2, this.y(rank) - 13];
    if (this.hadEnded(step, rank)) {
      pen.dot(this.x(step), this.y(rank), 2, { fill: colour("quiet") });
      return;
    }
    const chance = this.chance(step, rank);
    const faint = chance < this.threshold;
    const onWay = way.has(step * this.width + rank);
    pen.rect(x, y, box, 26, { fill: colour("paper") });
    pen.rect(x, y, box, 26, { fill: scale.css(chance), alpha: faint ? 0.2 : this.survivors.has(step * this.width + rank) ? 1 : 0.55 });
    if (this.ended[step][rank]) pen.rect(x - 3, y - 3, box + 6, 32, { stroke: colour("quiet"), line: 1 });
    if (onWay) pen.rect(x, y, box, 26, { stroke: colour("mark"), line: step === this.at.step ? 3 : 2 });
    const pale = faint || !this.survivors.has(step * this.width + rank);
    pen.text(this.x(step), this.y(rank), fitted(this.tokens[step][rank], box - 4, 13), {
      fill: pale ? colour("ink") : scale.ink(chance), size: 13, align: "middle", bold: onWay });
  }

  update() {
    const { step, rank } = this.at;
    this.describe(step, rank);
    this.listFinals();
    this.redraw();
  }

  describe(step, rank) {
    const written = this.written(step, rank).flatMap((token) => [el("bdi", { className: "token", textContent: token }), " "]);
    const chance = el("span", { className: "value", id: "value", textContent: format(this.chance(step, rank)) });
    const total = el("span", { className: "value", id: "score", textContent: format(this.score(step, rank)) });
    const parts = [`step ${step}, rank ${rank + 1}: `, ...written, " token's probability ", chance, ", log-probability of all ", total];
    if (this.ended[step][rank]) parts.push(" (ended)");
    if (this.pinned) parts.push(" ", el("span", { className: "pinned-note", textContent: "pinned" }));
    this.readout.replaceChildren(...parts);
  }

  // Hypotheses after the last step, each a button that pins it.
  listFinals() {
    if (this.list.childElementCount) {
      [...this.list.children].forEach((line, rank) => line.setAttribute("aria-pressed", String(this.at.step === this.steps - 1 && rank === this.at.rank)));
      return;
    }
    for (let rank = 0; rank < this.width; rank++) {
      if (!this.exists(this.steps - 1, rank)) continue;
      const score = this.score(this.steps - 1, rank);
      const text = el("bdi", { textContent: this.finals[rank] });
      const line = button(`final-${rank}`, "", () => {
        this.setUntil(this.steps - 1);
        this.at = { step: this.steps - 1, rank };
        this.pin(true);
      });
      line.append(text, el("span", { className: "quiet", textContent: `log p ${format(score)}, p ${format(Math.exp(score))}` }));
      this.list.append(line);
    }
    this.listFinals();
  }

  svg() {
    const pen = new SvgPen(this.wide, this.tall());
    pen.rect(0, 0, pen.width, pen.height, { fill: colour("paper") });
    this.draw(pen);
    return pen;
  }
}

// From left to right, level at both ends.
function curved(x0, y0, x1, y1) {
  const points = [];
  for (let i = 0; i <= 12; i++) {
    const t = i / 12;
    points.push([x0 + (x1 - x0) * t, y0 + (y1 - y0) * t * t * (3 - 2 * t)]);
  }
  return points;
}

start(drawBeam);
