// Two pens with the same strokes: one draws on the screen, one writes an SVG. What is seen is what is saved.

const FONT = 'system-ui, -apple-system, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif';
const SVG = "http://www.w3.org/2000/svg";

class CanvasPen {
  constructor(canvas, width, height) {
    const ratio = window.devicePixelRatio || 1;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
      canvas.style.height = `${height}px`;
    }
    this.to = canvas.getContext("2d");
    this.to.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.to.clearRect(0, 0, width, height);
    Object.assign(this, { width, height });
  }

  rect(x, y, width, height, { fill, stroke, line = 1, alpha = 1 }) {
    this.to.globalAlpha = alpha;
    if (fill) {
      this.to.fillStyle = fill;
      this.to.fillRect(x, y, width, height);
    }
    if (stroke) {
      Object.assign(this.to, { strokeStyle: stroke, lineWidth: line });
      this.to.strokeRect(x, y, width, height);
    }
    this.to.globalAlpha = 1;
  }

  path(points, { stroke, line = 1, dash = [], alpha = 1 }) {
    Object.assign(this.to, { strokeStyle: stroke, lineWidth: line, globalAlpha: alpha, lineJoin: "round" });
    this.to.setLineDash(dash);
    this.to.beginPath();
    points.forEach(([x, y], i) => (i ? this.to.lineTo(x, y) : this.to.moveTo(x, y)));
    this.to.stroke();
    this.to.setLineDash([]);
    this.to.globalAlpha = 1;
  }

  dot(x, y, radius, { fill, stroke = fill }) {
    Object.assign(this.to, { fillStyle: fill, strokeStyle: stroke, lineWidth: 1.5 });
    this.to.beginPath();
    this.to.arc(x, y, radius, 0, 2 * Math.PI);
    this.to.fill();
    this.to.stroke();
  }

  text(x, y, string, { fill, size = 12, align = "start", baseline = "middle", angle = 0, bold = false }) {
    const to = this.to;
    Object.assign(to, { fillStyle: fill, font: font(size, bold), textAlign: ALIGN[align], textBaseline: baseline });
    to.direction = "ltr";
    to.save();
    to.translate(x, y);
    to.rotate((angle * Math.PI) / 180);
    to.fillText(isolated(string), 0, 0);
    to.restore();
  }

  // `grid` is a canvas with one pixel a cell; `window` the part of it that shows.
  cells(grid, window, x, y, width, height) {
    this.to.imageSmoothingEnabled = width < window.width || height < window.height;
    this.to.imageSmoothingQuality = "high";
    this.to.drawImage(grid, window.x, window.y, window.width, window.height, x, y, width, height);
  }
}

const ALIGN = { start: "left", middle: "center", end: "right" };

class SvgPen {
  constructor(width, height) {
    this.root = document.createElementNS(SVG, "svg");
    this.put(this.root, { width, height, viewBox: `0 0 ${width} ${height}` });
    Object.assign(this, { width, height });
  }

  put(node, attributes) {
    for (const [key, value] of Object.entries(attributes)) {
      node.setAttribute(key, typeof value === "number" ? String(Math.round(value * 100) / 100) : value);
    }
    return node;
  }

  add(name, attributes) {
    return this.root.appendChild(this.put(document.createElementNS(SVG, name), attributes));
  }

  rect(x, y, width, height, { fill = "none", stroke = "none", line = 1, alpha = 1 }) {
    this.add("rect", { x, y, width, height, fill, stroke, "stroke-width": line, opacity: alpha });
  }

  path(points, { stroke, line = 1, dash = [], alpha = 1 }) {
    const places = points.map(([x, y]) => `${x.toFixed(2)},${y.toFixed(2)}`).join(" ");
    const style = { fill: "none", stroke, "stroke-width": line, opacity: alpha, "stroke-linejoin": "round" };
    if (dash.length) style["stroke-dasharray"] = dash.join(" ");
    this.add("polyline", { points: places, ...style });
  }

  dot(cx, cy, r, { fill, stroke = fill }) {
    this.add("circle", { cx, cy, r, fill, stroke, "stroke-width": 1.5 });
  }

  text(x, y, string, { fill, size = 12, align = "start", baseline = "middle", angle = 0, bold = false }) {
    const middle = { middle: 0.35, top: 0.8, bottom: -0.2 }[baseline] * size;
    const style = { fill, "font-size": size, "font-family": FONT, "text-anchor": align, dy: middle };
    if (bold) style["font-weight"] = "600";
    const turn = `translate(${x.toFixed(2)} ${y.toFixed(2)}) rotate(${angle})`;
    this.add("text", { ...style, transform: turn, "xml:space": "preserve" }).textContent = isolated(string);
  }

  // Few cells become rectangles that an editor can take apart, many become one image.
  cells(grid, window, x, y, width, height) {
    const { x: left, y: top, width: across, height: down } = window;
    if (across * down > 10000 || left % 1 || top % 1 || across % 1 || down % 1) {
      const part = el("canvas", { width: Math.ceil(across), height: Math.ceil(down) });
      part.getContext("2d").drawImage(grid, left, top, across, down, 0, 0, part.width, part.height);
      const style = { x, y, width, height, preserveAspectRatio: "none", "image-rendering": "pixelated" };
      this.add("image", { ...style, href: part.toDataURL() });
      return;
    }
    const pixels = grid.getContext("2d").getImageData(left, top, across, down).data;
    const [wide, high] = [width / across, height / down];
    for (let i = 0; i < across * down; i++) {
      const [r, g, b, a] = pixels.subarray(4 * i, 4 * i + 4);
      const place = { x: x + (i % across) * wide, y: y + Math.floor(i / across) * high, width: wide, height: high };
      const seen = a === 255 ? {} : { "fill-opacity": a / 255 };
      this.add("rect", { ...place, fill: `rgb(${r},${g},${b})`, "shape-rendering": "crispEdges", ...seen });
    }
  }

  toString() {
    const title = document.createElementNS(SVG, "title");
    title.textContent = isolated(document.title);
    this.root.prepend(title);
    return `<?xml version="1.0" encoding="UTF-8"?>\n${new XMLSerializer().serializeToString(this.root)}\n`;
  }
}

function font(size, bold = false) {
  return `${bold ? "600 " : ""}${size}px ${FONT}`;
}

// A right-to-left token must not turn its neighbours round; XML has no place for some characters.
function isolated(string) {
  return `\u2068${string.replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, "\ufffd")}\u2069`;
}

const ruler = document.createElement("canvas").getContext("2d");

function textWidth(string, size, bold = false) {
  ruler.font = font(size, bold);
  return ruler.measureText(string).width;
}

// `string` cut to `width` pixels, with an ellipsis where it was cut.
function fitted(string, width, size) {
  if (textWidth(string, size) <= width) return string;
  const letters = Array.from(string);
  while (letters.length > 1 && textWidth(`${letters.join("")}…`, size) > width) letters.pop();
  return `${letters.join("")}…`;
}

// Padding and masked steps: slanted lines over a quiet ground.
function hatch(pen, x, y, width, height) {
  pen.rect(x, y, width, height, { fill: colour("pad") });
  const stroke = colour("hatch");
  for (let offset = 6 - height; offset < width; offset += 6) {
    const [from, to] = [Math.max(0, offset), Math.min(width, offset + height)];
    if (to > from) pen.path([[x + from, y + height - (from - offset)], [x + to, y + height - (to - offset)]], { stroke });
  }
}
