"use strict";
(async () => {
  const scheme = matchMedia("(prefers-color-scheme: dark)");

  async function unpacked(id) {
    const text = document.getElementById(id).textContent;
    const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).text();
  }

  // Colours are named as in the style sheet, so that both follow the scheme.
  function coloured(value) {
    if (typeof value === "string" && value.startsWith("--")) {
      return getComputedStyle(document.documentElement).getPropertyValue(value).trim();
    }
    if (Array.isArray(value)) return value.map(coloured);
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, coloured(part)]));
    }
    return value;
  }

  const axis = {
    gridcolor: "--rule", linecolor: "--rule", zerolinecolor: "--rule", automargin: true,
    title: { standoff: 8 },
  };
  const base = {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: "--ink", family: "system-ui, sans-serif", size: 13 },
    margin: { l: 10, r: 10, t: 10, b: 10 },
    showlegend: false,
    hoverlabel: { bgcolor: "--card", bordercolor: "--rule", font: { color: "--ink" } },
    hovermode: "closest",
  };
  const config = { displayModeBar: false, displaylogo: false };

  // Names come as HTML, as plotly.js wants them; nothing in a text area is an element.
  function plain(name) {
    const area = document.createElement("textarea");
    area.innerHTML = name;
    return area.value;
  }

  // A legend of our own wraps, and never lies on the plot.
  function drawLegend(place, traces) {
    const figure = place.closest("figure");
    let list = figure.querySelector(".legend");
    if (!list) {
      list = document.createElement("ul");
      list.className = "legend";
      figure.prepend(list);
    }
    list.replaceChildren(...traces.map(({ name, mode, line }) => {
      const item = document.createElement("li"), sample = document.createElement("span");
      const kind = { solid: "solid", dot: "dotted" }[line.dash] ?? "dashed";
      if (mode === "markers") sample.textContent = "◇";
      else sample.style.borderTop = `${Math.max(line.width, 2)}px ${kind} var(${line.color})`;
      sample.style.color = `var(${line.color})`;
      item.append(sample, plain(name));
      return item;
    }));
  }

  const sized = (place) => ({ width: place.clientWidth, height: place.clientHeight });

  function drawPlot(id, figure) {
    const place = document.getElementById(id);
    if (!place.clientWidth) return; // closed; it is drawn when it opens
    const layout = { ...base, ...sized(place), dragmode: false };
    layout.xaxis = { ...axis, fixedrange: true, ...figure.layout.xaxis };
    layout.yaxis = { ...axis, fixedrange: true, ...figure.layout.yaxis };
    if (figure.data.length > 1) drawLegend(place, figure.data);
    return Plotly.react(place, coloured(figure.data), coloured(layout), config);
  }

  // The least and the greatest value of each bucket of a row between two samples, in their order.
  function thinned(row, series, from, to, most) {
    const { first, size } = series, { low } = row, high = row.high || low;
    const begin = Math.max(0, Math.floor((from - first) / size));
    const end = Math.min(low.length, Math.ceil((to - first) / size) + 1);
    const x = [], y = [];
    const put = (index, value) => { x.push(first + index * size); y.push(value); };
    if (end - begin <= 2 * most) {
      for (let i = begin; i < end; i++) {
        put(i, low[i]);
        if (high[i] !== low[i]) put(i, high[i]);
      }
      return { x, y };
    }
    const bucket = Math.ceil((end - begin) / most);
    for (let start = begin; start < end; start += bucket) {
      let least = -1, greatest = -1;
      for (let i = start; i < Math.min(end, start + bucket); i++) {
        if (low[i] !== null && (least < 0 || low[i] < low[least])) least = i;
        if (high[i] !== null && (greatest < 0 || high[i] > high[greatest])) greatest = i;
      }
      if (least < 0 || greatest < 0) { put(start, null); continue; }
      if (least <= greatest) { put(least, low[least]); put(greatest, high[greatest]); }
      else { put(greatest, high[greatest]); put(least, low[least]); }
    }
    return { x, y };
  }

  const axes = { input: "y3", target: "y2", output: "y2", error: "y" };
  const dashes = ["solid", "dash", "dot", "dashdot"];
  const styles = {
    input: { color: "--input", width: 1.3 }, target: { color: "--target", width: 3.5 },
    output: { color: "--output", width: 1.3 }, error: { color: "--error", width: 1.3 },
  };

  class View {
    constructor(place, choices) {
      this.place = place;
      this.choices = choices;
      this.panel = place.closest("figure");
      const choice = document.querySelector(`select[data-for="${place.id}"]`);
      choice.addEventListener("change", () => this.choose(Number(choice.value)));
      this.choose(Number(choice.value));
      for (const button of this.panel.querySelectorAll("[data-zoom]")) {
        button.addEventListener("click", () => this.zoom(button.dataset.zoom));
      }
      const keys = { "+": "in", "=": "in", "-": "out", ArrowLeft: "left", ArrowRight: "right", 0: "all" };
      place.addEventListener("keydown", (event) => {
        if (!(event.key in keys) || event.ctrlKey || event.metaKey || event.altKey) return;
        event.preventDefault();
        this.zoom(keys[event.key]);
      });
      place.on("plotly_relayout", (change) => {
        if (change["xaxis.autorange"]) this.show(...this.whole());
        else if ("xaxis.range[0]" in change) this.show(change["xaxis.range[0]"], change["xaxis.range[1]"]);
      });
    }

    whole() { return [this.series.first, this.series.first + this.series.length - 1]; }

    choose(index) {
      this.series = this.choices[index];
      this.show(...this.whole());
    }

    zoom(how) {
      let [from, to] = this.range;
      const width = to - from, middle = (from + to) / 2;
      if (how === "all") [from, to] = this.whole();
      if (how === "in") [from, to] = [middle - width / 4, middle + width / 4];
      if (how === "out") [from, to] = [middle - width, middle + width];
      if (how === "left") [from, to] = [from - width / 4, to - width / 4];
      if (how === "right") [from, to] = [from + width / 4, to + width / 4];
      this.show(from, to);
    }

    show(from, to) {
      const [first, last] = this.whole();
      const width = Math.min(Math.max(to - from, Math.min(10, last - first)), last - first);
      from = Math.min(Math.max(from, first), last - width);
      this.range = [from, from + width];
      this.draw();
    }

    draw() {
      const most = Math.max(200, this.place.clientWidth);
      const rows = this.series.rows;
      const data = rows.map((row) => ({
        type: "scatter", name: row.name, yaxis: axes[row.role], xaxis: "x",
        mode: row.low.includes(null) ? "lines+markers" : "lines", // between gaps no line would show
        line: { ...styles[row.role], dash: dashes[row.channel % dashes.length] },
        marker: { color: styles[row.role].color, size: 5 },
        opacity: row.role === "target" ? 0.55 : 1,
        ...thinned(row, this.series, ...this.range, most),
      }));
      const layout = {
        ...base, ...sized(this.place), dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
        hovermode: "x", uirevision: "kept",
        xaxis: { ...axis, range: [...this.range], title: { text: "sample", standoff: 8 }, anchor: "y", exponentformat: "none", separatethousands: true },
        yaxis: { ...axis, domain: [0, 0.27], fixedrange: true, title: { text: "error" }, exponentformat: "power", zerolinecolor: "--zero" },
        yaxis2: { ...axis, domain: [0.33, 0.74], fixedrange: true, title: { text: "target, output" } },
        yaxis3: { ...axis, domain: [0.8, 1], fixedrange: true, title: { text: "input" } },
      };
      drawLegend(this.place, data);
      return Plotly.react(this.place, coloured(data), coloured(layout), { ...config, doubleClick: "autosize" });
    }
  }

  try {
    const script = document.createElement("script");
    script.textContent = await unpacked("plotly");
    document.head.append(script);
    const { plots, series } = JSON.parse(await unpacked("data"));
    const draw = () => Promise.all(Object.entries(plots).map(([id, figure]) => drawPlot(id, figure)));
    await draw();
    const views = Object.entries(series).map(([id, choices]) => new View(document.getElementById(id), choices));
    scheme.addEventListener("change", () => { draw(); views.forEach((view) => view.draw()); });
    const redraw = Object.fromEntries([
      ...Object.entries(plots).map(([id, figure]) => [id, () => drawPlot(id, figure)]),
      ...views.map((view) => [view.place.id, () => view.draw()]),
    ]);
    const followed = new ResizeObserver((changes) => {
      for (const { target } of changes) {
        if (target.clientWidth && target._fullLayout?.width !== target.clientWidth) redraw[target.id]();
      }
    });
    for (const id of Object.keys(redraw)) followed.observe(document.getElementById(id));
    document.documentElement.dataset.drawn = "yes";
  } catch (error) {
    const failure = document.getElementById("failure");
    failure.textContent = `The plots can't be drawn: ${error}. They need a browser of 2023 or later.`;
    failure.hidden = false;
    throw error;
  }
})();
