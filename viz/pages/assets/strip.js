// Tokens as running text, each on the colour of its number. One stop for the Tab key; arrows move within.

const ALL_SEEN = 2500; // a longer text is only painted where it shows

class Strip {
  constructor({ id, label, axis, onPoint, onPin, onSpan = () => {} }) {
    Object.assign(this, { axis, at: -1, marks: new Map(), painter: () => {} });
    this.node = el("div", { id, className: "strip", tabIndex: 0, role: "listbox" });
    this.node.setAttribute("aria-label", label);
    this.spans = [];
    for (let i = 0; i < axis.count; i++) {
      const span = el("span", { id: `${id}-${i}`, role: "option", textContent: axis.label(i) });
      span.dataset.i = i;
      if (!axis.kept(i)) span.classList.add("pad");
      this.spans.push(span);
    }
    this.node.append(...this.spans);
    this.seen = new Set(axis.count <= ALL_SEEN ? this.spans.keys() : []);
    if (axis.count > ALL_SEEN) this.observe();
    const index = (event) => (event.target === this.node ? -1 : Number(event.target.dataset.i ?? -1));
    const when = (does) => (event) => {
      const i = index(event);
      if (i >= 0) does(i, event);
    };
    let from = -1;
    let dragged = false;
    this.node.addEventListener("pointerdown", (event) => {
      from = index(event);
      dragged = false;
    });
    this.node.addEventListener("pointerover", when((i, event) => {
      dragged ||= event.buttons === 1 && from >= 0 && i !== from;
      if (dragged && event.buttons === 1) onSpan(Math.min(from, i), Math.max(from, i));
      else onPoint(i);
    }));
    this.node.addEventListener("click", when((i) => dragged || onPin(i)));
  }

  observe() {
    const watcher = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        const i = Number(target.dataset.i);
        if (!isIntersecting) this.seen.delete(i);
        else {
          this.seen.add(i);
          this.painter(i);
          for (const [name, isMarked] of this.marks) target.classList.toggle(name, Boolean(isMarked(i)));
        }
      }
    }, { root: this.node, rootMargin: "100px" });
    for (const span of this.spans) watcher.observe(span);
  }

  paint(value, scale) {
    this.painter = (i) => {
      if (!this.axis.kept(i)) return;
      const span = this.spans[i];
      const number = value(i);
      const back = scale.css(number);
      if (span.dataset.back === back) return;
      span.dataset.back = back;
      span.style.backgroundColor = back;
      span.style.color = scale.ink(number);
    };
    this.seen.forEach(this.painter);
  }

  goTo(i, scroll = false) {
    if (i === this.at) return;
    this.spans[this.at]?.classList.remove("at");
    this.spans[this.at]?.removeAttribute("aria-selected");
    this.at = i;
    const span = this.spans[i];
    if (!span) return;
    span.classList.add("at");
    span.setAttribute("aria-selected", "true");
    this.node.setAttribute("aria-activedescendant", span.id);
    if (scroll) this.reveal(span);
  }

  // Scrolls the strip, never the page.
  reveal(span) {
    const [box, place] = [this.node.getBoundingClientRect(), span.getBoundingClientRect()];
    if (place.top < box.top) this.node.scrollTop -= box.top - place.top + 4;
    if (place.bottom > box.bottom) this.node.scrollTop += place.bottom - box.bottom + 4;
  }

  mark(name, isMarked) {
    this.marks.set(name, isMarked);
    for (const i of this.seen) this.spans[i].classList.toggle(name, Boolean(isMarked(i)));
  }
}
