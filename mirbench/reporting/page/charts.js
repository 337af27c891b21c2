// Vega-Lite specifications, each a function of the width in pixels and of what is chosen. Colours are variables of the style sheet, so that
// charts follow light, dark and print without being drawn again.
const INK = "var(--ink)", MUTED = "var(--muted)", LINE = "var(--line)", ACCENT = "var(--accent)";
const CONFIG = {
  background: null, font: "system-ui, -apple-system, 'Segoe UI', sans-serif", view: {stroke: null}, legend: {disable: true},
  axis: {labelColor: INK, titleColor: MUTED, gridColor: LINE, domainColor: LINE, tickColor: LINE, labelFontSize: 11, titleFontSize: 11,
    titleFontWeight: "normal", labelLimit: 190, titleLimit: 260},
  title: {color: INK, anchor: "start", fontSize: 12.5, fontWeight: 600, subtitleColor: MUTED, subtitleFontSize: 11, offset: 6, limit: 330, frame: "group"},
  concat: {spacing: {row: 26, column: 22}},
};
const COLOUR = {field: "encoder", type: "nominal", scale: {domain: ENCODERS.map(e => e.name), range: ENCODERS.map(e => e.colour)}};
const SHAPE = {field: "encoder", type: "nominal", scale: {domain: ENCODERS.map(e => e.name), range: ENCODERS.map(e => e.shape)}};
const DASH = {field: "encoder", type: "nominal", scale: {domain: ENCODERS.map(e => e.name), range: ENCODERS.map(e => e.dash)}};
const tip = (...fields) => fields.map(([field, title]) => ({field, title, type: "nominal"}));
const labelRoom = names => Math.min(190, 14 + 6.4 * Math.max(4, ...names.map(name => name.length)));

function padded(values, share = 0.06) {
  const known = values.filter(x => x !== null && Number.isFinite(x));
  const low = Math.min(...known), high = Math.max(...known), room = share * (high - low || Math.abs(high) || 1);
  return [low - room, high + room];
}

// How many panels stand side by side, and how wide each is, where those at the left have names of `room` pixels.
function grid(width, panels, room, least = 190, most = 4) {
  const columns = Math.max(1, Math.min(panels, most, Math.floor((width - room) / least)));
  return {columns, inner: Math.min(400, Math.max(90, Math.floor((width - room - 10) / columns - 30)))};
}

// Panels of marks with intervals: rows = [{panel, name, encoder, v, lo, hi, s}].
function dots(width, panels, rows, {zero = false, filled = null, label = ""} = {}) {
  const names = unique(rows.map(row => row.name)), room = labelRoom(names), {columns, inner} = grid(width, panels.length, room);
  return {columns, concat: panels.map((panel, i) => {
    const values = rows.filter(row => row.panel === panel.title).map(row => ({...row, value: show(row.v), interval: between(row.lo, row.hi)}));
    const domain = padded([...values.flatMap(row => [row.v, row.lo, row.hi, ...(row.s ?? [])]), ...(zero ? [0] : [])]);
    const y = {field: "name", type: "nominal", sort: names, scale: {domain: names}, title: null,
      axis: {grid: false, domain: false, ticks: false, labels: i % columns === 0, labelLimit: 190, labelPadding: 6}};
    const x = {field: "v", type: "quantitative", scale: {domain, nice: false, zero: false}, axis: {tickCount: 4, title: panel.label ?? label}};
    const seeds = values.flatMap(row => (row.s ?? []).map(v => ({name: row.name, encoder: row.encoder, v})));
    return {title: panel.below ? {text: panel.title, subtitle: panel.below} : panel.title, width: inner, height: {step: 23}, data: {values}, layer: [
      ...(zero ? [{data: {values: [{v: 0}]}, mark: {type: "rule", color: MUTED, strokeDash: [3, 3]}, encoding: {x}}] : []),
      {mark: {type: "rule", strokeWidth: 1.8}, encoding: {y, x: {...x, field: "lo"}, x2: {field: "hi"}, color: COLOUR}},
      ...(seeds.length ? [{data: {values: seeds}, mark: {type: "point", filled: true, size: 14, opacity: 0.55, yOffset: 6}, encoding: {y, x, color: COLOUR}}] : []),
      {mark: {type: "point", size: 90, strokeWidth: 1.6, opacity: 1}, encoding: {y, x, stroke: COLOUR, shape: SHAPE,
        fill: filled ? {condition: {test: "datum.decided", ...COLOUR}, value: "var(--paper)"} : COLOUR,
        tooltip: tip(["name", "encoder"], ["value", panel.label ?? label], ["interval", "95 % interval"], ...(filled ? [["verdict", "verdict"], ["p", "p (Holm)"], ["seen", "detectable"]] : []))}},
    ]};
  })};
}

// Shares as darkness: rows = [{row, column, v, lo, hi, ...}] with v from 0 to 1 once `shade` has looked at it; an interval stands below its
// number where there is room.
function heat(width, rows, {rowNames, columnNames, rowTitle = null, columnTitle = null, below = null, tooltip, most = 44, tall = 24}) {
  const room = labelRoom(rowNames), cell = Math.max(7, Math.min(most, (width - room - 16) / columnNames.length));
  const known = cell >= 74 && rows.some(row => between(row.lo ?? null, row.hi ?? null)), high = known ? Math.max(tall, 36) : tall;
  const words = cell >= 26, slanted = Math.max(...columnNames.map(name => name.length)) * 6 > cell;
  const values = rows.map(row => ({...row, shade: Math.max(0, Math.min(1, row.v)), value: show(row.v, 2), ends: between(row.lo ?? null, row.hi ?? null, 2)}));
  const x = {field: "column", type: "nominal", sort: columnNames, scale: {domain: columnNames}, title: columnTitle,
    axis: {orient: "top", labelAngle: slanted ? -50 : 0, labelAlign: slanted ? "left" : "center", domain: false, ticks: false, labelLimit: 130, labelOverlap: false, labelFontSize: cell < 13 ? 9 : 11,
      ...(below ? {labelPadding: slanted ? 2 : 15, labelExpr: `${JSON.stringify(Object.fromEntries(columnNames.map(name => [name, slanted ? `${name} (${below(name)})` : [name, below(name)]])))}[datum.value]`} : {})}};
  const y = {field: "row", type: "nominal", sort: rowNames, scale: {domain: rowNames}, title: rowTitle,
    axis: {domain: false, ticks: false, labelOverlap: false, labelFontSize: high < 13 ? 9 : 11}};
  return {width: cell * columnNames.length, height: high * rowNames.length, view: {stroke: LINE}, data: {values}, encoding: {x, y}, layer: [
    {mark: {type: "rect", stroke: "var(--paper)", strokeWidth: cell > 12 ? 1 : 0.3, fill: ACCENT}, encoding: {tooltip,
      fillOpacity: {field: "shade", type: "quantitative", scale: {domain: [0, 1], range: [0.03, 0.8]}}}},
    ...(words ? [{mark: {type: "text", fontSize: 10.5, color: INK, dy: known ? -6 : 0}, encoding: {text: {field: "value", type: "nominal"}}}] : []),
    ...(known ? [{mark: {type: "text", fontSize: 9, color: INK, dy: 7}, encoding: {text: {field: "ends", type: "nominal"}}}] : []),
  ]};
}

const ofPanel = place => DATA.scores.filter(row => row.p === place);

const CHARTS = {
  scores: width => dots(width, HEADLINES, HEADLINES.flatMap(panel => ofPanel(panel.place).map(row =>
    ({...row, panel: panel.title, name: nameOf(row.e), encoder: nameOf(row.e)})))),

  differences(width, {against}) {
    const rows = DATA.differences.flatMap(row => {
      const turned = {better: "worse", worse: "better"};
      const found = {...row, seen: show(row.seen, 2), p: row.p === null ? "–" : row.p < 0.001 ? "< 0.001" : show(row.p), decided: row.verdict in turned};
      if (nameOf(row.b) === against) return [{...found, other: row.e}];
      if (nameOf(row.e) === against) return [{...found, other: row.b, v: -row.v, lo: row.hi === null ? null : -row.hi, hi: row.lo === null ? null : -row.lo, verdict: turned[row.verdict] ?? row.verdict}];
      return [];
    }).sort((a, b) => a.other - b.other).map(row => ({...row, name: nameOf(row.other), encoder: nameOf(row.other)}));
    const panels = HEADLINES.filter(panel => rows.some(row => row.panel === panel.title)).map(panel => ({title: panel.title, label: `difference in ${panel.metric.replaceAll("_", " ")}`}));
    return dots(width, panels, rows, {zero: true, filled: true});
  },

  curves(width, {task, family, encoders}) {
    const panel = HEADLINES.find(each => each.title === task);
    const inFamily = c => family === "all" || (family === "unseen by all" ? !c.seen.length : family === "seen by some" ? c.seen.length : c.family === family);
    const all = DATA.curves.filter(row => row[0] === task && encoders.has(nameOf(row[1])) && inFamily(DATA.corruptions[row[2]]))
      .map(([, e, c, severity, level, v, lo, hi]) => ({e, c, severity, level, v, lo, hi}));
    const clean = ofPanel(panel.place).filter(row => encoders.has(nameOf(row.e)) && !ENCODERS[row.e].majority);
    const chance = ofPanel(panel.place).filter(row => ENCODERS[row.e].majority && encoders.has(nameOf(row.e)));
    const shown = unique(all.map(row => row.c)).sort((a, b) => a - b);
    if (!shown.length) return null;
    const {columns, inner} = grid(width, shown.length, 34, 205, 5);
    const y = {field: "v", type: "quantitative", scale: {domain: padded([...all, ...clean, ...chance].flatMap(row => [row.v, row.lo, row.hi])), zero: false, nice: false}};
    return {columns, concat: shown.map((c, i) => {
      const about = DATA.corruptions[c], rows = all.filter(row => row.c === c), levels = ["clean", "", "", "", "", ""];
      for (const row of rows) levels[row.severity] = row.level === null ? (about.unit ? "" : String(row.severity)) : `${Number(row.level.toPrecision(3))}`;
      const present = unique([0, ...rows.map(row => row.severity)]).sort((a, b) => a - b);
      const there = new Set(rows.map(row => row.e));
      const values = [...clean.filter(row => there.has(row.e)).map(row => ({...row, severity: 0})), ...rows]
        .map(row => ({...row, encoder: nameOf(row.e), value: show(row.v), interval: between(row.lo, row.hi), at: row.severity ? `${levels[row.severity]} ${about.unit}`.trim() : "clean"}));
      const x = {field: "severity", type: "quantitative", scale: {domain: [-0.15, Math.max(1, ...present) + 0.15], nice: false, zero: false},
        axis: {values: present, labelExpr: `${JSON.stringify(levels)}[datum.value]`, title: about.unit || "severity", grid: false, labelOverlap: "greedy"}};
      const seen = about.seen.filter(name => encoders.has(name));
      const subtitle = [about.family, seen.length ? `seen by ${seen.length > 2 ? `${seen.length} encoders` : seen.join(", ")}` : about.family && about.counted ? "unseen" : ""].filter(Boolean).join(" · ");
      return {title: {text: about.name, ...(subtitle ? {subtitle} : {})}, width: inner, height: 130, data: {values},
        encoding: {x, color: COLOUR}, layer: [
          {mark: {type: "area", opacity: 0.13}, encoding: {y: {...y, field: "lo"}, y2: {field: "hi"}}},
          {mark: {type: "line", strokeWidth: 1.7}, encoding: {strokeDash: DASH, y: {...y, axis: {tickCount: 5, title: i % columns ? null : panel.label}}}},
          {mark: {type: "point", filled: true, size: 42, opacity: 1}, encoding: {y, shape: SHAPE, tooltip: tip(["encoder", "encoder"], ["at", "level"], ["value", "value"], ["interval", "95 % interval"])}},
          ...(chance.length ? [{data: {values: chance.slice(0, 1)}, mark: {type: "rule", color: MUTED, strokeDash: [4, 4]}, encoding: {x: null, y, color: {value: MUTED}}}] : []),
        ]};
    })};
  },

  retained(width, {task}) {
    const rows = DATA.retained.filter(row => row.where === task), columnNames = ENCODERS.map(e => e.name).filter(name => rows.some(row => nameOf(row.e) === name));
    const panel = HEADLINES.find(each => each.title === task), clean = new Map(panel ? ofPanel(panel.place).map(row => [nameOf(row.e), show(row.v)]) : []);
    const rowNames = unique(rows.map(row => row.c)).sort((a, b) => a - b).map(c => DATA.corruptions[c].name);
    return heat(width, rows.map(row => ({...row, row: DATA.corruptions[row.c].name, column: nameOf(row.e), interval: between(row.lo, row.hi)})),
      {rowNames, columnNames, below: name => `of ${clean.get(name) ?? "–"}`, most: 110, tooltip: tip(["row", "corruption"], ["column", "encoder"], ["value", "retained"], ["interval", "95 % interval"])});
  },

  robustness(width, {measure, over}) {
    const rows = DATA.robustness.filter(row => row.measure === measure && row.over === over).map(row => ({...row, panel: row.where, name: nameOf(row.e), encoder: nameOf(row.e)}));
    rows.sort((a, b) => a.e - b.e);
    const below = title => rows.find(row => row.panel === title).over_tasks;
    return rows.length ? dots(width, unique(rows.map(row => row.panel)).map(title => ({title, below: below(title), label: `${measure} (${DATA.directions[measure]})`})), rows) : null;
  },

  labels(width, {task, encoders}) {
    const rows = DATA.classes.find(each => each.where === task).ap.filter(row => encoders.has(nameOf(row.e)));
    if (!rows.length) return null;
    const first = Math.min(...rows.map(row => row.e)), named = row => `${row.label} (${row.n})`;
    const order = rows.filter(row => row.e === first).sort((a, b) => b.v - a.v).map(named);
    const room = labelRoom(order), values = rows.map(row => ({...row, name: named(row), encoder: nameOf(row.e), value: show(row.v), guess: show(row.chance)}));
    const y = {field: "name", type: "nominal", sort: order, title: null, axis: {domain: false, ticks: false, grid: true}};
    const x = {field: "v", type: "quantitative", scale: {domain: [0, 1]}, axis: {title: "average precision", orient: "top", grid: false}};
    return {width: Math.min(720, width - room - 20), height: {step: 19}, data: {values}, encoding: {y}, layer: [
      {mark: {type: "tick", color: MUTED, thickness: 1.5}, encoding: {x: {...x, field: "chance"}}},
      {mark: {type: "point", filled: true, size: 62, opacity: 0.95}, encoding: {x, color: COLOUR, shape: SHAPE,
        tooltip: tip(["label", "label"], ["encoder", "encoder"], ["value", "average precision"], ["guess", "a guess"], ["n", "clips"])}},
    ]};
  },

  confusion(width, {task, encoder, kind}) {
    const found = DATA.classes.find(each => each.where === task)?.confusions[kind], place = ENCODERS.findIndex(e => e.name === encoder);
    if (!found?.of[place]) return null;
    const totals = {};
    for (const [i, , n] of found.of[place]) totals[i] = (totals[i] ?? 0) + n;
    const rows = found.of[place].map(([i, k, n]) => ({row: found.labels[i], column: found.labels[k], v: n / totals[i], clips: `${Number(n.toFixed(1))} of ${Math.round(totals[i])}`}));
    const room = labelRoom(found.labels), side = Math.max(7, Math.min(34, (width - room - 40) / found.labels.length));
    return heat(width, rows, {rowNames: found.labels, columnNames: found.labels, rowTitle: "is", columnTitle: "was called", most: side, tall: side,
      tooltip: tip(["row", "is"], ["column", "was called"], ["value", "share"], ["clips", "clips"])});
  },

  scatter(width, {task, dimension}) {
    const found = DATA.classes.find(each => each.where === task), of = found.points[dimension], places = Object.keys(of);
    const domain = padded(places.flatMap(place => of[place].flat())), {columns, inner} = grid(width, places.length, 44, 230, 4);
    const x = {type: "quantitative", scale: {domain, nice: false, zero: false}, axis: {tickCount: 5, title: `${dimension}: is`}};
    return {columns, concat: places.map((place, i) => {
      const y = {...x, axis: {tickCount: 5, title: i % columns ? null : "was said"}};
      const values = of[place].map(([is, said], at) => ({is, said, encoder: nameOf(place), clip: found.clips[at], sound: soundOf(found.dataset, found.clips[at])}));
      return {title: nameOf(place), width: inner, height: inner, layer: [
        {data: {values: [{a: domain[0], b: domain[1]}]}, mark: {type: "rule", color: MUTED, strokeDash: [4, 4]}, encoding: {x: {...x, field: "a"}, x2: {field: "b"}, y: {...y, field: "a"}, y2: {field: "b"}}},
        {data: {values}, mark: {type: "point", filled: true, size: 30, opacity: 0.6}, encoding: {x: {...x, field: "is"}, y: {...y, field: "said"}, color: COLOUR, tooltip: tip(["clip", "clip"], ["is", "is"], ["said", "was said"])}},
      ]};
    })};
  },

  alignment(width, {dataset}) {
    const rows = DATA.alignment.filter(row => row.where === dataset), names = unique(rows.map(row => row.a));
    return heat(width, rows.map(row => ({...row, row: row.a, column: row.b, interval: between(row.lo, row.hi)})),
      {rowNames: names, columnNames: names, most: 90, tall: 28, tooltip: tip(["row", "of"], ["column", "and"], ["value", "linear CKA"], ["interval", "95 % interval"])});
  },

  sweep(width, {option}) {
    const at = DATA.sweep.options.findIndex(each => each.name === option), variants = DATA.sweep.variants.filter(each => each.values[at] !== null);
    const numbers = unique(variants.map(each => each.values[at])).sort((a, b) => (typeof a === "number" ? a : Infinity) - (typeof b === "number" ? b : Infinity)).map(String);
    const families = unique(variants.map(each => each.encoder)), swept = new Set(DATA.sweep.variants.map(each => each.e));
    const {columns, inner} = grid(width, HEADLINES.length, 34, 230, 4);
    const colour = {field: "of", type: "nominal", scale: {domain: families, range: families.map((_, i) => `var(--c${i % 7})`)}};
    return {columns, concat: HEADLINES.map((panel, i) => {
      const known = new Map(ofPanel(panel.place).map(row => [row.e, row]));
      const values = variants.filter(each => known.has(each.e)).map(each => ({...known.get(each.e), of: each.encoder, x: String(each.values[at]),
        others: each.values.filter((_, k) => k !== at).join(", "), value: show(known.get(each.e).v), interval: between(known.get(each.e).lo, known.get(each.e).hi), name: nameOf(each.e)}));
      const rest = [...known.values()].filter(row => !swept.has(row.e)).map(row => ({...row, colour: ENCODERS[row.e].floor ? ENCODERS[row.e].colour : MUTED, dash: ENCODERS[row.e].floor ? ENCODERS[row.e].dash : [4, 3], name: nameOf(row.e), value: show(row.v), interval: between(row.lo, row.hi)}));
      const x = {field: "x", type: "ordinal", sort: numbers, scale: {domain: numbers}, title: option.replaceAll("_", " "), axis: {labelAngle: 0, grid: false}};
      const y = {field: "v", type: "quantitative", scale: {domain: padded([...values.flatMap(row => [row.v, row.lo, row.hi]), ...rest.map(row => row.v)]), zero: false, nice: false}, axis: {title: panel.label, tickCount: 5}};
      return {title: panel.title, width: inner, height: 190, layer: [
        {data: {values: rest}, mark: {type: "rule"}, encoding: {y, color: {field: "colour", type: "nominal", scale: null}, strokeDash: {field: "dash", type: "nominal", scale: null}, tooltip: tip(["name", "not swept"], ["value", "value"], ["interval", "95 % interval"])}},
        {data: {values}, encoding: {x, color: colour, detail: {field: "others"}}, layer: [
          {mark: {type: "line"}, encoding: {y}},
          {mark: {type: "rule"}, encoding: {y: {...y, field: "lo"}, y2: {field: "hi"}}},
          {mark: {type: "point", filled: true, size: 60, opacity: 1}, encoding: {y, tooltip: tip(["name", "variant"], ["value", "value"], ["interval", "95 % interval"])}},
        ]},
      ]};
    })};
  },

  layers(width, {kind}) {
    const rows = DATA.layers.filter(row => row.kind === kind).map(row => ({...row, encoder: nameOf(row.e), line: `${row.e} ${row.seed}`, value: show(row.v)}));
    const tasks = unique(rows.map(row => row.where)), {columns, inner} = grid(width, tasks.length, 34, 230, 4);
    return {columns, concat: tasks.map(where => ({title: where, width: inner, height: 160, data: {values: rows.filter(row => row.where === where)},
      mark: {type: "line", point: {size: 30}}, encoding: {x: {field: "layer", type: "quantitative", axis: {tickMinStep: 1, grid: false}}, color: COLOUR, detail: {field: "line"},
        y: {field: "v", type: "quantitative", scale: {zero: false}, title: kind === "layer_weights" ? "weight" : "score on valid"}, tooltip: tip(["encoder", "encoder"], ["seed", "seed"], ["layer", "layer"], ["value", "value"])}}))};
  },

  cost(width, {by}) {
    const costs = new Map(DATA.costs.filter(row => row[by] !== null && row[by] > 0).map(row => [row.e, row[by]]));
    const {columns, inner} = grid(width, HEADLINES.length, 34, 230, 4);
    return {columns, concat: HEADLINES.map(panel => {
      const values = ofPanel(panel.place).filter(row => costs.has(row.e)).map(row => ({...row, cost: costs.get(row.e), spent: show(costs.get(row.e)), encoder: nameOf(row.e), value: show(row.v)}));
      const y = {field: "v", type: "quantitative", scale: {zero: false, nice: false, domain: padded(values.flatMap(row => [row.v, row.lo, row.hi]))}, axis: {title: panel.label, tickCount: 5}};
      const x = {field: "cost", type: "quantitative", scale: {type: "log", nice: true}, axis: {title: COSTS[by], grid: false, tickCount: 4, format: "~g"}};
      return {title: panel.title, width: inner, height: 180, data: {values}, encoding: {x, color: COLOUR}, layer: [
        {mark: {type: "rule"}, encoding: {y: {...y, field: "lo"}, y2: {field: "hi"}}},
        {mark: {type: "point", filled: true, size: 80, opacity: 1}, encoding: {y, shape: SHAPE, tooltip: tip(["encoder", "encoder"], ["spent", COSTS[by]], ["value", "value"])}},
      ]};
    })};
  },
};
const COSTS = {gflop: "GFLOP for a second of audio", ms: "ms for a second of audio"};
