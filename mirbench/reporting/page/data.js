// The data of the page, and how encoders look everywhere.
const DATA = JSON.parse(document.getElementById("data").textContent);
const ENCODERS = DATA.encoders;
const HEADLINES = DATA.panels.map((panel, place) => ({...panel, place})).filter(panel => panel.headline);
const SHAPES = [
  "M-1,0a1,1,0,1,1,2,0a1,1,0,1,1,-2,0Z", "M-.9,-.9H.9V.9H-.9Z", "M0,-1.1L1.05,.85H-1.05Z", "M0,-1.25L1.05,0L0,1.25L-1.05,0Z", "M0,1.1L1.05,-.85H-1.05Z",
  "M-.4,-1.1H.4V-.4H1.1V.4H.4V1.1H-.4V.4H-1.1V-.4H-.4Z", "M-1.1,0L.85,-1.05V1.05Z", "M1.1,0L-.85,-1.05V1.05Z", "M0,-1.2L1.15,-.3L.7,1.05H-.7L-1.15,-.3Z",
];
const FLOOR_SHAPES = ["M0,-1.25L.6,0L0,1.25L-.6,0Z", "M-1.2,-.35H1.2V.35H-1.2Z", "M-.35,-1.2H.35V1.2H-.35Z"];
const FLOOR_DASHES = [[2, 2], [7, 3], [7, 3, 2, 3]];
let floors = 0, learners = 0;
for (const encoder of ENCODERS) {
  const at = encoder.floor ? floors++ : learners++;
  encoder.colour = encoder.floor ? `var(--f${at % 3})` : `var(--c${at % 7})`;
  encoder.dash = encoder.floor ? FLOOR_DASHES[at % FLOOR_DASHES.length] : [1, 0];
  encoder.shape = encoder.floor ? FLOOR_SHAPES[at % FLOOR_SHAPES.length] : SHAPES[at % SHAPES.length];
}
const nameOf = place => ENCODERS[place].name;
const unique = list => [...new Set(list)];
const show = (x, digits = 3) => x === null || x === undefined ? "–" : Math.abs(x) < 10 ? x.toFixed(digits) : x.toFixed(1);
const between = (lo, hi, digits = 3) => lo === null || hi === null ? "" : `[${show(lo, digits)}, ${show(hi, digits)}]`;

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter(child => child !== null));
  return made;
}

function svg(tag, attributes, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

const swatch = encoder => svg("svg", {class: "swatch", viewBox: "-1.3 -1.3 2.6 2.6", "aria-hidden": "true"},
  svg("path", {d: encoder.shape, fill: encoder.colour}));
