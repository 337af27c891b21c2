// Tables: sorting by a heading, which metrics are shown, and what stands behind a number.
function valueOf(row, column) {
  const cell = row.cells[column];
  const text = cell?.dataset.v ?? cell?.textContent.trim() ?? "";
  const found = /^[<+\-−]?\s*[\d.,]*\d(e[+-]?\d+)?/.exec(text);
  return found ? Number(found[0].replace(/[<\s,]/g, "").replace("−", "-")) : text;
}

function sortRows(table, column, descending) {
  for (const body of table.tBodies) {
    const segments = [[]];  // a heading within a table stays where it is, and so do the rows below it
    for (const row of [...body.rows]) {
      const heads = row.classList.contains("heading") || (row.cells[0].querySelector("i") && row.cells[0].textContent && [...row.cells].slice(1).every(c => !c.textContent.trim()));
      if (heads) segments.push([row], []);
      else segments.at(-1).push(row);
    }
    for (const segment of segments) {
      segment.sort((a, b) => {
        const [x, y] = [valueOf(a, column), valueOf(b, column)], [none, other] = [typeof x !== "number", typeof y !== "number"];
        if (none !== other) return none ? 1 : -1;
        const order = none ? String(x).localeCompare(String(y), undefined, {numeric: true}) : x - y;
        return descending ? -order : order;
      });
      body.append(...segment);
    }
  }
}

function makeSortable(table) {
  const lines = table.tHead ? [...table.tHead.rows] : [], last = lines.at(-1)?.cells ?? [];
  if (!last.length || ![...table.tBodies].some(body => body.rows.length > 1) || [...last].some(head => head.colSpan > 1)) return;
  const whole = lines.filter(line => line.cells.length === last.length);  // a head of one line stands above the others' last
  const heads = [...last].map((head, column) => whole.map(line => line.cells[column]).findLast(each => each.textContent.trim()) ?? head);
  heads.forEach((head, column) => {
    if (!head.textContent.trim()) return;
    const button = element("button", {class: "sort", type: "button", onclick: () => {
      const descending = head.getAttribute("aria-sort") ? head.getAttribute("aria-sort") === "ascending" : column > 0;
      for (const each of heads) each.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", descending ? "descending" : "ascending");
      sortRows(table, column, descending);
    }});
    button.append(...head.childNodes);
    head.append(button);
  });
}

function chooseMetrics(table, select) {
  const several = unique(DATA.panels.map(panel => panel.title));
  const choices = [["headlines", "headline metrics"], ...several.map(title => [title, `all of ${title}`]), ["all", "all"]];
  if (DATA.panels.every(panel => panel.headline)) return select.closest(".controls").querySelector("label").remove();
  select.append(...choices.map(([value, text]) => element("option", {value}, text)));
  select.addEventListener("change", () => {
    table.classList.toggle("headlines", select.value === "headlines");
    for (const cell of table.querySelectorAll("[data-panel]")) {
      const panel = DATA.panels[cell.dataset.panel];
      cell.classList.toggle("away", !["headlines", "all"].includes(select.value) && panel.title !== select.value);
    }
    fitForPrint();
  });
}

// A number's interval and seeds, drawn on the span of its column.
function explain(cell, box) {
  const numbers = text => text ? text.split(" ").map(Number) : [];
  const column = [...cell.closest("table").querySelectorAll(`td[data-panel="${cell.dataset.panel}"][data-v]`)];
  const all = column.flatMap(each => [...numbers(each.dataset.seeds), ...["v", "lo", "hi"].map(k => each.dataset[k]).filter(Boolean).map(Number)]);
  const [low, high] = padded(all), at = x => 4 + 212 * (x - low) / (high - low || 1);
  const {v, lo, hi, seeds, size} = cell.dataset, panel = DATA.panels[cell.dataset.panel];
  const marks = [svg("line", {x1: 4, x2: 216, y1: 22, y2: 22, stroke: "var(--line)"})];
  if (lo && hi) marks.push(svg("line", {x1: at(+lo), x2: at(+hi), y1: 12, y2: 12, stroke: "var(--accent)", "stroke-width": 2.5}));
  marks.push(svg("circle", {cx: at(+v), cy: 12, r: 4.5, fill: "var(--accent)"}));
  for (const seed of numbers(seeds)) marks.push(svg("circle", {class: "seed", cx: at(seed), cy: 22, r: 3, fill: "var(--muted)", "fill-opacity": 0.7}));
  const alone = numbers(seeds).length ? `seeds ${numbers(seeds).map(x => show(x)).join(", ")}` : "";
  box.replaceChildren(element("b", {}, cell.closest("tr").cells[0].textContent), element("div", {}, `${panel.title}, ${panel.label}`),
    svg("svg", {width: 220, height: 30, "aria-hidden": "true"}, ...marks),
    element("div", {}, `${show(+v)}${lo ? ` [${show(+lo)}, ${show(+hi)}], 95 %` : ", without an interval"}`), element("div", {}, alone), element("div", {}, size));
  box.hidden = false;
  const place = cell.getBoundingClientRect();
  box.style.left = `${Math.max(4, Math.min(place.left, innerWidth - box.offsetWidth - 8))}px`;
  box.style.top = `${place.bottom + box.offsetHeight + 8 > innerHeight ? place.top - box.offsetHeight - 4 : place.bottom + 4}px`;
}

function explainNumbers(table, box) {
  const cells = () => [...table.querySelectorAll("td[data-v]")].filter(cell => cell.offsetParent);
  const first = cells()[0];
  if (!first) return;
  first.tabIndex = 0;
  table.addEventListener("pointerover", event => { const cell = event.target.closest("td[data-v]"); cell ? explain(cell, box) : box.hidden = true; });
  table.addEventListener("pointerleave", () => { box.hidden = true; });
  table.addEventListener("focusin", event => { if (event.target.matches("td[data-v]")) explain(event.target, box); });
  table.addEventListener("focusout", () => { box.hidden = true; });
  addEventListener("scroll", () => { box.hidden = true; }, {passive: true});
  table.addEventListener("keydown", event => {
    if (event.key === "Escape") box.hidden = true;
    const step = {ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0]}[event.key];
    if (!step || !event.target.matches("td[data-v]")) return;
    const rows = [...table.rows].filter(row => row.querySelector("td[data-v]")), row = event.target.closest("tr");
    const across = [...row.cells].filter(cell => cell.offsetParent), to = rows[rows.indexOf(row) + step[0]];
    const next = to && [...to.cells].filter(cell => cell.offsetParent)[across.indexOf(event.target) + step[1]];
    if (next?.matches("td[data-v]")) { event.target.tabIndex = -1; next.tabIndex = 0; next.focus(); event.preventDefault(); }
  });
}

// By how much each table must shrink so that nothing of it is cut on paper, which is 690 pixels wide.
function fitForPrint() {
  for (const table of document.querySelectorAll(".wide > table")) {
    table.style.setProperty("--fit", Math.min(1, 690 / Math.max(1, table.scrollWidth)).toFixed(3));
  }
}
