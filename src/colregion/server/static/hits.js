// The answers to one question, as a column of cards.

import { baseName, copy, el, pageNumber, percent } from "./dom.js";

const COLORS = 6;
const CARD_WIDTH = 450;
const UNLIKELY = 0.05;

export const colorClass = (rank) => `c${((rank - 1) % COLORS) + 1}`;

/** What identifies a hit for a reader: text, document, page, region. */
export function citation(hit) {
  const quote = hit.excerpt.replace(/\s+/g, " ").trim();
  const short = quote.length > 300 ? `${quote.slice(0, 299)}…` : quote;
  const place = `${baseName(hit.doc_id)}, p. ${pageNumber(hit)}`;
  return short ? `“${short}” (${place}) [${hit.region_id}]` : `${place} [${hit.region_id}]`;
}

export function likelihood(hit) {
  if (hit.confidence !== null) return `${percent(hit.confidence)} likely right`;
  return hit.score === null ? "" : `score ${hit.score.toFixed(3)}`;
}

/** Fill a column with the answers of a tab; `pick(rank)` shows one of them on its page. */
export function fillColumn(column, tab, { pick, more }) {
  column.replaceChildren(el("h2", { className: "asked" }, el("bdi", {}, tab.question)));
  if (tab.scope) column.append(el("p", { className: "quiet in" }, "in ", el("bdi", {}, tab.scope)));
  if (tab.error) column.append(el("p", { className: "problem", role: "alert" }, tab.error));
  else if (!tab.hits) column.append(el("p", { className: "quiet" }, "Looking…"));
  else if (!tab.hits.length) column.append(el("p", {}, "Nothing in these documents answers this."));
  if (!tab.hits?.length) return;
  const best = Math.max(...tab.hits.map((hit) => hit.confidence ?? 1));
  if (best < UNLIKELY) {
    const text = `Perhaps nothing here answers this: the best region is ${percent(best)} likely right.`;
    column.append(el("p", { className: "doubt" }, text));
  }
  const cards = tab.hits.map((hit, i) => card(hit, i + 1, pick));
  column.append(el("ol", { className: "hits" }, ...cards));
  if (tab.mayHaveMore) column.append(el("button", { className: "more", onclick: more }, "More"));
}

/** Mark the card of the selected hit. */
export function markSelected(column, rank) {
  column.querySelectorAll(".hit").forEach((item, i) => {
    const selected = i + 1 === rank;
    item.classList.toggle("selected", selected);
    const button = item.querySelector(".pick");
    if (selected) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
    const match = selected && item.querySelector(".whole mark");
    if (match) match.parentElement.scrollTop = match.offsetTop - match.parentElement.clientHeight / 2;
  });
}

function card(hit, rank, pick) {
  const label = likelihood(hit);
  const button = el(
    "button",
    { className: "pick", onclick: () => pick(rank) },
    el("span", { className: "n" }, el("span", { className: "unseen" }, "Hit "), String(rank)),
    el(
      "span",
      { className: "place" },
      el("bdi", {}, baseName(hit.doc_id)),
      el("span", { className: "quiet" }, ` page ${pageNumber(hit)}, ${hit.kind}`),
    ),
    el("span", { className: "sure" }, meter(hit), label),
  );
  const image = el("img", {
    className: "crop",
    src: `${hit.image_url.replace(/png$/, "jpg")}?width=${CARD_WIDTH * (devicePixelRatio > 1 ? 2 : 1)}`,
    alt: hit.text ? "" : `The region, a ${hit.kind} without text`,
    loading: "lazy",
  });
  const texts = hit.excerpt
    ? [bestPart(hit.excerpt, hit.matches), [0, Infinity]].map((range, i) =>
        el("blockquote", { dir: "auto", ...(i ? { className: "whole", tabIndex: 0 } : { className: "part" }) }, ...marked(hit.excerpt, hit.matches, range)),
      )
    : [el("p", { className: "quiet" }, "No text was read here.")];
  const copyButton = el("button", { className: "cite" }, "Copy citation");
  copyButton.onclick = () => copy(citation(hit), copyButton);
  const facts = el(
    "p",
    { className: "facts quiet" },
    hit.ocr_confidence === null
      ? null
      : `text read from the image, ${percent(hit.ocr_confidence)} sure; `,
    el("code", {}, hit.region_id),
  );
  return el(
    "li",
    { className: `hit ${colorClass(rank)}` },
    el("h3", {}, button),
    hit.caution ? el("p", { className: "caution" }, hit.caution) : null,
    image,
    ...texts,
    el("div", { className: "more-of" }, facts, copyButton),
  );
}

function meter(hit) {
  if (hit.confidence === null) return null;
  const fill = el("span", {});
  fill.style.width = `${100 * hit.confidence}%`;
  return el("span", { className: "meter", "aria-hidden": "true" }, fill);
}

/** Start and end of the sentence or line with the most matches; in characters, as all ranges. */
function bestPart(text, matches) {
  const ends = [...text.matchAll(/(?<=[.!?])\s+|\n/g)].map((gap) => Array.from(text.slice(0, gap.index)).length + 1);
  const starts = [0, ...ends];
  const parts = starts.map((start, i) => [start, starts[i + 1] ?? Infinity]);
  const count = ([start, end]) => matches.filter(([at]) => at >= start && at < end).length;
  const best = parts.reduce((one, other) => (count(other) > count(one) ? other : one));
  return count(best) ? best : [0, Infinity];
}

/** A part of the text in pieces, the matches in <mark>. Ranges count characters, not UTF-16 units. */
function marked(text, matches, [first, last]) {
  const characters = Array.from(text);
  const cut = (start, end) => characters.slice(start, Math.min(end, last)).join("");
  const pieces = first > 0 ? ["… "] : [];
  let end = first;
  for (const [start, stop] of matches.filter(([at]) => at >= first && at < last)) {
    pieces.push(cut(end, start), el("mark", {}, cut(start, stop)));
    end = stop;
  }
  return [...pieces, cut(end, characters.length)];
}
