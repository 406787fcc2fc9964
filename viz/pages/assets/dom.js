// Elements, numbers and the data of the page. Text gets in by textContent alone.

function el(name, properties = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key in node) node[key] = value;
    else node.setAttribute(key, value);
  }
  node.append(...children);
  return node;
}

function control(name, input, ...rest) {
  const label = el("label", { htmlFor: input.id, textContent: name });
  return el("div", { className: input.type === "range" ? "control wide" : "control" }, label, el("div", { className: "row" }, input, ...rest));
}

function select(id, name, choices, chosen, onChange) {
  const input = el("select", { id });
  choices.forEach(([value, text]) => input.append(el("option", { value, textContent: text })));
  input.value = chosen;
  input.addEventListener("change", () => onChange(input.value));
  return { node: control(name, input), input };
}

function slider(id, name, { min, max, step, value, text = format }, onInput) {
  const input = el("input", { id, type: "range", min, max, step, value });
  const output = el("output", { id: `${id}-value`, htmlFor: id, textContent: text(value) });
  const show = () => {
    output.textContent = text(Number(input.value));
    input.setAttribute("aria-valuetext", output.textContent);
  };
  input.addEventListener("input", () => {
    show();
    onInput(Number(input.value));
  });
  const set = (to) => {
    input.value = to;
    show();
  };
  return { node: control(name, input, output), input, set, output };
}

function button(id, text, onClick, properties = {}) {
  const node = el("button", { id, type: "button", textContent: text, ...properties });
  node.addEventListener("click", onClick);
  return node;
}

// Three digits after the point for what lies around 1, four significant ones elsewhere; a true minus.
function format(value) {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  const text = size !== 0 && (size < 0.001 || size >= 10000) ? value.toExponential(2) : size ? value.toFixed(3) : "0.000";
  return text.replaceAll("-", "−");
}

function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}

// {shape, kind, values} as Python packs them; decoded when first asked for, since a page may hold millions.
class Numbers {
  constructor({ shape, kind, low, high, values }) {
    Object.assign(this, { shape, kind, low, high, packed: values });
  }

  get values() {
    if (!this.decoded) {
      this.decoded = this.decode();
      this.packed = null;
    }
    return this.decoded;
  }

  decode() {
    const text = atob(this.packed);
    const bytes = new Uint8Array(text.length);
    for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i);
    if (this.kind === "uint8") return bytes;
    const view = new DataView(bytes.buffer);
    const values = new Float32Array(bytes.length / (this.kind === "float32" ? 4 : 2));
    if (this.kind === "float32") {
      for (let i = 0; i < values.length; i++) values[i] = view.getFloat32(4 * i, true);
      return values;
    }
    const step = (this.high - this.low) / 65534; // 65535 stands for NaN
    for (let i = 0; i < values.length; i++) {
      const whole = view.getUint16(2 * i, true);
      values[i] = whole === 65535 ? NaN : this.low + whole * step;
    }
    return values;
  }
}

// The label of a position, and the words for it in a sentence.
class Axis {
  constructor(name, count, tokens, mask, first = 0) {
    Object.assign(this, { name, count, tokens, mask, first });
  }

  label(i) {
    return this.tokens ? this.tokens[i] || "·" : String(this.first + i);
  }

  kept(i) {
    return !this.mask || Boolean(this.mask[i]);
  }

  words(i) {
    const place = el("span", { className: "quiet", textContent: ` ${this.name} ${this.first + i}` });
    return this.tokens ? [el("bdi", { className: "token", textContent: this.label(i) }), place] : [place];
  }
}

// The axis that Python describes.
function axisOf({ name, count, tokens, mask, first }) {
  return new Axis(name, count, tokens, mask ? new Numbers(mask).values : null, first);
}

// Calls `draw` once before the next frame, however often it is asked for.
function scheduled(draw) {
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      draw();
    });
  };
}
