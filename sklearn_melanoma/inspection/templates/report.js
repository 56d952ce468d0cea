"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const items = data.items;
const CHUNK = 48; // cards that are made at once
const MOST_PRINTED = 500;
const byId = (id) => document.getElementById(id);
const cards = byId("cards");
let order = []; // numbers of the items that are shown, in their order
let made = 0; // number of cards of them in the page

// All texts are set as text, never as HTML.
function make(tag, name, text) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  if (text !== undefined) element.textContent = text;
  return element;
}

function makeSvg(tag, attributes) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

const signed = (value) => (value < 0 ? "−" : "+") + Math.abs(value).toFixed(2);
const number = (value) => Number(value.toPrecision(3)).toString();
const percent = (value) => (100 * value).toFixed(value < 0.0995 || value > 0.9005 ? 1 : 0) + " %";
const scoreText = (value) => (data.isProbability ? value.toFixed(2) : signed(value));
const isPositive = (kind) => kind === data.positive;

function makeImage(item) {
  const image = make("img");
  image.loading = "lazy";
  image.decoding = "async";
  image.alt = "";
  image.src = "data:image/jpeg;base64," + item.t;
  return image;
}

function makePicture(item) {
  const picture = make("figure", "picture");
  const image = makeImage(item);
  image.alt = item.b ? "Lesion with its border" : "Image without a border";
  const overlay = makeSvg("svg", { viewBox: `0 0 ${item.w} ${item.h}`, "aria-hidden": "true" });
  overlay.append(makeSvg("path", { d: item.b }));
  picture.append(image, overlay);
  return picture;
}

function makeScore(item) {
  const line = make("div", "line");
  line.append(make("span", "score", scoreText(item.s)));
  const badge = (kind, text) => line.append(make("span", "badge " + (isPositive(kind) ? "positive" : "other"), text));
  badge(item.p, "predicted " + data.classes[item.p]);
  if (item.y >= 0) badge(item.y, "label " + data.classes[item.y]);
  if (item.d !== undefined) line.append(make("span", "muted", `${data.unit} ${signed(item.d)}`));
  const parts = [line];
  if (data.isProbability) {
    const meter = make("div", "meter");
    meter.append(make("i"));
    meter.firstChild.style.width = 100 * item.s + "%";
    if (data.threshold !== null) {
      meter.append(make("u"));
      meter.lastChild.style.left = `calc(${100 * data.threshold}% - 1px)`;
      meter.title = "threshold " + number(data.threshold);
    }
    parts.push(meter);
  }
  return parts;
}

function makeBars(entries, largest) {
  const list = make("dl", "why");
  for (const [name, value] of entries) {
    const bar = make("dd", "bar");
    const inner = make("i", value > 0 ? "raises" : "lowers");
    const width = (50 * Math.abs(value)) / largest;
    inner.style.width = width + "%";
    inner.style.left = (value > 0 ? 50 : 50 - width) + "%";
    bar.append(inner);
    const label = make("dt", "", name);
    label.title = name;
    list.append(label, bar, make("dd", "amount", signed(value)));
  }
  return list;
}

function makeWhy(item) {
  const entries = data.criteria.map((name, i) => [name, item.c[i]]).sort((a, b) => Math.abs(b[1]) - Math.abs(a[1]));
  const largest = Math.max(0.01, ...entries.map((entry) => Math.abs(entry[1])));
  const bars = makeBars(entries, largest);
  const rest = item.d - item.c.reduce((sum, value) => sum + value, 0);
  bars.append(make("dt", "last", "intercept"), make("dd"), make("dd", "amount last", signed(rest)));
  const strongest = make("ul", "strongest");
  for (const [feature, value, rank, added] of item.f) {
    const line = make("li");
    line.append(
      make("span", "", data.features[feature]),
      make("span", "amount", signed(added)),
      make("small", "", value === null ? "learned without labels" : `${number(value)}, above ${rank} % of the images`),
    );
    strongest.append(line);
  }
  const explained = data.positive === null ? " " + data.classes[item.p] : "";
  return [make("h4", "", `Why${explained}: contributions to the ${data.unit}`), bars, strongest];
}

function makeClasses(item) {
  const list = make("dl", "why");
  for (const [kind, value] of item.a.map((value, kind) => [kind, value]).sort((a, b) => b[1] - a[1])) {
    const bar = make("dd", "meter");
    bar.append(make("i"));
    bar.firstChild.style.width = (data.isProbability ? 100 * value : 0) + "%";
    list.append(make("dt", "", data.classes[kind]), bar, make("dd", "amount", scoreText(value)));
  }
  return [make("h4", "", data.isProbability ? "Probability of each class" : "Score of each class"), list];
}

function makeSimilar(item) {
  const list = make("div", "similar");
  for (const [position, distance] of item.k) {
    const other = items[position];
    const button = make("button");
    button.type = "button";
    button.title = `${other.n}, distance ${distance}`;
    button.setAttribute("aria-label", `Similar: ${other.n}, label ${data.classes[other.y]}`);
    button.append(makeImage(other), make("b", "", data.classes[other.y]), ` ${scoreText(other.s)}`);
    button.addEventListener("click", () => showItem(position));
    list.append(button);
  }
  return [make("h4", "", "Similar labeled lesions"), list];
}

function makeCard(position) {
  const item = items[position];
  const card = make("li", "card");
  card.id = "card-" + position;
  card.tabIndex = -1;
  card.append(make("h3", "", item.n), makePicture(item), ...makeScore(item));
  if (item.q.length) {
    const flags = make("div", "line");
    for (const flag of item.q) flags.append(make("span", "badge flag", data.flags[flag][1]));
    card.append(flags);
    if (item.q.some((flag) => data.flags[flag][0] === "no_lesion")) {
      card.append(make("p", "note", "Without a lesion there are no features: the score is that of a typical one."));
    }
  }
  if (item.a) card.append(...makeClasses(item));
  if (item.c) card.append(...makeWhy(item));
  if (item.k.length) card.append(...makeSimilar(item));
  if (item.m) {
    const facts = make("dl", "facts");
    data.columns.forEach((name, i) => item.m[i] && facts.append(make("dt", "", name), make("dd", "", item.m[i])));
    card.append(facts);
  }
  return card;
}

function addCards(n) {
  const fragment = document.createDocumentFragment();
  for (const end = Math.min(made + n, order.length); made < end; made++) fragment.append(makeCard(order[made]));
  cards.append(fragment);
  byId("more").hidden = made >= order.length;
}

const cut = data.threshold !== null ? data.threshold : data.isProbability ? 0.5 : 0;
// Without a positive class, the score is that of the predicted class.
const certainty = (item) => (data.positive === null ? item.s : Math.abs(item.s - cut));
const isWrong = (item) => item.y >= 0 && item.y !== item.p;
const SORTS = {
  "score, highest first": (a, b) => b.s - a.s,
  "score, lowest first": (a, b) => a.s - b.s,
  "least certain first": (a, b) => certainty(a) - certainty(b),
  "wrong predictions first": (a, b) => isWrong(b) - isWrong(a) || certainty(b) - certainty(a),
  "most quality flags first": (a, b) => b.q.length - a.q.length,
  name: (a, b) => a.n.localeCompare(b.n, undefined, { numeric: true }),
  "given order": (a, b) => a.i - b.i,
};

function describe(item) {
  const flags = item.q.map((flag) => data.flags[flag][1]);
  const label = item.y < 0 ? "unlabeled" : data.classes[item.y];
  return [item.n, label, data.classes[item.p], ...flags, ...(item.m || [])].join("\n").toLowerCase();
}

function update() {
  const words = byId("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const [predicted, label, flag] = ["predicted", "label", "flag"].map((id) => byId(id).value);
  const matches = (item) =>
    (predicted === "" || item.p === Number(predicted)) &&
    (label === "" || item.y === Number(label)) &&
    (flag === "" || (flag === "none" ? !item.q.length : flag === "any" ? item.q.length : item.q.includes(Number(flag)))) &&
    words.every((word) => item.text.includes(word));
  order = items.filter(matches).sort(SORTS[byId("sort").value]).map((item) => item.i);
  made = 0;
  cards.replaceChildren();
  addCards(CHUNK);
  byId("count").textContent = `${order.length} of ${items.length} images`;
}

// Show the card of an item, if need be without filters.
function showItem(position) {
  if (!order.includes(position)) {
    for (const id of ["search", "predicted", "label", "flag"]) byId(id).value = "";
    update();
  }
  addCards(Math.max(order.indexOf(position) + 1 - made, 0));
  const card = byId("card-" + position);
  card.scrollIntoView({ block: "start" });
  card.focus({ preventScroll: true });
}

function fill(id, options) {
  for (const [value, text] of options) byId(id).append(new Option(text, value));
}

items.forEach((item, i) => {
  item.i = i;
  item.text = describe(item);
});
const count = (matches) => items.filter(matches).length;
const hasLabels = items.some((item) => item.y >= 0);
fill("sort", Object.keys(SORTS).filter((name) => hasLabels || !name.startsWith("wrong")).map((name) => [name, name]));
fill("predicted", [["", "all"], ...data.classes.map((name, i) => [i, `${name} (${count((item) => item.p === i)})`])]);
fill("label", [
  ["", "all"],
  ...data.classes.map((name, i) => [i, `${name} (${count((item) => item.y === i)})`]),
  [-1, `unlabeled (${count((item) => item.y < 0)})`],
]);
fill("flag", [
  ["", "all"],
  ["any", `any (${count((item) => item.q.length)})`],
  ["none", `none (${count((item) => !item.q.length)})`],
  ...data.flags.map(([, text], i) => [i, `${text} (${count((item) => item.q.includes(i))})`]),
]);
for (const id of ["sort", "predicted", "label", "flag"]) byId(id).addEventListener("change", update);
byId("search").addEventListener("input", update);
byId("borders").addEventListener("change", (event) => document.body.classList.toggle("no-borders", !event.target.checked));
byId("more").addEventListener("click", () => addCards(CHUNK));
document.querySelector(".toolbar").addEventListener("submit", (event) => event.preventDefault());
new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && addCards(CHUNK), {
  rootMargin: "800px",
}).observe(byId("more"));
addEventListener("beforeprint", () => {
  addCards(Math.max(Math.min(order.length, MOST_PRINTED) - made, 0));
  byId("cut").hidden = order.length <= MOST_PRINTED;
  byId("cut").textContent = `${made} of ${order.length} images are printed. Filter them to print others.`;
});
update();
