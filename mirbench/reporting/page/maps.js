// The maps of test clips: two side by side, coloured by an annotation, or by whether a clip has one of many labels.
const MOST_NAMED = 14;  // labels in a legend; of more a pointer tells
const mapOf = dataset => DATA.maps.find(each => each.dataset === dataset) ?? DATA.maps[0];

function mapChoices(state) {
  const map = mapOf(state.dataset), names = Object.keys(map.points).map(nameOf);
  const colours = Object.entries(map.labels).flatMap(([annotation, {many, of}]) => many ? unique(of.flat()).sort().map(label => `${annotation}: ${label}`) : [annotation]);
  const first = Object.keys(map.labels).find(name => !map.labels[name].many) ?? colours[0];
  return [options("dataset", "data set", DATA.maps.map(each => each.dataset)), options("colour", "coloured by", colours, first),
    options("left", "left", names), options("right", "right", names, names[1] ?? names[0])];
}

function mapLabels({dataset, colour}) {
  const map = mapOf(dataset), [annotation, tag] = [colour.split(": ")[0], colour.split(": ").slice(1).join(": ")];
  const about = map.labels[colour] ?? map.labels[annotation];
  return about.many ? {numeric: false, of: about.of.map(labels => labels.includes(tag) ? tag : "without")} : about;
}

function mapColours(labels) {
  const known = labels.of.filter(label => label !== null), fifths = DATA.classes.map(task => task.confusions["circle of fifths"]?.labels).find(Boolean);
  const ordered = fifths && known.every(label => fifths.includes(label)) ? fifths.filter(label => known.includes(label)) : unique(known).sort((a, b) => a.localeCompare(b, undefined, {numeric: true}));
  const names = ordered.includes("without") ? ["without", ...ordered.filter(name => name !== "without")] : ordered;
  const colours = names.map((name, i) => name === "without" ? "var(--floor)" : names.length <= 7 ? `var(--c${i % 6})` : `hsl(${Math.round(330 * i / names.length)} 62% ${46 + 12 * (i % 2)}%)`);
  return {names, colours};
}

function mapLegend(state) {
  const labels = mapLabels(state), {names, colours} = mapColours(labels);
  if (labels.numeric) return element("span", {}, `${names[0]} (violet) to ${names.at(-1)} (yellow)`);
  if (names.length > MOST_NAMED) return element("span", {}, `${names.length} labels; a pointer tells which`);
  return element("span", {class: "legend"}, ...names.map((name, i) => element("span", {}, swatch({shape: SHAPES[name === "without" ? 0 : i % SHAPES.length], colour: colours[i]}), name)));
}

CHARTS.maps = (width, state, plot) => {
  const map = mapOf(state.dataset), labels = mapLabels(state), name = state[plot.dataset.side], points = map.points[ENCODERS.findIndex(e => e.name === name)];
  const {names, colours} = mapColours(labels), side = Math.min(width - 8, 520);
  const place = ([i, x, y]) => ({x, y, clip: map.clips[i], label: labels.of[i], sound: soundOf(map.dataset, map.clips[i])});
  const values = points.filter(([i]) => labels.of[i] !== null).map(place), others = points.filter(([i]) => labels.of[i] === null).map(place);
  if (labels.numeric) for (const value of values) value.number = Number(value.label);
  const axis = {axis: null, scale: {domain: [-0.02, 1.02], nice: false, zero: false}};
  const colour = labels.numeric ? {field: "number", type: "quantitative", scale: {scheme: "viridis"}} : {field: "label", type: "nominal", scale: {domain: names, range: colours}};
  const shape = {field: "label", type: "nominal", scale: {domain: names, range: names.map((label, i) => SHAPES[label === "without" ? 0 : i % SHAPES.length])}};
  return {title: name, width: side, height: side, view: {stroke: LINE}, encoding: {x: {field: "x", type: "quantitative", ...axis}, y: {field: "y", type: "quantitative", ...axis}}, layer: [
    {data: {values: others}, mark: {type: "point", filled: true, size: 14, opacity: 0.25, color: MUTED}, encoding: {tooltip: tip(["clip", "clip"])}},
    {data: {values}, mark: {type: "point", filled: true, size: values.length > 600 ? 26 : 42, opacity: 0.85},
      encoding: {color: colour, ...(!labels.numeric && names.length <= MOST_NAMED ? {shape} : {}), tooltip: tip(["clip", "clip"], ["label", state.colour])}},
  ]};
};
