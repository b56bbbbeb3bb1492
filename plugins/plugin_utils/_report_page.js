/* Copyright (c) 2026, edgeops.digicert contributors
 * GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
"use strict";
(() => {
  const table = document.querySelector("table");
  if (!table) {
    return;
  }
  const body = table.tBodies[0];
  const rows = Array.from(body.rows);
  const search = document.getElementById("search");
  const state = document.getElementById("state");
  const shown = document.getElementById("shown");
  const texts = new Map();
  const collator = new Intl.Collator("en", { numeric: true });

  // Reading the text of thousands of rows takes long, so it is read once, and only when somebody searches.
  function textOf(row) {
    if (!texts.has(row)) {
      texts.set(row, row.textContent.toLowerCase());
    }
    return texts.get(row);
  }

  // Show the rows that have the chosen state and all words of the search.
  function show() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const row of rows) {
      const fits = (!state.value || row.dataset.state === state.value)
        && words.every((word) => textOf(row).includes(word));
      if (row.hidden === fits) {
        row.hidden = !fits;
      }
      count += fits;
    }
    shown.textContent = `${count.toLocaleString("en")} of ${rows.length.toLocaleString("en")} shown`;
  }

  // What a row is sorted by: the number that its cell stands for, or else its text.
  function keyOf(row, column) {
    const cell = row.cells[column];
    return cell.dataset.number === undefined ? cell.textContent.trim() : Number(cell.dataset.number);
  }

  // Negative when `one` comes before `other`. Cells without text come last in both directions.
  function compare(one, other, sign) {
    if (one === "" || other === "") {
      return (one === "") - (other === "");
    }
    return sign * (typeof one === "number" ? one - other : collator.compare(one, other));
  }

  function sortBy(header) {
    const direction = header.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
    for (const other of table.tHead.rows[0].cells) {
      other.removeAttribute("aria-sort");
    }
    header.setAttribute("aria-sort", direction);
    const sign = direction === "ascending" ? 1 : -1;
    const keys = new Map(rows.map((row) => [row, keyOf(row, header.cellIndex)]));
    rows.sort((one, other) => compare(keys.get(one), keys.get(other), sign));
    body.append(...rows);
  }

  for (const header of table.tHead.rows[0].cells) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = header.textContent;
    button.addEventListener("click", () => sortBy(header));
    header.replaceChildren(button);
  }

  let waiting;
  search.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(show, 60);
  });
  state.addEventListener("change", show);

  // A link to a row that the search hides would lead nowhere.
  document.addEventListener("click", (event) => {
    if (event.target.closest("a[href^='#device-']")) {
      search.value = "";
      state.value = "";
      show();
    }
  });

  document.querySelector(".controls").hidden = false;
  show();
})();
