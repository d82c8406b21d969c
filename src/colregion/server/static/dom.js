// Elements, requests, and what is said to a screen reader. Text is only ever inserted as text.

export const $ = (id) => document.getElementById(id);

/** An element with properties (attributes where the name has a dash) and children. */
export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name.includes("-")) element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** The JSON answer to a request; throws an Error with the server's sentence. */
export async function request(path, { body, method } = {}) {
  const options = { method: method ?? (body === undefined ? "GET" : "POST"), headers: {} };
  if (body instanceof FormData) options.body = body;
  else if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers["content-type"] = "application/json";
  }
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Error("The server does not answer; is it still running?");
  }
  const text = await answer.text();
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error(`The server answered with status ${answer.status}.`);
  }
  if (!answer.ok) throw new Error(value.error ?? `status ${answer.status}`);
  return value;
}

export function say(text) {
  $("status").textContent = text;
}

/** Copy text, also where the page has no secure address and so no clipboard. */
export async function copy(text, button, done = "Copied") {
  let copied = false;
  try {
    await navigator.clipboard.writeText(text);
    copied = true;
  } catch {
    const area = el("textarea", { value: text, className: "unseen" });
    const focused = document.activeElement;
    document.body.append(area);
    area.select();
    copied = document.execCommand("copy");
    area.remove();
    focused?.focus();
  }
  say(copied ? done : "The browser does not allow copying");
  if (button && copied) {
    const label = button.dataset.label ?? button.textContent;
    button.dataset.label = label;
    button.textContent = done;
    setTimeout(() => (button.textContent = label), 1500);
  }
}

export const percent = (share) => (share > 0 && share < 0.005 ? "under 1 %" : `${Math.round(100 * share)} %`);

export const baseName = (source) => source.split(/[\\/]/).pop() || source;

/** "3", or "3 (iv)" where another number is printed on the page. */
export const pageNumber = (page) =>
  page.page_label && page.page_label !== String(page.page_number)
    ? `${page.page_number} (${page.page_label})`
    : String(page.page_number);
