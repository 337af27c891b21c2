// What can be chosen, and drawing: one chart after the other, so that the page is there at once.
const tasksOf = rows => HEADLINES.map(panel => panel.title).concat("mean over tasks").filter(title => rows.some(row => (row.where ?? row[0]) === title));
const options = (name, label, values, value) => ({name, label, values, value: value ?? values[0]});
const MOST_SHOWN = 8;  // encoders at first
const some = wanted => ({name: "encoders", names: ENCODERS.filter(wanted).map(e => e.name)});
const byTask = (part, wanted) => DATA.classes.filter(task => wanted(task[part])).map(task => task.where);
const worstOf = task => Object.keys(DATA.classes.find(each => each.where === task)?.worst ?? {}).map(nameOf);

const spentBy = by => DATA.costs.filter(row => row[by] > 0).length;
const CHOICES = {
  differences: () => [options("against", "against", ENCODERS.map(e => e.name).filter(name => DATA.differences.some(row => nameOf(row.b) === name || nameOf(row.e) === name)),
    ENCODERS.find((e, i) => !e.floor && DATA.differences.some(row => row.b === i))?.name ?? ENCODERS.find((e, i) => DATA.differences.some(row => row.b === i)).name)],
  curves: () => [options("task", "task", tasksOf(DATA.curves)),
    options("family", "family", ["all", ...(DATA.corruptions.some(c => c.seen.length) ? ["unseen by all", "seen by some"] : []), ...unique(DATA.corruptions.map(c => c.family).filter(Boolean))]),
    some(e => e.majority || DATA.curves.some(row => nameOf(row[1]) === e.name))],
  retained: () => [options("task", "task", tasksOf(DATA.retained))],
  robustness: () => [options("measure", "measure", unique(DATA.robustness.map(row => row.measure))), options("over", "over", unique(DATA.robustness.map(row => row.over)), "all")],
  labels: () => [options("task", "task", byTask("ap", ap => ap.length)), some(e => DATA.classes.some(task => task.ap.some(row => nameOf(row.e) === e.name)))],
  confusion: state => {
    const tasks = byTask("confusions", found => Object.keys(found).length), task = state.task ?? tasks[0], found = DATA.classes.find(each => each.where === task).confusions;
    return [options("task", "task", tasks), options("encoder", "encoder", Object.keys(Object.values(found)[0].of).map(nameOf)), options("kind", "by", Object.keys(found))];
  },
  scatter: state => {
    const tasks = byTask("points", found => Object.keys(found).length), found = DATA.classes.find(each => each.where === (state.task ?? tasks[0]));
    return [options("task", "task", tasks), options("dimension", "of", Object.keys(found.points))];
  },
  worst: state => { const tasks = byTask("worst", found => Object.keys(found).length); return [options("task", "task", tasks), options("encoder", "encoder", worstOf(state.task ?? tasks[0]))]; },
  maps: mapChoices,
  alignment: () => [options("dataset", "data set", unique(DATA.alignment.map(row => row.where)))],
  listen: () => [options("clip", "clip", unique(DATA.sounds.filter(s => s.severity).map(s => JSON.stringify([s.dataset, s.clip]))))],
  sweep: () => [options("option", "against", DATA.sweep.options.filter(each => each.numeric).map(each => each.name))],
  layers: () => [options("kind", "show", unique(DATA.layers.map(row => row.kind)))],
  cost: () => [options("by", "cost", ["gflop", "ms"].filter(spentBy).sort((one, other) => spentBy(other) - spentBy(one)))],  // which most have
};
const WORDS = {validation_of_layers: "score on valid", layer_weights: "weight", gflop: "GFLOP", ms: "time"};
const LEGENDS = {cost: (e, {by}) => DATA.costs.some(row => nameOf(row.e) === e.name && row[by] > 0), layers: e => DATA.layers.some(row => nameOf(row.e) === e.name)};
const FILLS = {worst: showWorst, listen: showListening};
const STATES = {};

const worded = value => value.startsWith("[") && FILLS.listen && value.includes('","') ? JSON.parse(value)[1] : WORDS[value] ?? value;

function drawControls(box) {
  const name = box.dataset.controls, before = STATES[name] ?? {}, state = STATES[name] = {};
  const parts = CHOICES[name](before).map(choice => {
    if (choice.name === "encoders") {
      state.encoders = before.encoders ?? new Set(choice.names.slice(0, MOST_SHOWN));
      return element("fieldset", {"aria-label": "encoders"}, ...choice.names.map(each => element("label", {},
        element("input", {type: "checkbox", checked: state.encoders.has(each), onchange: event => {
          event.target.checked ? state.encoders.add(each) : state.encoders.delete(each);
          redraw(name);
        }}), swatch(ENCODERS.find(e => e.name === each)), each)));
    }
    state[choice.name] = choice.values.includes(before[choice.name]) ? before[choice.name] : choice.values.includes(choice.value) ? choice.value : choice.values[0];
    if (choice.values.length < 2) return null;
    return element("label", {}, `${choice.label} `, element("select", {"data-choice": choice.name, onchange: event => {
      state[choice.name] = event.target.value;
      drawControls(box);
      box.querySelector(`[data-choice="${choice.name}"]`)?.focus();
      redraw(name);
    }}, ...choice.values.map(value => element("option", {value, selected: value === state[choice.name]}, worded(value)))));
  });
  const legend = name === "maps" ? mapLegend(state) : LEGENDS[name] ? element("span", {class: "legend"}, ...ENCODERS.filter(e => LEGENDS[name](e, state)).map(e => element("span", {}, swatch(e), e.name))) : null;
  box.replaceChildren(...[...parts, legend].filter(part => part !== null));
}

function redraw(name) {
  FILLS[name]?.(STATES[name]);
  for (const plot of document.querySelectorAll(`[data-chart="${name}"]`)) draw(plot);
}

async function draw(plot) {
  const width = plot.clientWidth;
  if (!width) return;
  plot.dataset.width = width;
  const turn = plot.dataset.turn = String(Number(plot.dataset.turn ?? 0) + 1);
  const spec = CHARTS[plot.dataset.chart](width, STATES[plot.dataset.chart] ?? {}, plot);
  if (!spec) return plot.replaceChildren(element("p", {class: "hint"}, "Nothing to show; choose something else."));
  const target = element("div");
  const made = await vegaEmbed(target, {$schema: "https://vega.github.io/schema/vega-lite/v6.json", ...spec, config: CONFIG}, {mode: "vega-lite", renderer: "svg", actions: false, ast: true});
  if (plot.dataset.turn !== turn) return made.finalize();  // something else was chosen meanwhile
  plot.replaceChildren(target);
  made.view.addEventListener("click", (event, item) => {
    const place = item?.datum?.sound;
    if (place !== undefined) play(place);
  });
}

// Lets the browser show what is there. An image that is being loaded holds back the page's load event, so that what prints or takes a picture
// once the page is loaded has every chart.
const DOT = "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA=";
const turn = () => new Promise(resolve => {
  const image = new Image();
  image.onload = image.onerror = resolve;
  image.src = DOT;
});

async function drawAll(plots) {
  for (const plot of plots) {
    await draw(plot);
    await turn();
  }
}

for (const box of document.querySelectorAll("[data-controls]")) {
  drawControls(box);
  FILLS[box.dataset.controls]?.(STATES[box.dataset.controls]);
}
for (const table of document.querySelectorAll("table.sortable, .wide > table:has(thead):not(.facts table)")) makeSortable(table);
chooseMetrics(document.getElementById("main"), document.getElementById("metrics"));
explainNumbers(document.getElementById("main"), document.getElementById("tip"));
fitForPrint();
for (const details of document.querySelectorAll("main details")) details.addEventListener("toggle", fitForPrint);
// On paper nothing can be unfolded: all is open there but what the manifest holds and tables that take pages, which are files, too.
const MOST_PRINTED_ROWS = 60;
let unfolded = [];
addEventListener("beforeprint", () => {
  unfolded = [...document.querySelectorAll("main section:not(#made) details:not([open])")];
  unfolded = unfolded.filter(details => details.querySelectorAll("tr").length <= MOST_PRINTED_ROWS);
  for (const details of unfolded) details.open = true;
  fitForPrint();
});
addEventListener("afterprint", () => {
  for (const details of unfolded.splice(0)) details.open = false;
});
if (matchMedia("(max-width: 40rem)").matches) document.querySelector("nav details").open = false;

const PLOTS = [...document.querySelectorAll("[data-chart]")];
drawAll(PLOTS).then(() => { document.documentElement.dataset.drawn = "true"; });
let resized = 0;
addEventListener("resize", () => {
  clearTimeout(resized);
  resized = setTimeout(() => drawAll(PLOTS.filter(plot => Number(plot.dataset.width) !== plot.clientWidth)), 200);
});
