// One unit of an LSTM and of a GRU: the equations of kerasrnn.layers.LSTMCell and GRUCell (reset_after=True).

const sigmoid = (value) => 1 / (1 + Math.exp(-value));

// w: the weights of a gate, {W, U, b}; for the GRU's candidate also r, the bias inside the reset ("b′").
const sum = (w, x, h) => w.W * x + w.U * h + w.b;

const CELLS = {
  lstm: {
    name: "LSTM",
    inputs: { x: "input", h: "hidden state before", c: "cell state before" },
    gates: {
      input: { sign: "i", what: "input gate: how much is written", weights: ["W", "U", "b"] },
      forget: { sign: "f", what: "forget gate: how much is kept", weights: ["W", "U", "b"] },
      candidate: { sign: "c̃", what: "candidate: what would be written", weights: ["W", "U", "b"] },
      output: { sign: "o", what: "output gate: how much is shown", weights: ["W", "U", "b"] },
    },
    states: ["cell", "hidden"],
    run({ x, h, c }, w) {
      const input = sigmoid(sum(w.input, x, h));
      const forget = sigmoid(sum(w.forget, x, h));
      const candidate = Math.tanh(sum(w.candidate, x, h));
      const output = sigmoid(sum(w.output, x, h));
      const cell = forget * c + input * candidate;
      return { input, forget, candidate, output, cell, hidden: output * Math.tanh(cell) };
    },
    equations({ x, h, c }, w, now) {
      const gate = (name, sign, squash) => [
        `${sign} = ${squash}(W·x + U·h₋ + b)`,
        `= ${squash}(${terms([[w[name].W, x], [w[name].U, h], [w[name].b]])})`,
        `= ${squash}(${short(sum(w[name], x, h))})`,
      ];
      return {
        input: gate("input", "i", "σ"),
        forget: gate("forget", "f", "σ"),
        candidate: gate("candidate", "c̃", "tanh"),
        output: gate("output", "o", "σ"),
        cell: ["c = f·c₋ + i·c̃", `= ${terms([[now.forget, c], [now.input, now.candidate]])}`],
        hidden: ["h = o·tanh(c)", `= ${short(now.output)}·tanh(${short(now.cell)})`],
      };
    },
    starts: {
      "remember (f = 1, i = 0)": { input: { W: 0, U: 0, b: -8 }, forget: { W: 0, U: 0, b: 8 } },
      "forget (f = 0, i = 0)": { input: { W: 0, U: 0, b: -8 }, forget: { W: 0, U: 0, b: -8 } },
      "overwrite (f = 0, i = 1)": { input: { W: 0, U: 0, b: 8 }, forget: { W: 0, U: 0, b: -8 } },
      "count (f = 1, i = 1)": { input: { W: 0, U: 0, b: 8 }, forget: { W: 0, U: 0, b: 8 } },
      "keep inside (o = 0)": { output: { W: 0, U: 0, b: -8 } },
    },
  },
  gru: {
    name: "GRU",
    inputs: { x: "input", h: "hidden state before" },
    gates: {
      update: { sign: "z", what: "update gate: how much is kept (1 keeps)", weights: ["W", "U", "b"] },
      reset: { sign: "r", what: "reset gate: how much the past counts below", weights: ["W", "U", "b"] },
      candidate: { sign: "h̃", what: "candidate: what would replace the state", weights: ["W", "U", "b", "b′"] },
    },
    states: ["hidden"],
    run({ x, h }, w) {
      const update = sigmoid(sum(w.update, x, h));
      const reset = sigmoid(sum(w.reset, x, h));
      const { W, U, b, "b′": inner } = w.candidate;
      const candidate = Math.tanh(W * x + b + reset * (U * h + inner));
      return { update, reset, candidate, hidden: update * h + (1 - update) * candidate };
    },
    equations({ x, h }, w, now) {
      const gate = (name, sign) => [
        `${sign} = σ(W·x + U·h₋ + b)`,
        `= σ(${terms([[w[name].W, x], [w[name].U, h], [w[name].b]])})`,
        `= σ(${short(sum(w[name], x, h))})`,
      ];
      const { W, U, b, "b′": inner } = w.candidate;
      const inside = W * x + b + now.reset * (U * h + inner);
      return {
        update: gate("update", "z"),
        reset: gate("reset", "r"),
        candidate: [
          "h̃ = tanh(W·x + b + r·(U·h₋ + b′))",
          `= tanh(${terms([[W, x], [b]])} + ${short(now.reset)}·(${terms([[U, h], [inner]])}))`,
          `= tanh(${short(inside)})`,
        ],
        hidden: ["h = z·h₋ + (1 − z)·h̃", `= ${terms([[now.update, h], [1 - now.update, now.candidate]])}`],
      };
    },
    starts: {
      "keep (z = 1)": { update: { W: 0, U: 0, b: 8 } },
      "replace (z = 0)": { update: { W: 0, U: 0, b: -8 } },
      "drop the past (z = 0, r = 0)": { update: { W: 0, U: 0, b: -8 }, reset: { W: 0, U: 0, b: -8 } },
    },
  },
};

function short(value) {
  const text = value.toFixed(2);
  return text === "-0.00" ? "0.00" : text.replaceAll("-", "−");
}

// A sum of products with its numbers: "0.50·1.00 + 2.00·(−0.30) − 1.00".
function terms(products) {
  return products.map((factors, i) => {
    const [first, ...rest] = factors;
    const sign = first < 0 ? "−" : "+";
    const head = i ? ` ${sign} ${short(Math.abs(first))}` : short(first);
    return head + rest.map((value) => (value < 0 ? `·(${short(value)})` : `·${short(value)}`)).join("");
  }).join("");
}
