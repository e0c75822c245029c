// page.js - draws what the run tells (server-sent events) and sends what is asked of it. Nothing is fetched from anywhere else.
"use strict";
const token = document.body.dataset.token;
const by = id => document.getElementById(id);
const colours = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"];
let program = [], plots = new Map();

async function ask(what) {
  const r = await fetch("do?t=" + token, {method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(what)});
  const answer = await r.json().catch(() => ({error: "the run does not answer (" + r.status + ")"}));
  by("said").textContent = answer.error && what.do !== "eval" ? answer.error : "";
  return answer;
}

function button(id, what) { by(id).addEventListener("click", () => ask(what())); }
button("back", () => ({do: "back", n: 1}));
button("next", () => ({do: "next", n: 1}));
button("step", () => ({do: "step", n: 1}));
button("run", () => ({do: "run", speed: +by("speed").value}));
button("pause", () => ({do: "pause"}));
by("speed").addEventListener("change", () => ask({do: "speed", speed: +by("speed").value}));
by("goto").addEventListener("submit", e => { e.preventDefault(); ask({do: "goto", step: +e.target.step.value}); });
by("ask").addEventListener("submit", async e => {
  e.preventDefault();
  const text = e.target.expression.value, out = by("answers");
  if (!text.trim()) return;
  const a = await ask({do: "eval", expression: text});
  out.textContent = "> " + text + "\n" + (a.error || a.value) + "\n" + out.textContent;
});

function drawProgram(p) {
  program = p.lines;
  by("name").textContent = document.title = p.name;
  by("program").replaceChildren(...program.map(line => {
    const li = document.createElement("li");
    li.textContent = line || " ";
    return li;
  }));
  by("players").replaceChildren(...p.players.map(name => {
    const b = document.createElement("button");
    b.textContent = "step " + name;
    b.addEventListener("click", () => ask({do: "update", player: name, n: 1}));
    return b;
  }));
}

function drawState(s) {
  by("place").textContent = "step " + s.step + (s.why ? ", " + s.why : "") + (s.running ? ", running" : "");
  by("run").disabled = s.running;
  const rows = by("program").children;
  for (const li of by("program").querySelectorAll(".now")) li.classList.remove("now");
  if (s.line && rows[s.line - 1]) {
    rows[s.line - 1].classList.add("now");
    if (!s.running) rows[s.line - 1].scrollIntoView({block: "nearest"});
  }
}

function newPlot(name) {
  const box = document.createElement("div");
  by("curves").append(box);
  return new uPlot({width: 350, height: 200, title: name, legend: {show: false}, cursor: {y: false}, scales: {x: {time: false}},
                    series: [{label: "step"}, {label: name, stroke: colours[plots.size % colours.length], width: 1.5, spanGaps: false}],
                    axes: [{stroke: "#888"}, {stroke: "#888", size: 60}]}, [[], []], box);
}

function drawCurves(all) {
  for (const c of all) {
    if (!plots.has(c.name)) plots.set(c.name, newPlot(c.name));
    plots.get(c.name).setData([c.step, c.value]);
  }
}

const draw = {
  scatter(ctx, w, h, p) {
    const first = p.parts[0].points, finite = first.flat().filter(v => v !== null);
    const most = 1.3 * Math.max(1e-9, ...finite.map(Math.abs));
    p.parts.forEach((part, k) => {
      ctx.fillStyle = colours[k % colours.length] + "99";
      for (const [x, y] of part.points) if (x !== null && y !== null) ctx.fillRect(w / 2 + x / most * w / 2 - 1, h / 2 - y / most * h / 2 - 1, 2, 2);
    });
  },
  lines(ctx, w, h, p) {
    const all = p.parts.flatMap(part => part.values).filter(v => v !== null), lo = Math.min(...all), hi = Math.max(...all, lo + 1e-9);
    p.parts.forEach((part, k) => {
      ctx.strokeStyle = colours[k % colours.length];
      ctx.beginPath();
      part.values.forEach((v, i) => v !== null && ctx.lineTo(i / (part.values.length - 1 || 1) * w, h - (v - lo) / (hi - lo) * h));
      ctx.stroke();
    });
  },
  grid(ctx, w, h, p) {
    const n = p.images.length, across = Math.ceil(Math.sqrt(n)), side = Math.floor(w / across);
    p.images.forEach((image, i) => {
      const data = new ImageData(p.width, p.height);
      for (let k = 0; k < p.width * p.height; k++)
        for (let c = 0; c < 4; c++) data.data[4 * k + c] = c === 3 ? 255 : image[p.channels === 3 ? 3 * k + c : k];
      const small = new OffscreenCanvas(p.width, p.height);
      small.getContext("2d").putImageData(data, 0, 0);
      ctx.imageSmoothingEnabled = false;
      ctx.drawImage(small, i % across * side, Math.floor(i / across) * side, side, side);
    });
  },
};

function drawPictures(all) {
  for (const p of all) {
    let figure = document.querySelector(`figure[data-name="${CSS.escape(p.name)}"]`);
    if (!figure) {
      figure = document.createElement("figure");
      figure.dataset.name = p.name;
      figure.innerHTML = '<canvas class="picture" width="320" height="320"></canvas><figcaption></figcaption>';
      by("pictures").append(figure);
    }
    const canvas = figure.firstChild, ctx = canvas.getContext("2d");
    ctx.clearRect(0, 0, canvas.width, canvas.height);
    draw[p.kind](ctx, canvas.width, canvas.height, p);
    figure.lastChild.textContent = p.name + (p.parts ? ": " + p.parts.map(part => part.name).join(", ") : "");
  }
}

// A stream that was refused does not come again by itself.
function listen() {
  const events = new EventSource("events?t=" + token);
  const on = (name, f) => events.addEventListener(name, e => f(JSON.parse(e.data)));
  on("program", p => { by("said").textContent = ""; drawProgram(p); });
  on("state", drawState);
  on("curves", drawCurves);
  on("pictures", drawPictures);
  on("end", () => { events.close(); by("said").textContent = "the run has ended"; });
  events.addEventListener("error", () => {
    if (events.readyState !== EventSource.CLOSED) return;
    by("said").textContent = "as many pages show this run as can; this one waits until another is closed";
    setTimeout(listen, 2000);
  });
}
listen();
