// Lines over the steps of a sequence, with a cursor that hover and keys move.

class Chart {
  // lines: [{name, colour, values, dash}]; low, high: ends of the y axis, or log: true for powers of ten.
  constructor({ id, label, axis, lines, low, high, log = false, height = 170, onPoint, onPin = onPoint, yName = "", xName = "" }) {
    Object.assign(this, { axis, lines, low, high, log, tall: height, yName, xName, at: 0, rules: [] });
    this.canvas = el("canvas", { id, role: "img" });
    this.canvas.setAttribute("aria-label", label);
    this.part = new Window(axis.count);
    this.redraw = scheduled(() => {
      this.wide = this.canvas.clientWidth || 600;
      this.draw(new CanvasPen(this.canvas, this.wide, this.tall));
    });
    const index = (event) => {
      const box = this.canvas.getBoundingClientRect();
      const share = (event.clientX - box.left - this.left) / (this.wide - this.left - 10);
      return clamp(this.part.first + Math.floor(share * this.part.size), 0, axis.count - 1);
    };
    this.canvas.addEventListener("pointermove", (event) => onPoint(index(event)));
    this.canvas.addEventListener("click", (event) => onPin(index(event)));
    new ResizeObserver(this.redraw).observe(this.canvas);
    this.left = 46;
  }

  x(i) {
    return this.left + ((i - this.part.first + 0.5) * (this.wide - this.left - 10)) / this.part.size;
  }

  y(value) {
    const [top, bottom] = [10, this.tall - 24];
    const share = this.log ? Math.log(value / this.low) / Math.log(this.high / this.low) : (value - this.low) / (this.high - this.low);
    return bottom - clamp(share, -0.02, 1.02) * (bottom - top);
  }

  ticks() {
    if (!this.log) return this.low < 0 ? [this.low, 0, this.high] : [0, this.high / 2, this.high];
    const [from, to] = [Math.ceil(Math.log10(this.low)), Math.floor(Math.log10(this.high))];
    const each = Math.max(1, Math.ceil((to - from) / 4));
    const powers = [];
    for (let power = to; power >= from; power -= each) powers.push(10 ** power);
    return powers;
  }

  draw(pen, below = 0) {
    const [ink, quiet, rule] = [colour("ink"), colour("quiet"), colour("rule")];
    const end = this.wide - 10;
    const shift = (points) => points.map(([x, y]) => [x, y + below]);
    for (const [start, length] of runs(this.axis, this.part)) {
      const x = this.x(start) - (this.x(1) - this.x(0)) / 2;
      hatch(pen, x, 10 + below, (length * (end - this.left)) / this.part.size, this.tall - 34);
    }
    for (const tick of this.ticks()) {
      pen.path(shift([[this.left, this.y(tick)], [end, this.y(tick)]]), { stroke: rule });
      pen.text(this.left - 6, this.y(tick) + below, this.log ? powerOfTen(tick) : shortNumber(tick), { fill: quiet, size: 11, align: "end" });
    }
    for (const { value, text } of this.rules) {
      pen.path(shift([[this.left, this.y(value)], [end, this.y(value)]]), { stroke: colour("mark"), dash: [5, 4] });
      pen.text(end, this.y(value) - 8 + below, text, { fill: colour("mark"), size: 11, align: "end" });
    }
    for (const line of this.lines) {
      let points = [];
      const flush = () => {
        points = thinnedOut(points);
        if (points.length > 1) pen.path(shift(points), { stroke: colour(line.colour), line: 2, dash: line.dash ?? [] });
        if (points.length === 1 || (points.length && points.length < 40)) points.forEach(([x, y]) => pen.dot(x, y + below, 2.2, { fill: colour(line.colour) }));
        points = [];
      };
      for (let i = this.part.first; i < this.part.first + this.part.size; i++) {
        const value = line.values(i);
        if (this.axis.kept(i) && Number.isFinite(value) && !(this.log && value <= 0)) points.push([this.x(i), this.y(value)]);
        else flush();
      }
      flush();
    }
    const pitch = (end - this.left) / this.part.size;
    const widest = widestLabel(this.axis, this.part, 12) + 4;
    const each = thinned(this.part.size, pitch, Math.min(widest, 70));
    for (let i = this.part.first; i < this.part.first + this.part.size; i += 1) {
      const current = i === this.at;
      if (((i - this.part.first) % each || Math.abs(i - this.at) * pitch < Math.min(widest, 70)) && !current) continue;
      pen.text(this.x(i), this.tall - 9 + below, fitted(this.axis.label(i), 68, 12), { fill: ink, align: "middle", bold: current });
    }
    pen.path(shift([[this.x(this.at), 10], [this.x(this.at), this.tall - 24]]), { stroke: ink, alpha: 0.6 });
    for (const line of this.lines) {
      const value = line.values(this.at);
      if (Number.isFinite(value) && !(this.log && value <= 0)) pen.dot(this.x(this.at), this.y(value) + below, 4, { fill: colour(line.colour), stroke: colour("paper") });
    }
  }

  goTo(i) {
    this.at = i;
    this.redraw();
  }
}

// A long line as its least and greatest in every pixel: it looks the same and takes a fraction of the time.
function thinnedOut(points) {
  if (points.length < 3000) return points;
  const kept = [];
  for (let i = 0, next; i < points.length; i = next) {
    let [least, most] = [i, i];
    for (next = i + 1; next < points.length && points[next][0] - points[i][0] < 1; next++) {
      if (points[next][1] < points[least][1]) least = next;
      if (points[next][1] > points[most][1]) most = next;
    }
    kept.push(points[Math.min(least, most)]);
    if (least !== most) kept.push(points[Math.max(least, most)]);
  }
  return kept;
}

// Names and present values of lines, beside their colours.
class Legend {
  constructor(id, lines) {
    this.lines = lines;
    this.node = el("ul", { id, className: "legend" });
    this.numbers = lines.map((line) => {
      const swatch = el("span", { className: "swatch" });
      swatch.style.background = `var(--${line.colour})`;
      const number = el("span", { className: "number" });
      number.dataset.name = line.name;
      this.node.append(el("li", {}, swatch, `${line.name} `, number));
      return number;
    });
  }

  show(i) {
    this.lines.forEach((line, at) => (this.numbers[at].textContent = format(line.values(i))));
  }
}
