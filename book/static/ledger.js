// Filters the ledger by verdict, by source and by words. Without this script the whole table is there, unfiltered;
// with it, a permalink to a row (#claim-...) always shows that row.
"use strict";

(() => {
  const table = document.querySelector("table.ledger");
  const rows = [...table.querySelectorAll("tbody > tr")].map((row) => ({
    row,
    verdict: row.querySelector(".verdict").textContent.trim(),
    source: row.cells[1].querySelector("p").textContent.trim(),
    words: row.textContent.toLowerCase(),
  }));

  const element = (tag, properties, ...children) => {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  };

  const choice = (name, values) => {
    const options = [...new Set(values)].sort().map((value) => element("option", { value, textContent: value }));
    return element("select", { id: `ledger-${name}`, name }, element("option", { value: "", textContent: "all" }), ...options);
  };

  const labelled = (text, control) =>
    element("div", { className: "ledger-field" }, element("label", { htmlFor: control.id, textContent: text }), control);

  const verdict = choice("verdict", rows.map((entry) => entry.verdict));
  const source = choice("source", rows.map((entry) => entry.source));
  const words = element("input", { id: "ledger-words", name: "words", type: "search", autocomplete: "off" });
  const all = element("button", { type: "button", textContent: "Show all" });
  const count = element("p", { id: "ledger-shown" });
  count.setAttribute("role", "status");

  const form = element(
    "form",
    { id: "ledger-filter" },
    labelled("Verdict", verdict),
    labelled("Source", source),
    labelled("Words", words),
    all,
    count,
  );
  form.setAttribute("aria-label", "Filter the ledger");

  const update = () => {
    const wanted = words.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const entry of rows) {
      const fits =
        (!verdict.value || entry.verdict === verdict.value) &&
        (!source.value || entry.source === source.value) &&
        wanted.every((word) => entry.words.includes(word));
      entry.row.hidden = !fits;
      shown += fits;
    }
    count.textContent = `${shown} of ${rows.length} claims shown`;
  };

  const showAll = () => {
    form.reset();
    update();
  };

  const reveal = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!rows.some((entry) => entry.row === target)) return;
    if (target.hidden) showAll();
    target.scrollIntoView();
  };

  form.addEventListener("input", update);
  form.addEventListener("submit", (event) => event.preventDefault());
  all.addEventListener("click", showAll);
  window.addEventListener("hashchange", reveal);

  (table.closest(".pst-scrollable-table-container") ?? table).before(form);
  update();
  reveal();
})();
