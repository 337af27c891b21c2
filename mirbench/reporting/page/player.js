// Sounds: one plays at a time. They are read when the first is played.
const SOUNDS = new Map(DATA.sounds.map((sound, place) => [JSON.stringify([sound.dataset, sound.clip, sound.corruption, sound.severity]), place]));
const PLAYER = new Audio();
let mp3 = null, playing = null;

function stop() {
  PLAYER.pause();
  playing?.setAttribute("aria-pressed", "false");
  playing = null;
}

const soundOf = (dataset, clip, corruption = "clean", severity = 0) => SOUNDS.get(JSON.stringify([dataset, clip, corruption, severity]));

function play(place, button = null) {
  const again = button && button === playing;
  stop();
  if (again) return;
  mp3 ??= JSON.parse(document.getElementById("mp3").textContent);
  playing = button;
  button?.setAttribute("aria-pressed", "true");
  PLAYER.src = `data:audio/mpeg;base64,${mp3[place]}`;
  PLAYER.play().catch(stop);
}
PLAYER.addEventListener("ended", stop);

// A button that plays a clip, or nothing where the page does not hold it.
function playButton(text, name, dataset, clip, corruption, severity) {
  const place = soundOf(dataset, clip, corruption, severity);
  if (place === undefined) return null;
  const button = element("button", {type: "button", class: "play", "aria-pressed": "false", "aria-label": `Play ${name}`}, text);
  button.addEventListener("click", () => play(place, button));
  return button;
}

function showWorst({task, encoder}) {
  const found = DATA.classes.find(each => each.where === task), place = ENCODERS.findIndex(e => e.name === encoder);
  const body = document.querySelector("#worst-clips tbody");
  body.replaceChildren(...(found?.worst[place] ?? []).map(row => element("tr", {},
    element("td", {}, playButton("play", row.clip, found.dataset, row.clip) ?? ""), element("th", {scope: "row"}, row.clip), element("td", {}, row.is), element("td", {}, row.said))));
}

function showListening({clip}) {
  const [dataset, id] = JSON.parse(clip), of = DATA.sounds.filter(sound => sound.dataset === dataset && sound.clip === id);
  const body = document.querySelector("#listening tbody"), corruptions = unique(of.map(sound => sound.corruption));
  body.replaceChildren(...corruptions.map(name => {
    const about = DATA.corruptions.find(each => each.name === name);
    const buttons = of.filter(sound => sound.corruption === name).map(sound => {
      const level = !sound.severity ? "as it is" : sound.level === null ? sound.unit : `${Number(sound.level.toPrecision(3))} ${sound.unit}`;
      return playButton(level, `${id}, ${name}, ${level}`, dataset, id, name, sound.severity);
    });
    return element("tr", {}, element("th", {scope: "row"}, name, element("br"), element("small", {}, about?.family ?? "")), element("td", {class: "buttons"}, ...buttons));
  }));
}
