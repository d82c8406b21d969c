// One page: its image, its text to select, the boxes of hits, relevance maps, zoom.

import { $, baseName, copy, el, pageNumber, request, say } from "./dom.js";
import { colorClass, likelihood } from "./hits.js";

const ZOOMS = [0.5, 0.75, 1, 1.25, 1.5, 2, 3, 4];
const IMAGE_WIDTHS = [700, 1100, 1600, 2400];
const TAG_WIDTH = 0.042;

const texts = new Map(); // page id -> the answer about it
const maps = new Map(); // question and page id -> relevance maps
const view = { page: null, question: "", hits: [], rank: 0, zoom: 1, token: "", target: "" };

export const shown = () => ({ pageId: view.page?.page_id ?? null, zoom: view.zoom, token: mapToken() });
const mapToken = () => ($("map-on").checked ? view.token || "whole question" : "");

/** Show a page with the boxes of the hits on it; `rank` is the selected one, 0 for none. */
export async function showPage(pageId, { question = "", hits = [], rank = 0, pick }) {
  Object.assign(view, { question, hits, rank, target: pageId });
  $("viewer").hidden = false;
  let page;
  try {
    page = texts.get(pageId) ?? (await request(`api/pages/${encodeURIComponent(pageId)}`));
  } catch (error) {
    if (view.target === pageId) showProblem(error.message);
    return;
  }
  texts.set(pageId, page);
  if (view.target !== pageId) return; // another page was asked for meanwhile
  showProblem("");
  if (view.page !== page) {
    view.page = page;
    nameIt(page);
    layOut(page);
  }
  drawMarks(pick);
  await drawMap();
}

function nameIt(page) {
  const name = baseName(page.doc_id);
  $("page-name").replaceChildren(el("bdi", {}, name));
  $("page-place").textContent = `page ${pageNumber(page)} of ${page.page_count}`;
  $("previous-page").disabled = page.page_number <= 1;
  $("next-page").disabled = page.page_number >= page.page_count;
  $("page-image").alt = `Page ${pageNumber(page)} of ${name}`;
  const link = $("open-file");
  link.hidden = !page.file_url;
  if (page.file_url) {
    link.href = page.file_url;
    link.textContent = /\.pdf$/i.test(page.source) ? "Open PDF here" : "Open file";
  }
  if (page.missing) showProblem(`Not all of this page could be read: ${page.missing}`);
}

function layOut(page) {
  const { page_width: width, page_height: length, quarter_turns: turns } = page;
  const lies = turns % 2 === 1;
  $("paper").style.aspectRatio = lies ? `${length} / ${width}` : `${width} / ${length}`;
  $("sheet").style.aspectRatio = `${width} / ${length}`;
  $("sheet").style.width = lies ? `${(100 * width) / length}%` : "100%";
  $("sheet").style.setProperty("--turn", `${90 * turns}deg`);
  setZoom(view.zoom);
  loadImage(true);
  $("heat").hidden = true;
  const height = length / width; // in widths of the page
  const pieces = [];
  let last = null;
  for (const word of page.words) {
    if (last && startsLine(last, word)) pieces.push(el("br"));
    pieces.push(wordSpan(word, height));
    last = word;
  }
  $("words").replaceChildren(...pieces);
}

function startsLine([, , , lastX1, lastY1], [, x0, y0, , y1]) {
  return (y0 + y1) / 2 > lastY1 || x0 < lastX1 - 0.02;
}

const measuring = document.createElement("canvas").getContext("2d");
measuring.font = "100px sans-serif";

/** A word and a space at its box: as high as that, and stretched to its width, at any zoom. */
function wordSpan([text, x0, y0, x1, y1], height) {
  const span = el("span", {}, `${text} `);
  const size = (y1 - y0) * height; // in widths of the page
  const natural = (measuring.measureText(text).width / 100) * size;
  span.style.left = `${100 * x0}%`;
  span.style.top = `${100 * y0}%`;
  span.style.fontSize = `${100 * size}cqw`;
  if (natural > 0) span.style.transform = `scaleX(${(x1 - x0) / natural})`;
  return span;
}

/** Load the image as wide as it is shown. */
function loadImage(fresh = false) {
  const image = $("page-image");
  const needed = $("sheet").clientWidth * Math.min(window.devicePixelRatio || 1, 2);
  const width = IMAGE_WIDTHS.find((one) => one >= needed) ?? IMAGE_WIDTHS.at(-1);
  if (!fresh && Number(image.dataset.width) >= width) return;
  image.dataset.width = width;
  image.src = `api/pages/${encodeURIComponent(view.page.page_id)}.jpg?width=${width}`;
}

async function explainMissingImage() {
  const answer = await fetch($("page-image").src).catch(() => null);
  const value = answer && !answer.ok ? await answer.json().catch(() => null) : null;
  showProblem(value?.error ?? "The image of this page cannot be shown.");
}

function showProblem(text) {
  $("problem").hidden = !text;
  $("problem").textContent = text;
}

function place(element, [x0, y0, x1, y1]) {
  element.style.left = `${100 * x0}%`;
  element.style.top = `${100 * y0}%`;
  element.style.width = `${100 * (x1 - x0)}%`;
  element.style.height = `${100 * (y1 - y0)}%`;
  return element;
}

function drawMarks(pick) {
  const pageId = view.page.page_id;
  const taken = [];
  const marks = [];
  view.hits.forEach((hit, i) => {
    if (hit.page_id !== pageId) return;
    const rank = i + 1;
    hit.boxes.forEach((box, part) => {
      const [x0, y0, x1, y1] = turned(box, view.page.quarter_turns);
      const selected = rank === view.rank;
      const mark = el("div", {
        className: `mark ${colorClass(rank)}${selected ? " selected" : ""}${x0 < TAG_WIDTH ? " inside" : ""}`,
      });
      place(mark, [x0, y0, x1, y1]);
      mark.style.zIndex = selected ? 1000 : Math.round(999 - 900 * Math.min(1, (x1 - x0) * (y1 - y0)));
      if (part === 0) {
        const label = `Hit ${rank}, ${hit.kind}, ${likelihood(hit)}`;
        const tag = el("button", { className: "tag", "aria-label": label, onclick: () => pick(rank) }, String(rank));
        const top = freeTop(taken, x0, y0);
        tag.style.top = `${(100 * (top - y0)) / (y1 - y0)}%`;
        mark.append(tag);
      }
      marks.push(mark);
    });
    if (rank !== view.rank) return;
    hit.quote_boxes.forEach((box) => {
      const quote = el("div", { className: `quote ${colorClass(rank)}` });
      marks.push(place(quote, turned(box, view.page.quarter_turns)));
    });
  });
  $("marks").replaceChildren(...marks);
  markWords(view.hits[view.rank - 1]);
  scrollToSelected();
}

/** Mark the question's words within the selected hit. */
function markWords(hit) {
  const boxes = hit?.page_id === view.page.page_id ? hit.boxes : [];
  const characters = Array.from(hit?.excerpt ?? "");
  const matches = new Set((hit?.matches ?? []).map(([start, end]) => characters.slice(start, end).join("")));
  const within = (x, y) => boxes.some(([x0, y0, x1, y1]) => x0 <= x && x <= x1 && y0 <= y && y <= y1);
  const spans = document.querySelectorAll("#words span");
  view.page.words.forEach(([text, x0, y0, x1, y1], i) => {
    spans[i].classList.toggle("match", matches.has(text) && within((x0 + x1) / 2, (y0 + y1) / 2));
  });
}

/** A box on the page after quarter turns clockwise. */
function turned([x0, y0, x1, y1], turns) {
  return turns === 0 ? [x0, y0, x1, y1] : turned([1 - y1, x0, 1 - y0, x1], turns - 1);
}

/** The first place at or below y where no other number stands. */
function freeTop(taken, x, y) {
  const height = (0.036 * $("paper").clientWidth) / $("paper").clientHeight;
  const covers = ([otherX, otherY]) => Math.abs(otherX - x) < TAG_WIDTH && Math.abs(otherY - y) < 0.99 * height;
  while (taken.some(covers)) y = Math.max(...taken.filter(covers).map(([, otherY]) => otherY)) + height;
  taken.push([x, y]);
  return y;
}

function scrollToSelected() {
  const mark = document.querySelector("#marks .selected");
  const stage = $("stage");
  if (!mark) return void stage.scrollTo({ top: 0, left: 0 });
  const inside = stage.getBoundingClientRect();
  const box = mark.getBoundingClientRect();
  const by = (start, size, frame, room) => (size < room ? start + size / 2 - frame - room / 2 : start - frame - 24);
  stage.scrollBy({
    top: by(box.top, box.height, inside.top, stage.clientHeight),
    left: by(box.left, box.width, inside.left, stage.clientWidth),
  });
}

export function setZoom(zoom) {
  view.zoom = zoom;
  $("paper").style.width = `${100 * zoom}%`;
  $("zoom-fit").textContent = `${Math.round(100 * zoom)} %`;
  $("zoom-out").disabled = zoom <= ZOOMS[0];
  $("zoom-in").disabled = zoom >= ZOOMS.at(-1);
  if (view.page) loadImage();
}

export function zoomBy(steps) {
  if (steps === 0) setZoom(1);
  else if (steps > 0) setZoom(ZOOMS.find((one) => one > view.zoom + 0.01) ?? view.zoom);
  else setZoom(ZOOMS.findLast((one) => one < view.zoom - 0.01) ?? view.zoom);
  scrollToSelected();
  say(`zoom ${Math.round(100 * view.zoom)} %`);
}

export function setMap(on, token = view.token) {
  $("map-on").checked = on;
  view.token = token;
  return drawMap();
}

async function drawMap() {
  const { page, question } = view;
  const on = $("map-on").checked && question !== "" && page !== null;
  $("map-switch").hidden = question === "";
  $("tokens").hidden = $("legend").hidden = true;
  $("heat").hidden = true;
  if (!on) return;
  const key = JSON.stringify([question, page.page_id]);
  if (!maps.has(key)) {
    const body = { question, page_id: page.page_id };
    const answer = await request("api/maps", { body }).catch((error) => showProblem(error.message));
    if (!answer) return;
    maps.set(key, answer.maps);
  }
  if (view.page !== page || view.question !== question || !$("map-on").checked) return;
  drawLayers(maps.get(key));
}

function drawLayers(layers) {
  if (!layers.length) return void showProblem("This page has no relevance map: nothing of it was embedded.");
  const chosen = layers.find((one) => one.label === view.token) ?? layers[0];
  const chips = layers.map((layer) => {
    const radio = el("input", { type: "radio", name: "token", checked: layer === chosen });
    radio.onchange = () => {
      view.token = layer.label;
      drawHeat(layer);
      document.dispatchEvent(new Event("view-changed"));
    };
    return el("label", { className: "chip" }, radio, el("span", {}, el("bdi", {}, layer.label)));
  });
  $("tokens").replaceChildren(el("legend", {}, "Relevance of"), ...chips);
  $("tokens").hidden = false;
  drawHeat(chosen);
}

function drawHeat(layer) {
  Object.assign($("heat"), { src: layer.image, alt: `Relevance map: ${layer.label}`, hidden: false });
  const number = (value) => (value === null ? "" : value.toFixed(2));
  $("legend").hidden = false;
  $("legend").replaceChildren(
    el("span", {}, number(layer.low)),
    el("span", { className: "ramp", "aria-hidden": "true" }),
    el("span", {}, number(layer.high)),
    el("span", { className: "quiet" }, "similarity, from this map’s median to its highest"),
  );
}

/** The id of the page before (-1) or after (1) this one; null at an end. */
export function neighbour(step) {
  if (!view.page) return null;
  const number = view.page.page_number + step;
  const known = number >= 1 && number <= view.page.page_count;
  return known ? `${view.page.doc_id}#p${number}` : null;
}

$("page-image").onerror = explainMissingImage;
$("zoom-in").onclick = () => zoomBy(1);
$("zoom-out").onclick = () => zoomBy(-1);
$("zoom-fit").onclick = () => zoomBy(0);
$("copy-link").onclick = (event) => copy(location.href, event.target, "Link copied");
$("boxes-on").onchange = (event) => $("marks").classList.toggle("off", !event.target.checked);
new ResizeObserver(() => view.page && loadImage()).observe($("stage"));
