// The frame of every page: theme, title, keys, saving, the line that reads out what is pointed at.

const page = { tables: {}, saves: () => null, keys: [] };

function start(draw) {
  const data = JSON.parse(document.getElementById("data").textContent);
  for (const [name, table] of Object.entries(data.tables)) page.tables[name] = new Numbers(table);
  document.title = data.title;
  document.getElementById("title").textContent = data.title;
  document.getElementById("what").textContent = data.what === data.title ? "" : data.what;
  document.getElementById("main").replaceChildren();
  addTools();
  followTheme(data.theme);
  draw(data, document.getElementById("main"));
  addKeys();
  page.repaint();
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  document.getElementById("theme").setAttribute("aria-pressed", String(theme === "dark"));
}

// The theme that the page was made with or else the system's, until the reader chooses another.
function followTheme(theme) {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  let chosen = theme !== null;
  setTheme(theme ?? (dark.matches ? "dark" : "light"));
  dark.addEventListener("change", () => {
    if (chosen) return;
    setTheme(dark.matches ? "dark" : "light");
    page.repaint();
  });
  document.getElementById("theme").addEventListener("click", () => {
    chosen = true;
    setTheme(isDark() ? "light" : "dark");
    page.repaint();
  });
}

function addTools() {
  const dialog = el("dialog", { id: "keys-dialog" }, el("h2", { textContent: "Mouse and keys" }), el("dl", { id: "keys" }));
  dialog.append(button("keys-close", "Close", () => dialog.close()));
  document.body.append(dialog);
  const tools = document.querySelector(".tools");
  tools.append(
    button("save", "Save SVG", save),
    button("theme", "Dark", () => {}),
    button("help", "Keys", () => dialog.showModal()),
  );
}

function save() {
  const pen = page.saves();
  const link = el("a", { href: URL.createObjectURL(new Blob([pen.toString()], { type: "image/svg+xml" })) });
  link.download = `${document.title.replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-+|-+$/g, "").slice(0, 60) || "picture"}.svg`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

// page.keys: [keys, what they do, function(event)]; a key without a function is only listed.
function addKeys() {
  page.keys.push([["t"], "light or dark", () => document.getElementById("theme").click()]);
  page.keys.push([["s"], "save the picture as SVG", save]);
  page.keys.push([["?"], "this list", () => document.getElementById("keys-dialog").showModal()]);
  const shown = { ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", " ": "Space", Escape: "Esc" };
  for (const [keys, what] of page.keys) {
    const names = el("dt");
    keys.forEach((key) => names.append(el("kbd", { textContent: shown[key] ?? key }), " "));
    document.getElementById("keys").append(names, el("dd", { textContent: what }));
  }
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("select, input, dialog *")) return;
    if (event.target.matches("button") && (event.key === " " || event.key === "Enter")) return;
    const found = page.keys.find(([keys, , does]) => does && keys.includes(event.key));
    if (!found) return;
    event.preventDefault();
    found[2](event);
  });
}

// A button that steps through time, and stops at the end.
function player(next) {
  let timer = null;
  const stop = () => {
    clearInterval(timer);
    timer = null;
    play.textContent = "▶ Play";
    play.setAttribute("aria-pressed", "false");
  };
  const play = button("play", "▶ Play", () => {
    if (timer !== null) return stop();
    play.textContent = "❚❚ Pause";
    play.setAttribute("aria-pressed", "true");
    timer = setInterval(() => next() || stop(), 450);
  });
  play.setAttribute("aria-pressed", "false");
  return { button: play, stop };
}

function readout() {
  return el("p", { id: "readout", className: "readout", role: "status" });
}
