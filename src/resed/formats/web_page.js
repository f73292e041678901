// Sections that links open, tables that sort and filter, and tables that are saved as CSV.
(function () {
  "use strict";

  // A link into a closed section opens it.
  function follow(name) {
    const target = name && document.getElementById(name);
    if (!target) return;
    for (let part = target; part; part = part.parentElement) {
      if (part.tagName === "DETAILS") part.open = true;
    }
    target.scrollIntoView();
  }
  function here() {
    try { return decodeURIComponent(location.hash.slice(1)); } catch (error) { return ""; }
  }
  window.addEventListener("hashchange", () => follow(here()));
  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#"]');
    if (link && link.getAttribute("href") === location.hash) follow(here());
  });

  // Sorting: within the rows between two headings; numbers by value, cells without one last.
  const plain = (text) => text.replace(/[−–]/g, "-").replace(/[†,]/g, "").trim();
  function key(row, column) {
    const cell = row.cells[column];
    const value = parseFloat(plain(cell.dataset.value || cell.textContent));
    return [value, cell.textContent.trim().toLowerCase()];
  }
  function compare(numeric, sign) {
    return (a, b) => {
      if (!numeric) return sign * a[1].localeCompare(b[1]);
      if (isNaN(a[0]) || isNaN(b[0])) return isNaN(a[0]) - isNaN(b[0]);
      return sign * (a[0] - b[0]);
    };
  }
  function sort(table, head, column) {
    const falling = head.getAttribute("aria-sort") === "descending" ? false
      : head.getAttribute("aria-sort") === "ascending" ? true : head.classList.contains("number");
    table.querySelectorAll("[aria-sort]").forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", falling ? "descending" : "ascending");
    const body = table.tBodies[0];
    const runs = [[]];
    for (const row of Array.from(body.rows)) {
      if (row.classList.contains("heading")) runs.push([row], []);
      else runs[runs.length - 1].push(row);
    }
    const order = compare(head.classList.contains("number"), falling ? -1 : 1);
    for (const run of runs) {
      if (run.length && run[0].classList.contains("heading")) { body.append(run[0]); continue; }
      run.map((row) => [key(row, column), row]).sort((a, b) => order(a[0], b[0]))
        .forEach((pair) => body.append(pair[1]));
    }
  }
  document.querySelectorAll("table.sortable").forEach((table) => {
    const last = table.tHead.rows[table.tHead.rows.length - 1];
    table.tHead.querySelectorAll("th[data-column]").forEach((head) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => sort(table, head, Number(head.dataset.column)));
    });
    if (table.tBodies[0].rows.length > 5 && table.dataset.filter) filterable(table, last);
  });

  // Filtering: rows that contain all words.
  function filterable(table) {
    const label = document.createElement("label");
    const field = document.createElement("input");
    const count = document.createElement("output");
    field.type = "search";
    label.className = "filter";
    label.append("Filter rows ", field, " ", count);
    table.closest(".wide").before(label);
    field.addEventListener("input", () => {
      const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0, all = 0;
      for (const row of table.tBodies[0].rows) {
        if (row.classList.contains("heading")) { row.hidden = words.length > 0; continue; }
        const text = row.textContent.toLowerCase();
        row.hidden = !words.every((word) => text.includes(word));
        all += 1;
        shown += !row.hidden;
      }
      count.textContent = words.length ? shown + " of " + all : "";
    });
  }

  // A compressed table is saved as CSV where the browser can unpack it.
  document.querySelectorAll("a[data-csv]").forEach((link) => {
    if (!window.DecompressionStream) return;
    link.addEventListener("click", (event) => {
      event.preventDefault();
      const bytes = Uint8Array.from(atob(link.href.split(",")[1]), (c) => c.charCodeAt(0));
      const text = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
      new Response(text).blob().then((blob) => {
        const made = document.createElement("a");
        made.href = URL.createObjectURL(new Blob([blob], { type: "text/csv" }));
        made.download = link.dataset.csv;
        made.click();
        setTimeout(() => URL.revokeObjectURL(made.href), 1000);
      });
    });
  });

  const every = document.getElementById("open-all");
  if (every) {
    every.hidden = false;
    every.addEventListener("click", () => {
      const open = every.getAttribute("aria-pressed") !== "true";
      every.setAttribute("aria-pressed", String(open));
      document.querySelectorAll("details.section").forEach((one) => { one.open = open; });
    });
  }
  follow(here());
})();
