// What the page does besides standing there: charts where they are looked at, a filter, buttons that copy a command.
// Without it everything but the charts, and the table of each backup, can be read all the same.
(() => {
  "use strict";
  const DAY = 86400000;
  const [specs, words] = ["graficas", "palabras"].map((id) => JSON.parse(document.getElementById(id).textContent));
  const weekdays = ["domingo", "lunes", "martes", "miércoles", "jueves", "viernes", "sábado"];
  const months = ["enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre",
    "noviembre", "diciembre"];
  const time = { dateTime: "%d/%m/%Y %H:%M", date: "%d/%m/%Y", time: "%H:%M:%S", periods: ["a.m.", "p.m."],
    days: weekdays, shortDays: weekdays.map((each) => each.slice(0, 3)), months, shortMonths: words.months };
  const number = { decimal: ".", thousands: ",", grouping: [3], currency: ["$", ""] };
  const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];
  const dark = matchMedia("(prefers-color-scheme: dark)");

  const make = (tag, properties, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };
  const withAttributes = (element, attributes) => {
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  };
  const pad = (value) => String(value).padStart(2, "0");
  const spoken = (ms) => {
    const day = new Date(ms);
    return `${pad(day.getUTCDate())}/${pad(day.getUTCMonth() + 1)}/${day.getUTCFullYear()}`;
  };
  const unitOf = (bytes) => Math.min(bytes > 0 ? Math.floor(Math.log2(bytes) / 10) : 0, UNITS.length - 1);
  const size = (bytes) => {
    const unit = unitOf(bytes);
    return `${(bytes / 1024 ** unit).toFixed(unit ? 1 : 0)} ${UNITS[unit]}`;
  };
  const percent = (share) => `${(share * 100).toFixed(2).replace("-", "−")} %`;
  // Monday is 0.
  const weekday = (ms) => (new Date(ms).getUTCDay() + 6) % 7;

  // --- What the charts are drawn from ---------------------------------------------------------------------------

  const cell = (ms, state, mark, said) => ({ week: ms - weekday(ms) * DAY, weekday: weekday(ms), state, mark, said });

  const ofYear = (data) => data.all.map(([offset, state, count]) => {
    const ms = (data.first + offset) * DAY;
    const [one, , several] = words.states[state];
    return cell(ms, state, state === "d" ? "" : String(count), `${spoken(ms)}: ${count} ${count > 1 ? several : one}`);
  });

  const slotsOf = (data, runs) => runs.flatMap(([first, days, states]) => [...states].map((state, position) => {
    const from = (data.first + first + position * days) * DAY;
    const to = from + days * DAY;
    const [word, mark] = words.states[state];
    const when = days === 1 ? spoken(from) : `${spoken(from)} a ${spoken(to - DAY)}`;
    const limits = [data.first * DAY, (data.last + 1) * DAY];
    const middle = (Math.max(from, limits[0]) + Math.min(to, limits[1])) / 2;
    return { from, to, middle, state, mark, said: `${when}: ${word}` };
  }));

  // The days of the period of which nothing is told: nothing was expected.
  const withEmpty = (cells, data) => {
    const told = new Set(cells.map((each) => each.week + each.weekday * DAY));
    const empty = [];
    for (let ms = data.first * DAY; ms <= data.last * DAY; ms += DAY) {
      if (!told.has(ms)) empty.push(cell(ms, "e", "", `${spoken(ms)}: nada programado`));
    }
    return [...empty, ...cells];
  };

  // Each backup with what it was compared with: the last conforming one before it.
  const backupsOf = (data) => {
    const folios = data.folios.split(" ");
    let reference = data.before;
    return data.days.map((offset, position) => {
      const letter = data.results[position];
      const result = letter.toLowerCase();
      const bytes = data.sizes[position];
      const day = (data.first + offset) * DAY;
      const found = { day, bytes, result, reference, counts: "cfa".includes(result), isManual: letter !== result,
        folio: data.shared + folios[position] };
      if (found.counts) reference = bytes;
      return found;
    });
  };

  const sizesOf = (data, backups) => {
    const unit = unitOf(Math.max(...backups.map((each) => each.bytes)));
    const scaled = (bytes) => bytes / 1024 ** unit;
    const points = backups.map((each) => ({ day: each.day, size: scaled(each.bytes), result: each.result,
      counts: each.counts, said: `${spoken(each.day)}: ${size(each.bytes)}, ${words.results[each.result]} (${each.folio})` }));
    // From each conforming one on, the next may be so small or so large.
    const steps = [[data.first * DAY, data.before], ...backups.filter((each) => each.counts)
      .map((each) => [each.day, each.bytes])].filter(([, bytes]) => bytes && data.high);
    const bands = [...steps, ...steps.slice(-1).map(([, bytes]) => [(data.last + 1) * DAY, bytes])]
      .map(([day, bytes]) => ({ day, low: scaled(bytes * data.low), high: scaled(bytes * data.high) }));
    const values = [...bands, ...points];
    const without = [...(bands.length ? [] : ["bands"]), ...(backups.some((each) => each.counts) ? [] : ["line"])];
    return [values, { unit: UNITS[unit], without }];
  };

  // The days, weeks and months of the period, for the axes.
  const axisOf = (data) => {
    const period = [data.first * DAY, (data.last + 1) * DAY];
    const starts = [];
    for (let ms = period[0]; ms < period[1]; ms += DAY) if (new Date(ms).getUTCDate() === 1) starts.push(ms);
    const weeks = [];
    for (let ms = period[0] - weekday(period[0]) * DAY; ms < period[1]; ms += 7 * DAY) weeks.push(ms);
    return { period, months: starts, weeks };
  };

  // --- Drawing --------------------------------------------------------------------------------------------------

  const drawn = new Map();

  // In the specs «@name» is a colour of the style sheet, or one of ``more``.
  const draw = (place, name, values, more) => {
    const style = getComputedStyle(document.documentElement);
    const fill = (_key, value) => typeof value === "string" && value[0] === "@"
      ? more[value.slice(1)] ?? style.getPropertyValue(`--${value.slice(1)}`).trim() : value;
    const spec = JSON.parse(JSON.stringify({ ...specs[name], config: specs.config }), fill);
    // Vega warns of a layer that has nothing to show.
    spec.layer = spec.layer.filter((layer) => !more.without?.includes(layer.name));
    drawn.set(place, () => draw(place, name, values, more));
    return vegaEmbed(place, { ...spec, data: { values } }, { mode: "vega-lite", renderer: "svg", actions: false, ast: true,
      defaultStyle: false, timeFormatLocale: time, formatLocale: number,
      // It is set as HTML: a folio comes from the ledger.
      tooltip: { disableDefaultStyle: true, formatTooltip: (value, escaped) => escaped(value) } });
  };

  const chart = (label, name, values, more) => {
    // Whoever cannot see it is told what it is and where the same stands in words, not each of its strokes.
    const inner = withAttributes(make("div"), { "aria-hidden": "true" });
    const picture = withAttributes(make("div", {}, inner), { role: "img", "aria-label": label });
    const place = withAttributes(make("div", { className: `chart ${name}` }, picture),
      { role: "group", "aria-label": label, tabindex: "0" });
    // The newest days are on the right, and a phone shows less than a year.
    requestAnimationFrame(() => draw(inner, name, values, more).then(() => { place.scrollLeft = place.scrollWidth; }));
    return place;
  };

  const tableOf = (caption, headings, rows) => {
    const head = make("tr", {}, ...headings.map((each) => make("th", { scope: "col", textContent: each })));
    const body = rows.map((row) => make("tr", {}, ...row.map((each) => make("td", { textContent: each }))));
    const table = make("table", {}, make("caption", { textContent: caption }), make("thead", {}, head),
      make("tbody", {}, ...body));
    return withAttributes(make("div", { className: "scroll" }, table),
      { role: "group", "aria-label": caption, tabindex: "0" });
  };

  // JSON, gzip, base64: a thousand backups have a year of theirs in the page.
  const unpacked = (text) => {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).json();
  };

  const open = async (item) => {
    const source = item.querySelector("script");
    if (!source || item.dataset.drawn) return;
    item.dataset.drawn = "yes";
    const data = await unpacked(source.textContent);
    const name = item.querySelector(".name b").textContent;
    const more = axisOf(data);
    const days = slotsOf(data, data.daily).map((each) => cell(each.from, each.state, each.mark, each.said));
    const longer = slotsOf(data, data.longer);
    const backups = backupsOf(data);
    const [calendar, parts] = [[], []];
    if (days.length || longer.length) {
      calendar.push(make("h3", { textContent: "Calendario" }), document.getElementById("leyenda").content.cloneNode(true));
      const label = `Calendario de ${name}; los mismos números están en la tabla «Por mes».`;
      if (days.length) calendar.push(chart(label, "days", withEmpty(days, data), more));
      if (longer.length) calendar.push(chart(label, "slots", longer, more));
    }
    if (backups.length) {
      const [values, own] = sizesOf(data, backups);
      const limits = data.high ? `; la banda es lo que se tolera: de −${Math.round(100 - data.low * 100)} a +${
        Math.round(data.high * 100 - 100)} % del último conforme` : "";
      parts.push(make("h3", { textContent: "Tamaños" }),
        make("p", { className: "quiet", textContent: `Cada punto es un respaldo${limits}. Triángulo: en revisión; cruz: no conforme.` }),
        chart(`Tamaños de ${name}; los mismos números están en la tabla de respaldos.`, "sizes", values, { ...more, ...own }));
      const rows = backups.map((each) => [each.folio, spoken(each.day), size(each.bytes),
        each.reference ? percent(each.bytes / each.reference - 1) : "—",
        words.results[each.result], each.isManual ? "manual" : "automático"]).reverse();
      const folded = make("details", { className: "many" },
        make("summary", { textContent: `Tabla de respaldos (${rows.length})` }));
      folded.addEventListener("toggle", () => folded.append(tableOf(`Respaldos de ${name}`,
        ["Folio", "Fecha", "Tamaño", "Contra el último conforme", "Resultado", "Modo"], rows)), { once: true });
      parts.push(folded);
    }
    source.replaceWith(...calendar);
    item.append(...parts);
  };

  document.getElementById("lista").addEventListener("toggle", ({ target }) => {
    if (target.open && target.matches(".item")) open(target);
  }, true);
  for (const item of document.querySelectorAll(".item[open]")) open(item);
  for (const place of document.querySelectorAll("[data-chart]")) {
    const data = JSON.parse(place.nextElementSibling.textContent);
    place.replaceWith(chart(place.dataset.label, "days", withEmpty(ofYear(data), data), axisOf(data)));
  }
  dark.addEventListener("change", () => drawn.forEach((again) => again()));

  // --- Finding --------------------------------------------------------------------------------------------------

  const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
  const filter = document.getElementById("filtro");
  const [search, pending, told] = ["buscar", "pendientes", "cuenta"].map((id) => document.getElementById(id));
  let entries;
  const find = () => {
    entries ??= [...document.querySelectorAll(".item")].map((item) => [item,
      plain(`${item.querySelector("summary").textContent} ${item.querySelector("dl").textContent}`)]);
    const wanted = plain(search.value).split(/\s+/).filter(Boolean);
    let count = 0;
    for (const [item, text] of entries) {
      const shown = wanted.every((each) => text.includes(each)) && (!pending.checked || item.matches(".worried"));
      item.hidden = !shown;
      count += shown;
    }
    told.textContent = `${count} de ${entries.length} respaldos`;
  };
  filter.hidden = false;
  filter.addEventListener("submit", (event) => event.preventDefault());
  search.addEventListener("input", find);
  pending.addEventListener("change", find);

  // --- Copying --------------------------------------------------------------------------------------------------

  for (const code of document.querySelectorAll(".next code")) {
    const button = make("button", { type: "button", textContent: "Copiar" });
    const said = make("span", { className: "quiet" });
    said.setAttribute("role", "status");
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(code.textContent);
        said.textContent = "copiado";
      } catch {
        getSelection().selectAllChildren(code);
        said.textContent = "seleccionado: cópielo con Ctrl+C";
      }
    });
    code.after(button, said);
  }

  // A link to what is folded unfolds it.
  addEventListener("hashchange", () => document.getElementById(location.hash.slice(1))?.closest("details")
    ?.setAttribute("open", ""));
})();
