"use strict";
// Draws the charts from the JSON beside it. Nothing is fetched; every word from outside is escaped before Plotly sees it.
const night = JSON.parse(document.getElementById("data").textContent);
const BUY = "#0b7a75", SELL = "#c2410c", BLUE = "#1f5fbf", INK = "#1b2430", SOFT = "#8a96a5";
const SHADE = { projected: "rgba(31,95,191,.07)", freeze: "rgba(90,100,115,.20)", correction: "rgba(147,95,0,.10)" };
const CONFIG = { displayModeBar: false, responsive: true };

const esc = (text) => String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
const at = (offsets) => offsets.map((t) => night.start + t);
const short = (x) => x.toLocaleString("en-US", { maximumSignificantDigits: 7 }).replace("-", "−");
const dollars = (x) => x.toLocaleString("en-US", { maximumFractionDigits: Math.abs(x) < 10 ? 2 : 0 }).replace("-", "−");
const clock = (ms) => new Date(ms).toISOString().slice(11, 19);
const element = (id) => document.getElementById(id);

function empty(id, text) {
  const note = document.createElement("p");
  note.className = "empty";
  note.textContent = text;
  element(id).replaceChildren(note);
  element(id).style.height = "auto";
}

// The frame that all charts over time share: window, shaded phases, the close.
function frame(extra) {
  const shapes = night.shades.map((s) => ({
    type: "rect", layer: "below", xref: "x", yref: "paper", x0: s.from, x1: s.to, y0: 0, y1: 1,
    fillcolor: SHADE[s.name], line: { width: 0 },
  }));
  shapes.push({ type: "line", xref: "x", yref: "paper", x0: night.close, x1: night.close, y0: 0, y1: 1, line: { color: SOFT, width: 1, dash: "dot" } });
  const names = night.shades.map((s) => ({
    text: s.name, xref: "x", yref: "paper", x: (s.from + s.to) / 2, y: 1, yanchor: "bottom", showarrow: false, font: { size: 11, color: "#5d6b7c" },
  }));
  return {
    font: { family: "system-ui, Liberation Sans, Arial, sans-serif", size: 12, color: INK },
    margin: { l: 74, r: 14, t: 22, b: 28 }, paper_bgcolor: "#fff", plot_bgcolor: "#fff", hovermode: "closest",
    legend: { orientation: "h", x: 0, y: -0.09, font: { size: 11 } },
    shapes: shapes.concat(extra.shapes || []), annotations: names.concat(extra.annotations || []),
    xaxis: { type: "date", range: [night.from, night.to], tickformat: "%H:%M", hoverformat: "%H:%M:%S.%L", gridcolor: "#eef1f4", zeroline: false },
  };
}

const axis = (title, more) => ({ title: { text: title, font: { size: 11 } }, gridcolor: "#eef1f4", zerolinecolor: "#c4ccd6", tickformat: ",", ...more });

function drawMissing() {
  const series = night.exposure.missing;
  if (!series.t.length) return empty("missing", "No phase set a target: there is nothing to be missing.");
  const line = { x: at(series.t), y: series.v, type: "scatter", mode: "lines", line: { shape: "hv", color: BLUE, width: 2 }, fill: "tozeroy", fillcolor: "rgba(31,95,191,.12)", hovertemplate: "%{x|%H:%M:%S}<br>%{y:,.0f} USD missing<extra></extra>" };
  const left = Math.max(0, series.v.at(-1));
  const layout = frame({ annotations: [{ text: `${dollars(left)} left`, x: at(series.t).at(-1), y: left, ax: -34, ay: -28, arrowsize: .8, arrowwidth: 1, arrowcolor: SOFT, font: { size: 11 } }] });
  layout.yaxis = axis("", { rangemode: "tozero" });
  layout.margin.l = 68;
  Plotly.newPlot("missing", [line], { ...layout, showlegend: false }, CONFIG);
}

// Hedge orders sit on the delta they answered, buys up and sells down.
function hedgeMarks(name, coin, axisName) {
  const series = night.exposure[name], marks = { x: [], y: [], text: [], side: [] };
  let i = 0;
  night.hedges.t.forEach((t, k) => {
    if (night.hedges.coin[k] !== coin) return;
    while (i + 1 < series.t.length && series.t[i + 1] <= t) i++;
    marks.x.push(night.start + t);
    marks.y.push(series.v[i]);
    marks.side.push(night.hedges.usd[k] > 0);
    marks.text.push(`${night.hedges.usd[k] > 0 ? "buy" : "sell"} ${dollars(Math.abs(night.hedges.usd[k]))} USD of ${esc(coin)}`);
  });
  return {
    x: marks.x, y: marks.y, text: marks.text, xaxis: "x", yaxis: axisName, type: "scatter", mode: "markers", name: "hedge order (up: buy, down: sell)", legendgroup: "hedge", showlegend: name === "btc",
    marker: { size: 8, symbol: marks.side.map((b) => (b ? "triangle-up" : "triangle-down")), color: marks.side.map((b) => (b ? BUY : SELL)), line: { width: .5, color: "#fff" } },
    hovertemplate: "%{x|%H:%M:%S.%L}<br>%{text}<extra></extra>",
  };
}

function drawDelta() {
  const { btc, eth } = night.exposure;
  if (!btc.t.length) return empty("delta", "No betas in the journal for this night: exposure cannot be recomputed. What the daemon itself measured stands under Hedge.");
  const traces = [], extra = { shapes: [], annotations: [] }, axes = {};
  [["btc", "BTC", "y", [0.54, 1]], ["eth", "ETH", "y2", [0, 0.46]]].forEach(([name, coin, y, domain]) => {
    const series = night.exposure[name], band = night.band || 0;
    const reach = 1.25 * Math.max(1.8 * band, series.usual);
    traces.push({ x: at(series.t), y: series.v, xaxis: "x", yaxis: y, type: "scatter", mode: "lines", name: "net delta", legendgroup: "delta", showlegend: name === "btc", line: { shape: "hv", color: BLUE, width: 1.5 }, hovertemplate: `%{x|%H:%M:%S.%L}<br>${coin} delta %{y:,.0f} USD<extra></extra>` });
    traces.push(hedgeMarks(name, coin, y));
    axes[y === "y" ? "yaxis" : "yaxis2"] = axis(`${coin} delta, USD`, { domain, range: [-reach, reach] });
    if (band) extra.shapes.push({ type: "rect", layer: "below", xref: "paper", x0: 0, x1: 1, yref: y, y0: -band, y1: band, fillcolor: "rgba(11,122,75,.13)", line: { color: "#0b7a4b", width: 1, dash: "dash" } });
    if (series.worst && Math.abs(series.worst[1]) > reach) {
      const up = series.worst[1] > 0;
      extra.annotations.push({ text: `worst ${dollars(series.worst[1])} at ${clock(night.start + series.worst[0])}, off this scale`, xref: "paper", x: 0, y: up ? reach : -reach, yref: y, xanchor: "left", yanchor: up ? "top" : "bottom", xshift: 6, showarrow: false, font: { size: 11, color: SELL } });
    }
  });
  const layout = Object.assign(frame(extra), axes);
  layout.xaxis.anchor = "y2";
  Plotly.newPlot("delta", traces, layout, CONFIG);
}

const sides = (fills) => ["buy", "sell"].map((side) => ({ side, rows: fills.t.map((_, i) => i).filter((i) => fills.qty[i] > 0 === (side === "buy")) }));

// Slices: the order as an outline, what was filled of it inside.
function sliceBars(slices) {
  const x = at(slices.t), common = { x, type: "bar", xaxis: "x", yaxis: "y3", width: Math.max(4000, (night.to - night.from) / 240) };
  const missed = slices.t.map((_, i) => Math.abs(slices.filled[i]) < Math.abs(slices.qty[i]));
  const text = slices.t.map((_, i) => `${slices.qty[i] > 0 ? "buy" : "sell"} ${short(Math.abs(slices.qty[i]))}, limit ${short(slices.limit[i])}<br>${night.legs[slices.leg[i]]}: ${esc(slices.fate[i] || "filled")}`);
  return [
    { ...common, y: slices.qty, text, textposition: "none", name: "slice", marker: { color: missed.map((m) => (m ? "#fbe3d6" : "#fff")), line: { width: 1, color: missed.map((m) => (m ? SELL : SOFT)) } }, hovertemplate: "%{x|%H:%M:%S.%L}<br>%{text}<extra></extra>" },
    { ...common, y: slices.filled, name: "filled of it", marker: { color: SOFT }, hoverinfo: "skip" },
  ];
}

function drawAsset(coin) {
  const c = night.coins[coin];
  if (!c.mid.t.length && !c.held.t.length) return empty("asset", "The journal holds nothing of this asset in the night's window.");
  const stretched = (s) => ({ x: [...at(s.t), night.to], y: [...s.v, s.v.at(-1)] });
  const traces = [];
  if (c.target.t.length) traces.push({ ...stretched(c.target), name: "target", type: "scatter", mode: "lines", xaxis: "x", yaxis: "y", line: { shape: "hv", color: INK, width: 1.5, dash: "dash" }, hovertemplate: "target %{y}<extra></extra>" });
  if (c.slices.t.length) traces.push(...sliceBars(c.slices));
  if (c.held.t.length) traces.push({ ...stretched(c.held), name: "position", type: "scatter", mode: "lines", xaxis: "x", yaxis: "y", line: { shape: "hv", color: BLUE, width: 2.5 }, hovertemplate: "%{x|%H:%M:%S.%L}<br>position %{y}<extra></extra>" });
  traces.push({ x: at(c.mid.t), y: c.mid.v, name: "mid", type: "scatter", mode: "lines", xaxis: "x", yaxis: "y2", line: { color: SOFT, width: 1.3 }, hovertemplate: "%{x|%H:%M:%S}<br>mid %{y}<extra></extra>" });
  const most = Math.max(1e-12, ...c.fills.qty.map((q, i) => Math.abs(q * c.fills.px[i])));
  for (const { side, rows } of sides(c.fills)) {
    if (!rows.length) continue;
    traces.push({
      x: rows.map((i) => night.start + c.fills.t[i]), y: rows.map((i) => c.fills.px[i]), name: side, type: "scatter", mode: "markers", xaxis: "x", yaxis: "y2",
      text: rows.map((i) => `${side} ${short(Math.abs(c.fills.qty[i]))} at ${short(c.fills.px[i])}<br>${dollars(Math.abs(c.fills.qty[i] * c.fills.px[i]))} USD, fee ${c.fills.fee[i].toFixed(2)}, ${night.legs[c.fills.leg[i]]}`),
      marker: { symbol: side === "buy" ? "triangle-up" : "triangle-down", color: side === "buy" ? BUY : SELL, size: rows.map((i) => 6 + 7 * Math.sqrt(Math.abs(c.fills.qty[i] * c.fills.px[i]) / most)), line: { width: .5, color: "#fff" } },
      hovertemplate: "%{x|%H:%M:%S.%L}<br>%{text}<extra></extra>",
    });
  }
  const layout = frame({});
  layout.xaxis.anchor = "y2";
  layout.legend.y = -0.06;
  layout.barmode = "overlay";
  const sliced = c.slices.t.length > 0;
  layout.yaxis = axis(`position, ${esc(coin)}`, { domain: [sliced ? 0.57 : 0.48, 1] });
  if (sliced) layout.yaxis3 = axis("slices", { domain: [0.38, 0.53], nticks: 4 });
  layout.yaxis2 = axis("price, USD", { domain: [0, sliced ? 0.34 : 0.44], tickformat: "" });
  element("asset").style.height = "680px";
  if (element("asset").querySelector(".empty")) element("asset").replaceChildren();
  Plotly.react("asset", traces, layout, CONFIG);
}

function show(coin) {
  element("coin").value = coin;
  drawAsset(coin);
  let row = null;
  document.querySelectorAll("#assets tbody tr").forEach((r) => {
    r.classList.toggle("shown", r.dataset.coin === coin);
    if (r.dataset.coin === coin) row = r;
  });
  const cell = (k) => row.cells[k].textContent;
  element("coin-line").textContent = row ? `${cell(2)} before, target ${cell(3)}, position ${cell(4)}; residual ${cell(5)} lots (${cell(6)} USD). ${cell(11)}` : "";
}

function stepTo(by) {
  const n = night.order.length, now = night.order.indexOf(element("coin").value);
  if (n) show(night.order[(now + by + n) % n]);
}

function drawEquity() {
  const e = night.equity;
  if (e.before === null || e.after === null) return empty("equity", "The night has no opening or no closing snapshot: the change of equity is not known.");
  const parts = [["price", e.price], ["hedge", e.hedge], ["funding", e.funding], ["fees", e.fees], ["residual", e.residual]];
  Plotly.newPlot("equity", [{
    type: "waterfall", x: [...parts.map((p) => p[0]), "change"], y: [...parts.map((p) => p[1]), 0], measure: [...parts.map(() => "relative"), "total"],
    text: [...parts.map((p) => dollars(p[1])), dollars(e.after - e.before)], textposition: "outside", cliponaxis: false,
    increasing: { marker: { color: BUY } }, decreasing: { marker: { color: SELL } }, totals: { marker: { color: BLUE } }, connector: { line: { color: SOFT, width: 1 } },
    hovertemplate: "%{x}: %{text} USD<extra></extra>",
  }], {
    font: { family: "system-ui, Liberation Sans, Arial, sans-serif", size: 12, color: INK }, margin: { l: 60, r: 10, t: 24, b: 28 },
    yaxis: axis(""), showlegend: false, paper_bgcolor: "#fff", plot_bgcolor: "#fff",
  }, CONFIG);
}

function number(text) {
  const cleaned = text.replaceAll(",", "").replace("−", "-");
  return cleaned === "–" || cleaned === "" ? -Infinity : Number(cleaned);
}

function sortBy(head) {
  const body = document.querySelector("#assets tbody"), k = head.cellIndex, byText = head.dataset.sort === "text";
  const up = head.getAttribute("aria-sort") ? head.getAttribute("aria-sort") !== "ascending" : byText;
  document.querySelectorAll("#assets th").forEach((th) => th.removeAttribute("aria-sort"));
  head.setAttribute("aria-sort", up ? "ascending" : "descending");
  const value = (row) => (byText ? row.cells[k].textContent : number(row.cells[k].textContent));
  const compare = byText ? (a, b) => value(a).localeCompare(value(b)) : (a, b) => (value(a) === value(b) ? 0 : value(a) < value(b) ? -1 : 1);
  [...body.rows].sort((a, b) => (up ? 1 : -1) * compare(a, b)).forEach((row) => body.append(row));
}

function listen() {
  night.order.forEach((coin) => element("coin").add(new Option(coin, coin)));
  element("coin").addEventListener("change", (e) => show(e.target.value));
  element("earlier").addEventListener("click", () => stepTo(-1));
  element("later").addEventListener("click", () => stepTo(1));
  document.querySelectorAll("#assets tbody tr").forEach((row) => row.addEventListener("click", () => {
    show(row.dataset.coin);
    element("coin").scrollIntoView({ behavior: "smooth", block: "start" });
  }));
  document.querySelectorAll("#assets th[data-sort]").forEach((head) => head.addEventListener("click", () => sortBy(head)));
  element("filter").addEventListener("input", (e) => {
    const wanted = e.target.value.toLowerCase();
    document.querySelectorAll("#assets tbody tr").forEach((row) => { row.hidden = !row.textContent.toLowerCase().includes(wanted); });
  });
}

listen();
drawMissing();
drawDelta();
drawEquity();
if (night.order.length) show(night.order[0]);
else empty("asset", "No asset was held, wanted or traded.");
