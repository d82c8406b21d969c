// The list of documents: their state, their files; adding and removing where the server allows it.

import { $, el, request, say } from "./dom.js";

const SHOWN = 1000;
const writable = document.body.dataset.writable === "yes";
let documents = [];
let total = 0;

/** Load the list, and fill the choice of where to search. */
export async function loadDocuments() {
  const listed = JSON.stringify(documents);
  ({ documents, total } = await request(`api/documents?limit=${SHOWN}`));
  if (documents.length && JSON.stringify(documents) === listed) return; // nothing loses its focus
  const scope = $("scope");
  const before = scope.value;
  const options = documents.map((one) => el("option", { value: one.doc_id }, one.doc_id));
  scope.replaceChildren(el("option", { value: "" }, "in all documents"), ...options);
  scope.value = documents.some((one) => one.doc_id === before) ? before : "";
  scope.hidden = documents.length < 2;
  const pages = documents.reduce((sum, one) => sum + one.page_count, 0);
  const count = total === 1 ? "1 document" : `${total.toLocaleString("en")} documents`;
  $("show-documents").textContent = count;
  const more = total > documents.length ? "the first " + documents.length.toLocaleString("en") + " of them with " : "";
  const add = writable ? "Drop PDFs and images anywhere on this page to add them." : "";
  const facts = total ? `${count}, ${more}${pages.toLocaleString("en")} ${pages === 1 ? "page" : "pages"}.` : "No documents yet.";
  $("start-facts").textContent = `${facts} ${add}`;
  fillTable();
}

function fillTable() {
  const narrow = $("narrow").value.toLowerCase();
  const rows = documents.filter((one) => one.doc_id.toLowerCase().includes(narrow)).map(row);
  document.querySelector("#documents tbody").replaceChildren(...rows);
  const hidden = total - documents.length;
  $("documents-note").textContent = hidden > 0 ? `${hidden.toLocaleString("en")} more are not listed here.` : "";
}

function row(entry) {
  const open = el("button", { className: "as-link" }, el("bdi", {}, entry.doc_id));
  open.onclick = () => {
    $("documents").close();
    document.dispatchEvent(new CustomEvent("open-page", { detail: `${entry.doc_id}#p1` }));
  };
  const metadata = Object.entries(entry.metadata).map(([key, value]) => `${key}: ${value}`).join(", ");
  const missing = entry.missing_pages.length
    ? el("strong", {}, `not read: page ${entry.missing_pages.join(", ")}`)
    : "complete";
  const actions = el("td", { className: "actions" });
  if (entry.file_url) {
    actions.append(el("a", { href: entry.file_url, target: "_blank", rel: "noopener" }, "Open", el("span", { className: "unseen" }, ` ${entry.doc_id}`)));
  } else actions.append(el("span", { className: "quiet" }, "file not here"));
  if (writable) actions.append(" ", removeButton(entry));
  return el(
    "tr",
    {},
    el("th", { scope: "row" }, open, metadata ? el("div", { className: "quiet" }, metadata) : null),
    el("td", {}, String(entry.page_count)),
    el("td", {}, missing),
    actions,
  );
}

function removeButton(entry) {
  const button = el("button", { className: "as-link" }, "Remove", el("span", { className: "unseen" }, ` ${entry.doc_id}`));
  button.onclick = async () => {
    if (button.dataset.sure !== "yes") {
      button.dataset.sure = "yes";
      button.textContent = "Really remove?";
      return;
    }
    try {
      await request(`api/documents/${encodeURIComponent(entry.doc_id)}`, { method: "DELETE" });
      say(`removed ${entry.doc_id}`);
      await loadDocuments();
    } catch (error) {
      button.textContent = error.message;
    }
  };
  return button;
}

/** Add files, one after the other, and say what became of each. */
async function addFiles(files) {
  if (!$("documents").open) $("documents").showModal();
  const items = [...files].map((file) => {
    const state = el("span", { className: "quiet" }, "waiting");
    $("uploads").append(el("li", {}, el("bdi", {}, file.name), " ", state));
    return { file, state };
  });
  for (const { file, state } of items) {
    state.textContent = "reading…";
    const body = new FormData();
    body.append("file", file);
    try {
      const { outcomes } = await request("api/documents", { body });
      state.textContent = outcomes.map(wording).join("; ");
    } catch (error) {
      state.textContent = error.message;
    }
    await loadDocuments();
  }
}

function wording(outcome) {
  if (outcome.status === "added" || outcome.status === "replaced") {
    const missing = outcome.missing_pages.length ? `, not read: page ${outcome.missing_pages.join(", ")}` : "";
    return `${outcome.status}, ${outcome.pages} ${outcome.pages === 1 ? "page" : "pages"}${missing}`;
  }
  return `${outcome.status}: ${outcome.reason}`;
}

$("narrow").oninput = fillTable;
$("show-documents").onclick = () => $("documents").showModal();
if (writable) {
  const drop = $("drop");
  $("files").onchange = (event) => addFiles(event.target.files);
  window.addEventListener("dragover", (event) => {
    event.preventDefault();
    document.body.classList.add("dropping");
  });
  window.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.body.classList.remove("dropping");
  });
  window.addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dropping");
    if (event.dataTransfer.files.length) addFiles(event.dataTransfer.files);
  });
  drop.title = "Files are copied into the folder of the index";
}
