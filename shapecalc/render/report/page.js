"use strict";
// The page's figures follow its controls. Formulas are read by the parser below, never evaluated as code;
// numbers are BigInt, so that they are exact.

const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);

// ---- formulas: text → tree → value --------------------------------------------------------------------

const TOKEN = /\s*(\*\*|[-+*/(),]|\d+|[\p{L}_][\p{L}\p{N}_₀-₉]*'*)/uy;

function tokens(text) {
  const found = [];
  for (TOKEN.lastIndex = 0; TOKEN.lastIndex < text.length; ) {
    const match = TOKEN.exec(text);
    if (!match) throw new SyntaxError(text);
    found.push(match[1]);
  }
  return found;
}

function parse(text) {
  const rest = tokens(text);
  let at = 0;
  const next = (sign) => rest[at] === sign && (at++, true);
  const expect = (sign) => { if (!next(sign)) throw new SyntaxError(`${text}: ${sign}`); };
  function sum() {
    let tree = next("-") ? ["neg", product()] : product();
    for (;;) {
      if (next("+")) tree = ["+", tree, product()];
      else if (next("-")) tree = ["-", tree, product()];
      else return tree;
    }
  }
  function product() {
    let tree = power();
    for (;;) {
      if (next("*")) tree = ["*", tree, power()];
      else if (next("/")) tree = ["/", tree, power()];
      else return tree;
    }
  }
  function power() {
    const base = factor();
    return next("**") ? ["**", base, factor()] : base;
  }
  function factor() {
    if (next("(")) {
      const tree = sum();
      expect(")");
      return ["()", tree];
    }
    const token = rest[at++];
    if (/^\d/.test(token)) return ["number", BigInt(token)];
    if (!/^[\p{L}_]/u.test(token || "")) throw new SyntaxError(text);
    if (!next("(")) return ["name", token];
    const items = [sum()];
    while (next(",")) items.push(sum());
    expect(")");
    return [token, ...items];
  }
  const tree = sum();
  if (at !== rest.length) throw new SyntaxError(text);
  return tree;
}

function floorDiv(a, b) {
  if (b === 0n) throw new RangeError("division by zero");
  const quotient = a / b;
  return a % b !== 0n && (a < 0n) !== (b < 0n) ? quotient - 1n : quotient;
}

const CALLS = {
  min: (...v) => v.reduce((a, b) => (b < a ? b : a)),
  max: (...v) => v.reduce((a, b) => (b > a ? b : a)),
};

function value(tree, values) {
  const [kind, a, b] = tree;
  switch (kind) {
    case "number": return a;
    case "name":
      if (!(a in values)) throw new RangeError(a);
      return values[a];
    case "()": return value(a, values);
    case "neg": return -value(a, values);
    case "+": return value(a, values) + value(b, values);
    case "-": return value(a, values) - value(b, values);
    case "*": return value(a, values) * value(b, values);
    case "**": return value(a, values) ** value(b, values);
    case "floor":
    case "ceil": {
      const quotient = a[0] === "()" ? a[1] : a;
      if (quotient[0] !== "/") return value(a, values);
      const over = value(quotient[1], values), by = value(quotient[2], values);
      return kind === "floor" ? floorDiv(over, by) : -floorDiv(-over, by);
    }
    case "/": throw new RangeError("a quotient that nothing rounds");
    default: return CALLS[kind](...tree.slice(1).map((item) => value(item, values)));
  }
}

const SUPER = "⁰¹²³⁴⁵⁶⁷⁸⁹";
const MATHS = { "*": "⋅", "-": " − ", "+": " + ", "/": "/" };

// A formula as people read it; `names` says what stands in place of a name.
function written(tree, names) {
  const [kind, a, b] = tree;
  switch (kind) {
    case "number": return grouped(a);
    case "name": return names && a in names ? names[a] : a;
    case "()": return `(${written(a, names)})`;
    case "neg": return `−${written(a, names)}`;
    case "**": return written(a, names) + String(b[1]).replace(/\d/g, (d) => SUPER[d]);
    case "floor": return `⌊${written(a[0] === "()" ? a[1] : a, names)}⌋`;
    case "ceil": return `⌈${written(a[0] === "()" ? a[1] : a, names)}⌉`;
    case "+": case "-": case "*": case "/": return written(a, names) + MATHS[kind] + written(b, names);
    default: return `${kind}(${tree.slice(1).map((item) => written(item, names)).join(", ")})`;
  }
}

const grouped = (n) => String(n).replace(/\B(?=(\d{3})+$)/g, ",");

const trees = data.formulas.map(parse);
const templates = data.templates.map((text) => { try { return parse(text); } catch { return null; } });

// ---- state ----------------------------------------------------------------------------------------------

const symbols = data.symbols.map((s) => s.name);
const start = Object.fromEntries(data.symbols.map((s) => [s.name, String(s.value)]));
let sizes = { ...start };
let selected = 0, filter = "", pinned = null;
const folded = new Set();
let cache = [];

const lines = data.lines.map(([depth, name, end, from, to, kind, seen], number) =>
  ({ number, depth, name, end, from, to, ...data.kinds[kind], path: end, seen: data.seen[seen] }));
lines.forEach((line, n) => {
  line.children = n + 1 < lines.length && lines[n + 1].depth > line.depth;
  for (let p = n - 1; p >= 0 && line.depth; p--)
    if (lines[p].depth < line.depth) { line.parent = lines[p]; line.path = `${lines[p].path}.${line.end}`; break; }
});

const numbers = () => Object.fromEntries(Object.entries(sizes).map(([k, v]) => [k, BigInt(v)]));

// The value of a reference under the sizes, each formula once; null where there is none.
function get(ref) {
  if (typeof ref === "number") return BigInt(ref);
  const [place] = ref;
  if (cache[place] === undefined) {
    try { cache[place] = value(trees[place], current); } catch { cache[place] = null; }
  }
  return cache[place];
}
let current = numbers();

function holds(condition) {
  const left = get(condition.l), right = get(condition.g);
  if (left === null || right === null) return false;
  if (condition.one && (left === 1n || right === 1n)) return true;
  if (condition.c === "≥") return left >= right;
  if (condition.c === "≤") return left <= right;
  if (condition.c === "=") return left === right;
  return right !== 0n && left % right === 0n;
}

// ---- what is shown ----------------------------------------------------------------------------------------

const shape = (refs) => (refs.length ? refs.map((ref) => { const v = get(ref); return v === null ? "?" : v; }).join("×") : "scalar");
const counted = (ref) => { const v = get(ref); return v === null ? "?" : grouped(v); };

function bytes(v) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let unit = 0, n = Number(v);
  while (n >= 1024 && unit < units.length - 1) { n /= 1024; unit += 1; }
  return unit ? `${n.toFixed(2)} ${units[unit]}` : `${v} B`;
}

const greatest = (refs) => refs.map(get).reduce((a, b) => (a === null || b === null ? null : b > a ? b : a));

let failed = null, failing = Infinity;

function update() {
  current = numbers();
  cache = [];
  const broken = data.conditions.filter((c) => !holds(c));
  failed = null;
  failing = Infinity;
  for (const c of broken) {
    const line = lines.find((l) => l.path === c.p) || lines.filter((l) => c.p.startsWith(l.path + ".")).pop();
    const place = line ? line.from : 0;
    if (place < failing) { failing = place; failed = c; }
  }
  byId("conditions").replaceChildren(...data.conditions.map((c) => item(c, !broken.includes(c))));
  totals();
  rows.forEach(fill);
  why();
  remember();
}

function item(condition, good) {
  const li = document.createElement("li");
  li.className = good ? "good" : "bad";
  li.textContent = `${good ? "✓" : "✗"} ${condition.t}: ${condition.y}, in ${condition.p || "the network"}`;
  return li;
}

function totals() {
  const bad = failed ? ` At these sizes ${failed.p || "the network"} can't work: ${failed.y}, which needs ${failed.t}.` : "";
  byId("problem").textContent = bad;
  byId("problem").hidden = !bad;
  const t = data.totals;
  const show = (id, text) => { byId(id).textContent = failed ? "—" : text; };
  show("output", t.outputs.map(shape).join(", "));
  show("params", counted(t.params));
  show("macs", counted(t.macs));
  show("flops", get(t.macs) === null ? "?" : grouped(2n * get(t.macs)));
  show("weights", bytes(get(t.weight_bytes) ?? 0n));
  data.memory.forEach((m, n) => {
    const at = byId(`memory${n}`);
    if (!m.of) return;
    const peak = greatest(m.of);
    show(`memory${n}`, peak === null ? "?" : `${bytes(peak)} = ${grouped(peak)} B`);
    const fits = byId(`fits${n}`);
    if (fits) fits.textContent = failed ? "" : largest(m.of);
  });
  clearTimeout(totals.timer);
  totals.timer = setTimeout(() => {
    byId("live").textContent = failed ? bad : `${counted(t.params)} parameters, ${counted(t.macs)} MACs`;
  }, 300);
}

// The largest batch whose peak is within the budget, found by halving: peaks grow with the batch.
function largest(refs) {
  const budget = BigInt(Math.floor(Number(byId("budget").value || 0) * 2 ** 30));
  const peak = (n) => refs.map(([place, ...rest]) => value(trees[place], { ...current, N: n }))
    .reduce((a, b) => (b > a ? b : a));
  if (refs.some((ref) => typeof ref === "number") || budget <= 0n) return "";
  try {
    if (peak(1n) > budget) return "— no batch fits";
    let low = 1n, high = 2n;
    while (peak(high) <= budget && high < 2n ** 60n) { low = high; high *= 2n; }
    while (high - low > 1n) {
      const middle = (low + high) / 2n;
      if (peak(middle) <= budget) low = middle; else high = middle;
    }
    return `— a batch of ${grouped(low)} fits`;
  } catch { return ""; }
}

// ---- the table --------------------------------------------------------------------------------------------

const body = byId("rows");
let rows = [];

function visible() {
  const hidden = (line) => { for (let p = line.parent; p; p = p.parent) if (folded.has(p.number)) return true; return false; };
  const wanted = filter.toLowerCase();
  return lines.filter((line) => wanted
    ? `${line.path} ${line.name} ${line.a || ""}`.toLowerCase().includes(wanted) : !hidden(line));
}

function build() {
  rows = visible().map((line) => {
    const tr = document.createElement("tr");
    tr.dataset.n = line.number;
    tr.setAttribute("aria-level", line.depth + 1);
    if (line.children) tr.setAttribute("aria-expanded", !folded.has(line.number));
    tr.tabIndex = line.number === selected ? 0 : -1;
    const name = document.createElement("th");
    name.scope = "row";
    name.className = `d${Math.min(line.depth, 12)}`;
    name.textContent = `${line.children ? (folded.has(line.number) ? "▸ " : "▾ ") : ""}${line.name}`;
    tr.append(name, cell(line.a || ""), cell(), cell("", "n"), cell("", "n"), bar(), cell(line.seen));
    tr.line = line;
    return tr;
  });
  body.replaceChildren(...rows);
  if (rows.length && !rows.some((tr) => tr.tabIndex === 0)) rows[0].tabIndex = 0;
  rows.forEach(fill);
}

function cell(text = "", kind = "") {
  const td = document.createElement("td");
  td.textContent = text;
  if (kind) td.className = kind;
  return td;
}

const SVG = "http://www.w3.org/2000/svg";
function bar() {
  const td = document.createElement("td"), svg = document.createElementNS(SVG, "svg");
  const rect = document.createElementNS(SVG, "rect"), text = document.createElement("span");
  for (const [k, v] of Object.entries({ width: 60, height: 10, "aria-hidden": true })) svg.setAttribute(k, v);
  rect.setAttribute("height", 10);
  svg.append(rect);
  td.className = "share";
  td.append(svg, text);
  return td;
}

function fill(tr) {
  const line = tr.line, [, , output, params, macs, share] = tr.children;
  const dead = line.to > failing;
  tr.className = [line.number === selected ? "selected" : "", dead ? "dead" : "",
    failed && line.from <= failing && failing < line.to ? "failed" : ""].join(" ");
  tr.setAttribute("aria-selected", line.number === selected);
  const was = pinned && pinned.lines[line.number];
  const text = (now, before) => (was && before !== now ? `${now} (${before})` : now);
  output.textContent = dead ? "" : text(shape(line.o), was && was[0]);
  params.textContent = dead ? "" : text(counted(line.w), was && was[1]);
  macs.textContent = dead ? "" : text(counted(line.m), was && was[2]);
  const all = get(data.totals.macs), own = get(line.m);
  const part = !dead && all && own ? Number((own * 10000n) / all) / 100 : 0;
  share.firstChild.firstChild.setAttribute("width", (part * 0.6).toFixed(1));
  share.lastChild.textContent = part >= 0.05 ? `${part.toFixed(1)}%` : own && !dead ? "<0.1%" : "";
}

// ---- why ------------------------------------------------------------------------------------------------------

function why() {
  const line = lines[selected], list = byId("why");
  byId("which").textContent = line.path + (line.a ? `: ${line.a}` : "");
  const found = [];
  if (line.to > failing) found.push("These sizes do not come so far.");
  else if (line.y && line.y.length) {
    const [pairs, derived] = line.y;
    const common = Object.fromEntries(pairs.map(([name, ref]) => [data.names[name], ref]));
    for (const [name, template, result, own] of derived) {
      const values = own ? Object.fromEntries(own.map(([n, ref]) => [data.names[n], ref])) : common;
      const names = Object.fromEntries(Object.entries(values).map(([k, ref]) => [k, String(get(ref))]));
      const tree = templates[template];
      const steps = [data.names[name], tree ? written(tree) : data.templates[template]];
      if (tree) steps.push(written(tree, names));
      steps.push(counted(result));
      found.push(steps.filter((s, n) => n === 0 || s !== steps[n - 1]).join(" = "));
    }
  }
  const general = line.o.map((ref) => (typeof ref === "number" ? String(ref) : written(trees[ref[0]]))).join("×");
  found.push(`In general the output is ${general}`);
  if (typeof line.m !== "number") found.push(`and the MACs are ${written(trees[line.m[0]])}`);
  list.replaceChildren(...found.map((text) => { const li = document.createElement("li"); li.textContent = text; return li; }));
}

function select(number, focus) {
  selected = number;
  rows.forEach((tr) => { fill(tr); tr.tabIndex = tr.line.number === number ? 0 : -1; });
  const tr = rows.find((r) => r.line.number === number);
  if (focus && tr) tr.focus();
  document.querySelectorAll("#picture .b").forEach((box) => {
    const [from, to] = (box.dataset.rows || "-1").split(/[-,]/).map(Number);
    const line = lines[number];
    box.classList.toggle("on", from >= line.from && from < line.to && (to || from) <= line.to);
  });
  why();
  remember();
}

function fold(line, closed) {
  if (!line.children) return;
  if (closed) folded.add(line.number); else folded.delete(line.number);
  build();
  select(line.number, true);
}

body.addEventListener("click", (event) => {
  const tr = event.target.closest("tr");
  if (!tr) return;
  const again = tr.line.number === selected && tr.line.children && event.target.tagName === "TH";
  select(tr.line.number, true);
  if (again) fold(tr.line, !folded.has(tr.line.number));
});

body.addEventListener("keydown", (event) => {
  const at = rows.findIndex((tr) => tr.line.number === selected);
  const move = (n) => { if (rows[n]) select(rows[n].line.number, true); };
  const line = lines[selected];
  const keys = {
    ArrowDown: () => move(at + 1),
    ArrowUp: () => move(at - 1),
    Home: () => move(0),
    End: () => move(rows.length - 1),
    ArrowRight: () => (folded.has(selected) ? fold(line, false) : move(at + 1)),
    ArrowLeft: () => (line.children && !folded.has(selected) ? fold(line, true) : line.parent && select(line.parent.number, true)),
    Enter: () => byId("whybox").focus(),
  };
  if (keys[event.key]) { event.preventDefault(); keys[event.key](); }
});

document.addEventListener("keydown", (event) => {
  if (/INPUT|TEXTAREA/.test(event.target.tagName) && event.key !== "Escape") return;
  if (event.key === "/") { event.preventDefault(); byId("filter").focus(); }
  if (event.key === "?") byId("help").showModal();
  if (event.key === "Escape" && event.target === byId("filter")) { byId("filter").value = filter = ""; build(); }
});

// ---- controls --------------------------------------------------------------------------------------------------

function set(name, text) {
  if (!/^\d{1,15}$/.test(text) || BigInt(text) < 1n) return false;
  sizes[name] = String(BigInt(text));
  if (byId("square") && byId("square").checked && (name === "H" || name === "W")) sizes.H = sizes.W = sizes[name];
  return true;
}

function controls() {
  for (const s of data.symbols) {
    byId(`number-${s.name}`).value = sizes[s.name];
    byId(`slider-${s.name}`).value = sizes[s.name];
    byId(`shown-${s.name}`).textContent = `${s.name} = ${sizes[s.name]}`;
  }
}

for (const s of data.symbols) {
  for (const kind of ["number", "slider"]) {
    byId(`${kind}-${s.name}`).addEventListener("input", (event) => {
      if (set(s.name, event.target.value)) { event.target.removeAttribute("aria-invalid"); controls(); update(); }
      else event.target.setAttribute("aria-invalid", "true");
    });
  }
}

byId("budget").addEventListener("input", totals);
byId("filter").addEventListener("input", (event) => { filter = event.target.value; build(); });
byId("depth").addEventListener("change", (event) => {
  folded.clear();
  const most = Number(event.target.value);
  if (most) lines.forEach((line) => { if (line.children && line.depth + 1 >= most) folded.add(line.number); });
  build();
  select(0);
});
byId("dark").addEventListener("click", () => { theme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"); remember(); });
byId("question").addEventListener("click", () => byId("help").showModal());
byId("pin").addEventListener("click", () => {
  pinned = pinned ? null : { lines: lines.map((l) => [shape(l.o), counted(l.w), counted(l.m)]), at: { ...sizes } };
  byId("pin").setAttribute("aria-pressed", Boolean(pinned));
  byId("pinned").textContent = pinned ? `in parentheses: ${symbols.map((s) => `${s} = ${pinned.at[s]}`).join(", ")}` : "";
  rows.forEach(fill);
});
function theme(name) { document.documentElement.dataset.theme = name; byId("dark").setAttribute("aria-pressed", name === "dark"); }

byId("picture").addEventListener("click", (event) => {
  const box = event.target.closest(".b");
  if (!box || !box.dataset.rows) return;
  const row = parseInt(box.dataset.rows, 10);
  const inside = lines.filter((l) => l.from <= row && row < l.to);
  const line = inside.find((l) => !l.children) || inside[inside.length - 1];
  if (!line) return;
  for (let p = line.parent; p; p = p.parent) folded.delete(p.number);
  build();
  select(line.number, true);
});

// ---- copying ---------------------------------------------------------------------------------------------------

const TITLES = ["Layer", "Arguments", "Output", "Params", "MACs"];
const cells = () => rows.map((tr) => [tr.line.path, ...[1, 2, 3, 4].map((n) => tr.children[n].textContent)]);
const FORMS = {
  markdown: () => [TITLES, TITLES.map((_, n) => (n > 2 ? "---:" : "---")), ...cells().map((r) => r.map((c) => c.replaceAll("|", "\\|")))]
    .map((r) => `| ${r.join(" | ")} |`).join("\n"),
  csv: () => [TITLES, ...cells()].map((r) => r.map((c) => {
    const plain = c.replace(/^(\d[\d,]*)$/, (n) => n.replaceAll(",", ""));
    return /[",\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
  }).join(",")).join("\n"),
  latex: () => ["\\begin{tabular}{lllrr}", "\\toprule", `${TITLES.join(" & ")} \\\\`, "\\midrule",
    ...cells().map((r) => `${r.map(tex).join(" & ")} \\\\`), "\\bottomrule", "\\end{tabular}"].join("\n"),
  command: () => `${data.command}${inputs().map((i) => ` --input ${i}`).join("")}`,
};
const tex = (text) => text.replace(/[\\&%$#_{}~^]/g, (c) => (c === "\\" ? "\\textbackslash{}" : c === "~" || c === "^" ? `\\${c}{}` : `\\${c}`)).replaceAll("×", "$\\times$");

function inputs() {
  const names = Object.keys(data.inputs);
  return names.map((name) => `${names.length > 1 ? `${name}=` : ""}${data.inputs[name].map((ref) => get(ref)).join("x")}`);
}

byId("copy").addEventListener("change", async (event) => {
  const form = event.target.value;
  event.target.value = "";
  if (!form) return;
  const text = FORMS[form]();
  try { await navigator.clipboard.writeText(text); byId("live").textContent = `Copied as ${form}`; }
  catch {
    byId("text").value = text;
    byId("copied").showModal();
    byId("text").select();
  }
});

// ---- the address -----------------------------------------------------------------------------------------------

let remembering = false;
function remember() {
  if (!remembering) return;
  const pairs = symbols.map((s) => [s, sizes[s]]);
  if (selected) pairs.push(["row", lines[selected].path]);
  if (document.documentElement.dataset.theme) pairs.push(["theme", document.documentElement.dataset.theme]);
  const hash = pairs.map(([k, v]) => `${encodeURIComponent(k)}=${encodeURIComponent(v)}`).join("&");
  history.replaceState(null, "", `#${hash}`);
}

function recall() {
  const notes = [], square = byId("square");
  if (square) square.checked = false;
  for (const pair of location.hash.slice(1).split("&").filter(Boolean)) {
    let [key, text = ""] = pair.split("=");
    try { key = decodeURIComponent(key); text = decodeURIComponent(text); } catch { continue; }
    if (symbols.includes(key)) { if (!set(key, text)) notes.push(`${key} is a number of at least 1`); }
    else if (key === "row") { const line = lines.find((l) => l.path === text); if (line) selected = line.number; }
    else if (key === "theme" && /^(dark|light)$/.test(text)) theme(text);
  }
  if (square) square.checked = sizes.H === sizes.W;
  byId("note").textContent = notes.join("; ");
}

// At first so much of the table is open as fits a screen or two.
for (let most = Math.max(...lines.map((l) => l.depth)); most > 0; most--) {
  if (lines.filter((l) => l.depth <= most).length <= 60) break;
  lines.forEach((l) => { if (l.children && l.depth === most - 1) folded.add(l.number); });
}
recall();
for (let p = lines[selected].parent; p; p = p.parent) folded.delete(p.number);
document.documentElement.classList.add("alive");
controls();
build();
update();
select(selected);
remembering = true;
window.addEventListener("hashchange", () => { recall(); controls(); update(); });
