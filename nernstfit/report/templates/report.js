"use strict";
// Tables that are searched and sorted, by DataTables; rows that open; figures that are enlarged.
(() => {
  const ROWS_PER_PAGE = 25; // at half a table of eight cells in six baths has four pages, at double it fills three screens
  const ZOOM = 1.25; // factor of a step: at half a step hardly shows, at double two steps leave the curve
  const MINUS = "\u2212";
  const tables = new Map(); // by anchor of a row: its table and its index there
  const tablesOfPage = [];
  const waiting = new Map(); // by number of a file of details: what is called when it has come
  const files = new Map();

  const element = (tag, attributes = {}, ...content) => {
    const made = document.createElement(tag);
    Object.entries(attributes).forEach(([name, value]) => made.setAttribute(name, value));
    made.append(...content);
    return made;
  };

  // Numbers as the page writes them: with a minus sign, a bound or an interval; missing ones come last.
  const number = (text) => {
    const found = text.replaceAll(MINUS, "-").match(/[-+]?\d[\d,]*\.?\d*/);
    if (!found) return Infinity;
    const power = text.match(/10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)/);
    const digits = power ? power[1].replace("⁻", "-").replace(/[⁰¹²³⁴⁵⁶⁷⁸⁹]/g, (each) => "⁰¹²³⁴⁵⁶⁷⁸⁹".indexOf(each)) : "0";
    return Number(found[0].replaceAll(",", "")) * 10 ** Number(digits);
  };

  const withoutMarkup = (html) => html.replace(/<[^>]*>|&[^;]*;/g, "");

  const words = (html) => {
    const holder = element("div");
    holder.innerHTML = html;
    return holder.textContent;
  };

  function searchable(DataTable, table) {
    const titles = [...table.tHead.rows[0].cells];
    const [numeric, texts] = [[], []];
    titles.forEach((cell, place) => (cell.classList.contains("n") ? numeric : texts).push(place));
    const beside = table.parentElement.querySelector("script"); // of a long table: all rows, of which the page has the first
    const { cells, anchors } = beside ? JSON.parse(beside.textContent) : { anchors: [...table.tBodies[0].rows].map((row) => row.id) };
    const isPaged = anchors.length > ROWS_PER_PAGE;
    const named = (node, _, index) => {
      if (!anchors[index]) return;
      node.id = anchors[index];
      if (table.dataset.opens !== undefined) node.dataset.place = index;
    };
    const made = new DataTable(table, {
      autoWidth: false,
      columnDefs: [
        { targets: numeric, type: "num", render: (cell, use) => (use === "sort" || use === "type" ? number(withoutMarkup(cell)) : cell) },
        { targets: texts, type: "html" },
      ],
      ...(cells ? { data: cells, deferRender: true, createdRow: named } : {}),
      info: isPaged,
      language: { search: "Search", lengthMenu: "Rows _MENU_", info: "_START_ to _END_ of _TOTAL_ rows", infoFiltered: "(of _MAX_)", infoEmpty: "no rows", zeroRecords: "No row matches." },
      lengthChange: false,
      order: [],
      orderMulti: false,
      pageLength: ROWS_PER_PAGE,
      paging: isPaged,
    });
    tablesOfPage.push(made);
    anchors.forEach((name, index) => { if (name) tables.set(name, { made, index }); });
    const chosen = table.dataset.filters ? table.dataset.filters.split(" ").map(Number) : [];
    if (chosen.length) filters(made, chosen, titles);
    if (table.dataset.opens !== undefined) opening(made, table);
  }

  function filters(made, chosen, titles) {
    const bar = element("div", { class: "filters" });
    for (const place of chosen) {
      const values = new Set([...new Set(made.column(place).data().toArray())].flatMap((cell) => words(cell).split(", ")).filter(Boolean));
      if (values.size < 2) continue;
      const options = [...values].sort().map((value) => element("option", {}, value));
      const select = element("select", {}, element("option", { value: "" }, "all"), ...options);
      select.addEventListener("change", () => {
        const wanted = select.value;
        made.column(place).search(wanted ? (cell) => cell.split(", ").includes(wanted) : "").draw();
      });
      bar.append(element("label", {}, titles[place].textContent.trim(), select));
    }
    made.table().container().prepend(bar);
  }

  function opening(made, table) {
    table.tBodies[0].addEventListener("click", (event) => {
      const node = event.target.closest("tr[data-place]");
      const link = event.target.closest("a");
      if (!node || (link && link.getAttribute("href") !== `#${node.id}`)) return;
      event.preventDefault();
      history.replaceState(null, "", `#${node.id}`);
      const row = made.row(node);
      if (row.child.isShown()) close(row);
      else open(row);
    });
  }

  function close(row) {
    row.child.hide();
    row.node().querySelector("a").setAttribute("aria-expanded", "false");
  }

  async function open(row) {
    const node = row.node();
    node.querySelector("a").setAttribute("aria-expanded", "true");
    if (!row.child()) {
      const content = element("div", { class: "opened" }, "…");
      row.child(content);
      try {
        content.innerHTML = await unpacked(Number(node.dataset.place));
        content.querySelectorAll("svg").forEach(enlarging);
      } catch (fault) {
        content.textContent = fault.message;
      }
    }
    row.child.show();
  }

  // The details of a row: deflated, in the page or in a file beside it.
  async function unpacked(place) {
    if (!("DecompressionStream" in window)) throw new Error("This browser is too old to show the figure: it cannot unpack it.");
    const data = document.getElementById("details");
    const [rows, perFile] = [Number(data.dataset.group), Number(data.dataset.perFile)];
    const group = Math.floor(place / rows);
    if (!perFile && !files.has(0)) files.set(0, JSON.parse(data.textContent));
    const part = await (perFile ? file(Math.floor(group / perFile)) : files.get(0));
    const bytes = Uint8Array.from(atob(part[perFile ? group % perFile : group]), (each) => each.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
    return (await new Response(stream).json())[place % rows];
  }

  function file(number) {
    if (!files.has(number)) {
      const name = `figures/details_${String(number).padStart(3, "0")}.js`;
      files.set(number, new Promise((done, failed) => {
        const script = element("script", { src: name });
        script.addEventListener("error", () => {
          files.delete(number);
          failed(new Error(`${name} is not beside this page: copy the folder figures with it.`));
        });
        waiting.set(number, done);
        document.head.append(script);
      }));
    }
    return files.get(number);
  }
  window.nernstfitDetails = (number, part) => waiting.get(number)(part);

  // Buttons that enlarge a figure around its middle; a drag moves it.
  function enlarging(svg) {
    const whole = svg.getAttribute("viewBox").split(" ").map(Number);
    let box = [...whole];
    const show = (next) => {
      box = next;
      svg.setAttribute("viewBox", box.join(" "));
    };
    const scaled = (factor) => {
      const [x, y, width, height] = box;
      const size = [Math.min(whole[2], width * factor), Math.min(whole[3], height * factor)];
      const middle = [x + width / 2 - size[0] / 2, y + height / 2 - size[1] / 2];
      show([...middle.map((at, axis) => Math.max(0, Math.min(at, whole[axis + 2] - size[axis]))), ...size]);
    };
    const bar = element("div", { class: "zoom" });
    bar.append(button("+", "enlarge the figure", () => scaled(1 / ZOOM)), button(MINUS, "reduce the figure", () => scaled(ZOOM)), button("1:1", "show the whole figure", () => show([...whole])));
    svg.before(bar);
    svg.addEventListener("pointerdown", (event) => svg.setPointerCapture(event.pointerId));
    svg.addEventListener("pointermove", (event) => {
      if (!svg.hasPointerCapture(event.pointerId)) return;
      const scale = box[2] / svg.clientWidth;
      show([box[0] - event.movementX * scale, box[1] - event.movementY * scale, box[2], box[3]]);
    });
  }

  const button = (text, name, act) => {
    const made = element("button", { type: "button", "aria-label": name, title: name }, text);
    made.addEventListener("click", act);
    return made;
  };

  // The cells of a table as text, for spreadsheets and for LaTeX.
  const LATEX = { "\\": "\\textbackslash{}", "−": "$-$", "<": "$<$", ">": "$>$", "—": "---", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}" };
  const latex = (text) => text.replace(/[\\{}%&#_$~^−<>—]/g, (each) => LATEX[each] ?? `\\${each}`);
  const formats = {
    TSV: (rows) => rows.map((row) => row.join("\t")).join("\n"),
    CSV: (rows) => rows.map((row) => row.map((cell) => (/[",\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)).join(",")).join("\n"),
    LaTeX: ([head, ...rows]) => {
      const lines = [head, ...rows].map((row) => `${row.map(latex).join(" & ")} \\\\`);
      return [`\\begin{tabular}{${"l".repeat(head.length)}}`, "\\hline", lines[0], "\\hline", ...lines.slice(1), "\\hline", "\\end{tabular}"].join("\n");
    },
  };

  function copying(grid) {
    const bar = element("div", { class: "tools" });
    for (const [name, write] of Object.entries(formats)) {
      const made = button(`copy ${name}`, `copy this table as ${name}`, async () => {
        const rows = [...grid.querySelectorAll("tr")].map((row) => [...row.cells].map((cell) => cell.textContent.trim()));
        await navigator.clipboard.writeText(`${write(rows)}\n`);
        made.textContent = "copied";
        setTimeout(() => { made.textContent = `copy ${name}`; }, 1500);
      });
      bar.append(made);
    }
    grid.append(bar);
  }

  // Print the paper alone, or with its supplement, every row of it.
  function printing() {
    const all = button("print all", "print the supplement too", () => {
      document.documentElement.dataset.prints = "all";
      tablesOfPage.forEach((made) => made.page.len(-1).draw(false));
      document.querySelectorAll("details").forEach((each) => { each.open = true; });
      print();
      tablesOfPage.forEach((made) => made.page.len(ROWS_PER_PAGE).draw(false));
      delete document.documentElement.dataset.prints;
    });
    document.querySelector(".part").after(element("div", { class: "tools" }, all));
  }

  // A link to a row leads to the page of the table that has it, and opens it; one into a fold unfolds it.
  function arrive() {
    const name = decodeURIComponent(location.hash.slice(1));
    const found = tables.get(name);
    if (found) {
      const { made, index } = found;
      const row = made.row(index);
      if (!made.rows({ search: "applied" }).indexes().toArray().includes(index)) {
        made.table().container().querySelectorAll("select").forEach((each) => { each.value = ""; });
        made.search("").columns().search("");
        made.draw();
      }
      const place = made.rows({ order: "applied", search: "applied" }).indexes().toArray().indexOf(index);
      if (made.page.info().length > 0) made.page(Math.floor(place / made.page.info().length)).draw("page");
      if (row.node().dataset.place !== undefined) open(row);
    }
    const target = document.getElementById(name);
    if (!target) return;
    for (let fold = target.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
    target.scrollIntoView({ block: "start" });
  }

  // A point of a figure leads to its measurement.
  function points() {
    document.addEventListener("click", (event) => {
      const point = event.target.closest("[data-to]");
      if (point) location.hash = point.dataset.to;
    });
  }

  async function begin() {
    const source = new Blob([JSON.parse(document.getElementById("datatables").textContent)], { type: "text/javascript" });
    const address = URL.createObjectURL(source);
    const { default: DataTable } = await import(address);
    URL.revokeObjectURL(address);
    document.querySelectorAll("table.searchable").forEach((table) => searchable(DataTable, table));
    document.querySelectorAll("[data-copied]").forEach(copying);
    printing();
    points();
    window.addEventListener("hashchange", arrive);
    arrive();
    document.documentElement.dataset.ready = "";
  }
  begin();
})();
