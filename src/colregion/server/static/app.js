// Questions as tabs, the selected hit, the address that reproduces the view, and keys.

import { $, copy, el, request, say } from "./dom.js";
import { loadDocuments } from "./documents.js";
import { citation, fillColumn, likelihood, markSelected } from "./hits.js";
import * as viewer from "./viewer.js";

const K = 5;
const MOST_TABS = 8;
const MOST_HITS = 50;

// A tab: question, scope (a document id or ""), k, hits, selected (rank, 0 for none), column.
const tabs = [];
let active = 0;
let browsing = ""; // id of a page that was opened without being that of a hit

const current = () => tabs[active];

async function ask(question, scope, { k = K, selected = 1 } = {}) {
  const same = tabs.findIndex((tab) => tab.question === question && tab.scope === scope && !tab.error);
  if (same >= 0) return void activate(same);
  const column = el("div", { className: "column" });
  const tab = { question, scope, k, hits: null, selected, error: "", mayHaveMore: false, column };
  if (tabs.length === MOST_TABS) tabs.shift().column.remove();
  tabs.push(tab);
  $("answers").append(column);
  activate(tabs.length - 1, { show: false });
  await search(tab);
}

async function search(tab) {
  say("looking");
  const filters = tab.scope ? { doc_id: tab.scope } : null;
  try {
    const { regions } = await request("api/search", { body: { question: tab.question, k: tab.k, filters } });
    tab.hits = regions;
    tab.error = "";
    tab.mayHaveMore = regions.length === tab.k && tab.k < MOST_HITS;
    tab.selected = Math.min(Math.max(tab.selected, 1), regions.length);
  } catch (error) {
    tab.error = error.message;
    tab.hits = null;
  }
  fill(tab);
  if (tab !== current()) return;
  say(tab.error || (tab.hits.length ? `${tab.hits.length} regions` : "Nothing answers this"));
  await showSelected();
}

function fill(tab) {
  fillColumn(tab.column, tab, {
    pick: (rank) => {
      activate(tabs.indexOf(tab), { show: false });
      select(rank, { toPage: true });
    },
    more: async () => {
      tab.k = Math.min(tab.k + K, MOST_HITS);
      await search(tab);
      tab.column.querySelectorAll(".pick")[tab.k - K]?.focus();
    },
  });
  markSelected(tab.column, tab.selected);
}

function activate(index, { show = true } = {}) {
  active = index;
  browsing = "";
  drawTabs();
  const tab = current();
  $("start").hidden = Boolean(tab);
  document.title = tab ? `${tab.question} – colregion` : "colregion";
  if (!tab) $("viewer").hidden = true;
  else {
    $("question").value = tab.question;
    $("scope").value = tab.scope;
    if (show) showSelected();
  }
  saveAddress();
}

function drawTabs() {
  const side = $("side").checked && tabs.length > 1;
  $("tabs").hidden = tabs.length < 2;
  $("split").classList.toggle("side", side);
  $("split").style.setProperty("--columns", side ? tabs.length : 1);
  tabs.forEach(({ column }, i) => {
    column.hidden = !side && i !== active;
    column.classList.toggle("current", i === active);
  });
  const items = tabs.map((tab, i) => {
    const name = el("button", { className: "tab", onclick: () => activate(i) }, el("bdi", {}, tab.question));
    if (i === active) name.setAttribute("aria-current", "true");
    const close = el("button", { className: "close", "aria-label": `Close: ${tab.question}` }, "×");
    close.onclick = () => {
      tabs.splice(i, 1)[0].column.remove();
      activate(Math.min(active > i ? active - 1 : active, tabs.length - 1));
      $("question").focus();
    };
    return el("li", {}, name, close);
  });
  document.querySelector("#tabs ol").replaceChildren(...items);
}

/** Show the selected hit of the current tab on its page. */
async function showSelected() {
  const { hits, selected, question, column } = current();
  saveAddress();
  drawStepper();
  if (!hits?.length) return void ($("viewer").hidden = true);
  markSelected(column, selected);
  const pageId = browsing || hits[selected - 1].page_id;
  await viewer.showPage(pageId, { question, hits, rank: selected, pick: (rank) => select(rank) });
}

function drawStepper() {
  const hits = current()?.hits ?? [];
  const { selected } = current() ?? { selected: 0 };
  document.querySelector(".stepper").hidden = !hits.length;
  $("hit-place").textContent = `hit ${selected} of ${hits.length}`;
  $("previous-hit").disabled = selected <= 1;
  $("next-hit").disabled = selected >= hits.length;
}

async function select(rank, { toPage = false, focus = false } = {}) {
  const tab = current();
  if (!tab?.hits?.length) return;
  tab.selected = Math.min(Math.max(rank, 1), tab.hits.length);
  browsing = "";
  const hit = tab.hits[tab.selected - 1];
  const button = tab.column.querySelectorAll(".pick")[tab.selected - 1];
  if (focus) button.focus({ preventScroll: true });
  say(`Hit ${tab.selected} of ${tab.hits.length}: ${hit.doc_id}, page ${hit.page_number}, ${likelihood(hit)}`);
  await showSelected();
  const oneColumn = matchMedia("(max-width: 56rem)").matches;
  if (!oneColumn) button.closest("li").scrollIntoView({ block: "nearest" });
  else if (toPage) $("viewer").scrollIntoView();
}

async function browse(pageId) {
  if (!pageId) return;
  browsing = pageId;
  const tab = current();
  const options = tab?.hits ? { question: tab.question, hits: tab.hits, rank: 0, pick: (rank) => select(rank) } : {};
  if (!tab) drawStepper();
  $("start").hidden = true;
  await viewer.showPage(pageId, options);
  saveAddress();
  say(`${$("page-name").textContent}, ${$("page-place").textContent}`);
}

/** Write the view into the address, so that a link reproduces it. */
function saveAddress() {
  const address = new URLSearchParams();
  const scoped = tabs.some((tab) => tab.scope);
  for (const tab of tabs) {
    address.append("q", tab.question);
    if (scoped) address.append("in", tab.scope);
  }
  const { pageId, zoom, token } = viewer.shown();
  if (active > 0) address.set("tab", active + 1);
  if (current()?.selected > 1) address.set("hit", current().selected);
  if (current()?.k > K) address.set("k", current().k);
  if (browsing && pageId) address.set("page", pageId);
  if (token) address.set("map", token);
  if (zoom !== 1) address.set("zoom", zoom);
  if ($("side").checked && tabs.length > 1) address.set("side", 1);
  const query = address.toString();
  history.replaceState(null, "", query ? `?${query}` : location.pathname);
}

async function restore() {
  const address = new URLSearchParams(location.search);
  const number = (name, least, most, fallback) => {
    const value = Number(address.get(name));
    return value >= least && value <= most ? value : fallback;
  };
  const scopes = address.getAll("in");
  const questions = address.getAll("q").filter((one) => one.trim()).slice(0, MOST_TABS);
  const last = number("tab", 1, questions.length, 1) - 1;
  const page = address.get("page");
  viewer.setZoom(number("zoom", 0.5, 4, 1));
  $("side").checked = address.get("side") === "1";
  if (address.get("map")) viewer.setMap(true, address.get("map"));
  const asked = questions.map((question, i) => {
    const here = i === last;
    const k = here ? Math.round(number("k", K, MOST_HITS, K)) : K;
    return ask(question, scopes[i] ?? "", { k, selected: here ? Math.round(number("hit", 1, MOST_HITS, 1)) : 1 });
  });
  if (questions.length) activate(last, { show: false });
  else $("start").hidden = Boolean(page);
  await Promise.all(asked);
  if (page) await browse(page);
}

function toggle(id) {
  $(id).click();
}

const KEYS = {
  "/": () => $("question").select(),
  j: () => select(current()?.selected + 1, { focus: true }),
  k: () => select(current()?.selected - 1, { focus: true }),
  "]": () => browse(viewer.neighbour(1)),
  "[": () => browse(viewer.neighbour(-1)),
  "+": () => viewer.zoomBy(1),
  "=": () => viewer.zoomBy(1),
  "-": () => viewer.zoomBy(-1),
  0: () => viewer.zoomBy(0),
  b: () => toggle("boxes-on"),
  m: () => toggle("map-on"),
  c: () => current()?.hits?.length && copy(citation(current().hits[current().selected - 1]), null, "Citation copied"),
  o: () => !$("open-file").hidden && toggle("open-file"),
  d: () => toggle("show-documents"),
  "?": () => toggle("show-keys"),
};

document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input:not([type=checkbox], [type=radio]), textarea, select");
  if (event.key === "Escape" && typing) return void event.target.blur();
  if (typing || event.ctrlKey || event.metaKey || event.altKey || !$("keys-on").checked) return;
  if (document.querySelector("dialog[open]") || !Object.hasOwn(KEYS, event.key)) return;
  event.preventDefault();
  KEYS[event.key]();
});

$("ask").onsubmit = (event) => {
  event.preventDefault();
  const question = $("question").value.trim();
  if (!question) return;
  ask(question, $("scope").value).then(() => current()?.column.querySelector(".pick")?.focus({ preventScroll: true }));
};
$("previous-hit").onclick = () => select(current()?.selected - 1, { toPage: true });
$("next-hit").onclick = () => select(current()?.selected + 1, { toPage: true });
$("previous-page").onclick = () => browse(viewer.neighbour(-1));
$("next-page").onclick = () => browse(viewer.neighbour(1));
$("to-other").onclick = () => {
  const atPage = $("viewer").getBoundingClientRect().top < innerHeight / 2;
  $(atPage ? "bar" : "viewer").scrollIntoView();
};
$("map-on").onchange = async () => {
  await viewer.setMap($("map-on").checked);
  saveAddress();
};
$("side").onchange = () => activate(active);
$("show-keys").onclick = () => $("keys").showModal();
$("keys-on").checked = localStorage.getItem("keys") !== "off";
$("keys-on").onchange = (event) => localStorage.setItem("keys", event.target.checked ? "on" : "off");
document.addEventListener("view-changed", saveAddress);
for (const id of ["zoom-in", "zoom-out", "zoom-fit"]) $(id).addEventListener("click", saveAddress);
document.addEventListener("open-page", (event) => browse(event.detail));

$("bar-buttons").hidden = false;
await Promise.all([
  loadDocuments().catch((error) => ($("start-facts").textContent = error.message)),
  restore(),
]);
if (!tabs.length && !browsing && matchMedia("(min-width: 56rem)").matches) $("question").focus();
