"use strict";
// The archive's page. It reads scripts of its own folder only, each when it is needed, and shows all data as text.
var mig = (function () {
  var about = null, waiting = {}, had = new Map(), KEPT = 80, SHARDS = 8, SHARDS_AMONG = 64, SHOWN = 8, MORE = 50;
  var el = function (id) { return document.getElementById(id); };
  var NAMES = { contact: "People", conversation: "Conversations", custom_object: "Objects (orders and the like)", company: "Companies", article: "Articles", agent: "Agents", tag: "Tags", team: "Teams", queue: "Queues", attribute: "Attribute definitions", category: "Article categories" };
  var ONE = { contact: "Person", conversation: "Conversation", custom_object: "Object", company: "Company" };
  var BECAME = {
    loaded: ["good", "Also in the new desk"], merged: ["good", "In the new desk, as part of another"],
    archived: ["warn", "Only in this archive"], skipped: ["warn", "Left out"], failed: ["bad", "Could not be moved"],
    gone: ["warn", "Deleted in the old desk"], pending: ["warn", "Not moved yet"], missing: ["bad", "Not in this archive"]
  };

  // ---- scripts ----------------------------------------------------------------------------------------------------

  function load(name) {
    if (had.has(name)) { var known = had.get(name); had.delete(name); had.set(name, known); return known; }
    var made = new Promise(function (done, fail) {
      var script = document.createElement("script");
      waiting[name] = done;
      script.src = "page/" + name + ".js";
      script.onload = function () { script.remove(); if (waiting[name]) { delete waiting[name]; fail(new Error(name)); } };
      script.onerror = function () { script.remove(); delete waiting[name]; had.delete(name); fail(new Error(name)); };
      document.head.appendChild(script);
    });
    had.set(name, made);
    if (had.size > KEPT) had.delete(had.keys().next().value);
    return made;
  }
  function handed(name, value) { var done = waiting[name]; delete waiting[name]; if (done) done(value); }
  function unpacked(text) {
    var last = 0;
    return text ? text.split(" ").map(function (one) { return last += parseInt(one, 36); }) : [];
  }

  // ---- words: as mig folds them (archive/words.py) ------------------------------------------------------------------

  function folded(text) {
    return text.normalize("NFKD").toLowerCase().replace(/\p{M}/gu, "").replace(/ß/g, "ss").replace(/ς/g, "σ");
  }
  function wordsOf(text) {
    var found = [];
    if (/^[+\d][\d\s()./-]{5,}$/.test(text.trim())) return [{ whole: text.replace(/\D/g, ""), parts: wordsIn(text) }];
    folded(text).trim().split(/\s+/).forEach(function (bare) {
      var runs = bare.match(/[\p{L}\p{N}]+/gu);
      if (!runs) return;
      var last = runs[runs.length - 1], inner = bare.slice(bare.indexOf(runs[0]), bare.lastIndexOf(last) + last.length);
      found.push({ whole: inner.length > runs[0].length ? cut(inner, 80) : "", parts: runs.map(function (one) { return cut(one, 40); }) });
    });
    return found;
  }
  function wordsIn(text) { return (folded(text).match(/[\p{L}\p{N}]+/gu) || []).map(function (one) { return cut(one, 40); }); }
  function cut(text, most) { return Array.from(text).slice(0, most).join(""); }

  // ---- the index ----------------------------------------------------------------------------------------------------

  function lower(list, word, value) { // the first place whose value is not below the word
    var low = 0, high = list.length;
    while (low < high) { var middle = (low + high) >> 1; if (value(list[middle]) < word) low = middle + 1; else high = middle; }
    return low;
  }
  var same = function (one) { return one; }, wordOf = function (line) { return line.slice(0, line.indexOf("\t")); };

  // Numbers of the pages that a word, or one it begins, leads to: number -> 1 (a beginning) or 2 (the word itself);
  // with `among`, only those that are there too: then no other has to be kept, and more can be looked through.
  async function lookUp(word, among) {
    var found = new Map(), whole = true, first = lower(about.index, word, same), from = first;
    if (from === about.index.length || about.index[from] !== word) from = Math.max(first - 1, 0);
    else if (from > 0) from -= 1;
    for (var at = from, read = 0; at < about.index.length; at += 1) {
      if (about.index[at] > word && !about.index[at].startsWith(word)) break;
      if (read === (among ? SHARDS_AMONG : SHARDS)) { whole = false; break; }
      var shard = await load("i/" + at);
      if (typeof shard === "string") { shard = shard.split("\n"); had.set("i/" + at, Promise.resolve(shard)); }
      var line = lower(shard, word, wordOf);
      for (; line < shard.length; line += 1) {
        var key = wordOf(shard[line]);
        if (!key.startsWith(word)) break;
        var weight = key === word ? 2 : 1;
        unpacked(shard[line].slice(key.length + 1)).forEach(function (number) { if ((!among || among.has(number)) && (found.get(number) || 0) < weight) found.set(number, weight); });
        if (found.size > 60000) { whole = false; break; }
      }
      if (line < shard.length) break;
      read += 1;
    }
    return { found: found, whole: whole };
  }
  async function lookUpAll(terms) {
    var needed = [];
    for (var term of terms) {
      var one = term.whole ? await lookUp(term.whole) : null;
      if (one && one.found.size) { needed.push([term.whole, one]); continue; }
      for (var part of term.parts) needed.push([part, await lookUp(part)]);
    }
    // The rarest first: a word that leads to too many pages is looked for among those the others lead to.
    needed.sort(function (a, b) { return b[1].whole - a[1].whole || a[1].found.size - b[1].found.size; });
    var result = null;
    for (var next of needed) result = both(result, result && !next[1].whole ? await lookUp(next[0], result.found) : next[1]);
    return result || { found: new Map(), whole: true };
  }
  function both(one, other) {
    if (!one) return other;
    var found = new Map(), small = one.found.size < other.found.size ? one : other, large = small === one ? other : one;
    small.found.forEach(function (weight, number) { if (large.found.has(number)) found.set(number, Math.min(weight, large.found.get(number))); });
    return { found: found, whole: one.whole && other.whole };
  }

  // ---- making elements: text only -------------------------------------------------------------------------------------

  function make(tag, attributes) {
    var made = document.createElement(tag);
    Object.keys(attributes || {}).forEach(function (name) { made.setAttribute(name, attributes[name]); });
    for (var at = 2; at < arguments.length; at += 1) { var inner = arguments[at]; if (inner !== null && inner !== undefined && inner !== "") made.append(inner); }
    return made;
  }
  function bdi(text) { return make("bdi", {}, text); }
  function when(text, long) {
    if (!text) return "";
    var day = text.slice(0, 10), hour = text.slice(11, 16);
    return make("time", { datetime: text }, long && hour ? day + " " + hour + " UTC" : day);
  }
  function kindOf(number) { return about.kinds.find(function (one) { return number >= one[1] && number < one[1] + one[2]; })[0]; }
  function many(word) { return /(s|x|ch)$/.test(word) ? word + "es" : /[^aeiou]y$/.test(word) ? word.slice(0, -1) + "ies" : word + "s"; }
  function named(kind) { return NAMES[kind] || many(kind.replace(/_/g, " ")); }
  function plural(count, word) { return count.toLocaleString("en") + " " + word; }
  var SINGLE = { people: "person", companies: "company", "article categories": "article category" };
  function counted(count, kind) {
    var word = named(kind).toLowerCase();
    if (count === 1) word = NAMES[kind] ? SINGLE[word] || word.replace(/^objects/, "object").replace(/s$/, "") : kind.replace(/_/g, " ");
    return plural(count, word);
  }
  function address(kind, id) { return "#/" + encodeURIComponent(kind) + "/" + encodeURIComponent(id); }

  async function titles(numbers) {
    var files = new Map();
    numbers.forEach(function (number) { var name = "d/" + Math.floor(number / about.listed); if (!files.has(name)) files.set(name, load(name)); });
    var rows = [];
    for (var number of numbers) rows.push((await files.get("d/" + Math.floor(number / about.listed)))[number % about.listed]);
    return rows;
  }
  async function listOf(numbers, from, most) {
    var some = numbers.slice(from, from + most), rows = await titles(some);
    return some.map(function (number, at) {
      var row = rows[at], kind = kindOf(number), became = BECAME[row[5]];
      var under = [row[6], row[2], row[4] ? plural(row[4], row[4] === 1 ? "entry" : "entries") : "", row[5] !== "loaded" && became ? became[1] : "", row[1] ? "" : row[0]].filter(Boolean).join(" · ");
      return make("li", {}, make("a", { href: address(kind, row[0]) }, make("strong", {}, bdi(row[1] || nameless(kind, row[0]))), when(row[3]), make("span", { class: "under" }, bdi(under))));
    });
  }
  function nameless(kind, id) { return kind === "conversation" ? "(no subject)" : (ONE[kind] || kind.replace(/_/g, " ")) + " " + id; }

  async function group(kind, numbers, level) {
    var list = make("ul", { class: "list" }), shown = 0;
    var title = make(level, {}, named(kind) + " ", make("span", { class: "soft" }, numbers.length.toLocaleString("en")));
    var section = make("section", { class: "group" }, title, list), button = make("button", { type: "button" });
    async function grow(most) {
      var items = await listOf(numbers, shown, most);
      items.forEach(function (one) { list.append(one); });
      shown += items.length;
      button.textContent = "Show more " + named(kind).toLowerCase() + " (" + (numbers.length - shown).toLocaleString("en") + " left)";
      if (shown >= numbers.length) button.remove();
      return items[0];
    }
    await grow(SHOWN);
    if (shown < numbers.length) {
      button.addEventListener("click", async function () { var first = await grow(MORE); first.querySelector("a").focus(); });
      section.append(button);
    }
    return section;
  }
  function byKind(numbers) {
    return about.kinds.map(function (one) {
      return [one[0], numbers.filter(function (number) { return number >= one[1] && number < one[1] + one[2]; })];
    }).filter(function (one) { return one[1].length; });
  }

  // ---- results ------------------------------------------------------------------------------------------------------

  var turn = 0;
  async function search(text) {
    var mine = turn += 1, began = performance.now(), terms = wordsOf(text), main = el("main");
    document.title = text ? text + " - Archive" : "Archive";
    if (!terms.length || text.trim().length < 2) { main.replaceChildren(); say(text.trim() ? "Type one more letter." : ""); return; }
    var result, sections = [];
    try {
      result = await lookUpAll(terms);
      if (mine !== turn) return;
      var numbers = Array.from(result.found.keys()).sort(function (a, b) { return result.found.get(b) - result.found.get(a) || a - b; });
      var groups = byKind(numbers);
      for (var one of groups) sections.push(await group(one[0], one[1], "h2"));
    } catch (error) { if (mine === turn) { main.replaceChildren(); say("A part of this archive cannot be read (" + error.message + "). Is the folder whole?"); } return; }
    if (mine !== turn) return;
    main.replaceChildren.apply(main, sections);
    var told = groups.map(function (one) { return counted(one[1].length, one[0]); }).join(", ");
    say(numbers.length ? told + (result.whole ? "" : " and more: type on, or add a word") : !result.whole ? "Too much begins like this to be looked through: type on, or add a word." : "Nothing is found for “" + text.trim() + "”. Try the beginning of a name, an address or an id.");
    document.documentElement.dataset.answered = String(Math.round(performance.now() - began));
  }
  function say(text) { el("status").textContent = text; }

  // ---- one record -----------------------------------------------------------------------------------------------------

  async function open(kind, id) {
    var mine = turn += 1, main = el("main");
    say("");
    try {
      var number = await find(kind, id);
      if (mine !== turn) return;
      if (number === null) { main.replaceChildren(make("p", {}, "This archive has no " + kind + " " + id + ".")); return; }
      await show(number, mine);
    } catch (error) { if (mine === turn) main.replaceChildren(make("p", {}, "A part of this archive cannot be read (" + error.message + "). Is the folder whole?")); }
  }
  async function find(kind, id) {
    var range = about.kinds.find(function (one) { return one[0] === kind; });
    if (!range) return null;
    var result = await lookUpAll(wordsOf(id).slice(0, 3));
    var numbers = Array.from(result.found.keys()).filter(function (n) { return n >= range[1] && n < range[1] + range[2]; });
    if (!result.found.size || !numbers.length) { // an id without a letter or digit in it: look through its kind
      for (numbers = [], number = range[1]; number < range[1] + Math.min(range[2], 2000); number += 1) numbers.push(number);
    }
    var rows = await titles(numbers.slice(0, 2000)), number = rows.findIndex(function (row) { return row[0] === id; });
    return number < 0 ? null : numbers[number];
  }
  async function show(number, mine) {
    var chunk = lower(about.chunks, number, same), main = el("main");
    if (about.chunks[chunk] !== number) chunk -= 1;
    var docs = await load("t/" + chunk), doc = docs.find(function (one) { return one.n === number && one.k; });
    if (mine !== turn) return;
    var title = doc.t || nameless(doc.k, doc.i), heading = make("h2", { class: "title", tabindex: "-1" }, bdi(title));
    document.title = title + " - Archive";
    var nodes = [make("p", { class: "back" }, make("a", { href: lastSearch ? "#q=" + encodeURIComponent(lastSearch) : "#" }, lastSearch ? "Back to “" + lastSearch + "”" : "Back to the search")), heading, chips(doc)];
    if (doc.c) nodes.push(make("p", {}, "With ", reference(doc.c[2], doc.c[0], doc.c[1])));
    if (doc.u) nodes.push(make("p", {}, make("a", { href: doc.u, rel: "noreferrer noopener", target: "_blank" }, "Open it in the new desk")));
    if (doc.s && doc.s[1]) nodes.push(make("p", { class: "soft small" }, doc.s[1]));
    if (doc.f.length) nodes.push(doc.k === "conversation" ? folding(doc.f) : facts(doc.f));
    if (doc.z) nodes.push(files(doc.z));
    if (doc.b) nodes.push(make("div", { class: "body" }, make("p", { class: "text" }, doc.b)));
    var thread = make("ol", { class: "thread" }), section = make("section", { class: "part" }, make("h3", {}, doc.k === "conversation" ? "Conversation" : "What was said"), thread);
    doc.p.forEach(function (one) { add(thread, one); });
    if (doc.p.length || doc.more) nodes.push(section);
    main.replaceChildren.apply(main, nodes);
    window.scrollTo(0, 0);
    heading.focus();
    if (doc.r) for (var one of byKind(unpacked(doc.r))) { if (mine !== turn) return; main.append(await part(one)); }
    while (doc.more && mine === turn) {
      chunk += 1;
      doc = (await load("t/" + chunk)).find(function (one) { return one.n === number; });
      if (!doc || mine !== turn) break;
      doc.p.forEach(function (one) { add(thread, one); });
    }
  }
  async function part(one) { var made = await group(one[0], one[1], "h3"); made.className = "part"; return made; }
  function chips(doc) {
    var became = doc.s ? BECAME[doc.s[0]] : null;
    return make("ul", { class: "chips", "aria-label": "What it is" }, make("li", { class: "chip" }, ONE[doc.k] || doc.k.replace(/_/g, " ")),
      became ? make("li", { class: "chip " + became[0] }, became[1]) : null, doc.l ? make("li", { class: "chip" }, bdi(doc.l)) : null,
      doc.a ? make("li", { class: "chip" }, when(doc.a, true)) : null, make("li", { class: "chip id" }, bdi(doc.i)));
  }
  function folding(list) { return make("details", {}, make("summary", {}, "Attributes and other fields (" + list.length + ")"), facts(list)); }
  function facts(list) {
    var made = make("dl", { class: "facts" });
    list.forEach(function (one) { made.append(make("dt", {}, bdi(one[0])), make("dd", {}, told(one[1]))); });
    return made;
  }
  function told(value) {
    if (Array.isArray(value)) {
      var all = document.createDocumentFragment();
      value.forEach(function (one, at) { if (at) all.append(", "); all.append(told(one)); });
      return all;
    }
    if (value && typeof value === "object") return reference(value.r, value.t, value.n);
    if (/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(value)) return when(value, true);
    return value === true ? "yes" : value === false ? "no" : String(value);
  }
  function reference(ref, title, number) {
    var kind = ref.slice(0, ref.indexOf("/")), id = ref.slice(kind.length + 1);
    return number === null || number === undefined ? bdi(title || ref) : make("a", { href: address(kind, id) }, bdi(title || id));
  }
  function add(thread, one) {
    var last = thread.lastElementChild;
    if (one.o && last) { last.querySelector(".text").append(one.x); return; } // a text that goes on
    var note = one.k === "note", rating = one.k === "rating", out = one.d === "out";
    var who = one.w || (out ? "The desk" : note ? "Somebody at the desk" : rating ? "The customer" : "The customer");
    var head = make("div", { class: "head" }, note ? make("span", { class: "tag" }, "Internal note") : rating ? make("span", { class: "tag" }, "Rating") : null, make("b", {}, bdi(who)),
      make("span", { class: "soft small" }, note || rating ? "" : out ? "to the customer" : "from the customer"), when(one.a, true));
    var item = make("li", { class: "said " + (note ? "note" : rating ? "rating" : out ? "out" : "in") }, head, one.t ? make("div", { class: "subject" }, bdi(one.t)) : null, make("div", { class: "text" }, one.x || ""));
    if (one.z) item.append(files(one.z));
    if (one.s) item.append(make("p", { class: "soft small" }, (BECAME[one.s[0]] || ["", one.s[0]])[1] + (one.s[1] ? ": " + one.s[1] : "")));
    if (rating) item.append(facts(one.f));
    else if (one.f && one.f.length) item.append(make("details", {}, make("summary", { class: "small" }, "More of it"), facts(one.f)));
    thread.append(item);
  }
  function files(list) {
    var made = make("ul", { class: "files", "aria-label": "Files" });
    list.forEach(function (one) {
      var size = one.z ? " (" + (one.z < 1000 ? one.z + " B" : one.z < 1e6 ? Math.round(one.z / 1e3) + " kB" : (one.z / 1e6).toFixed(1) + " MB") + ")" : "";
      made.append(one.p ? make("li", {}, "File: ", make("a", { href: one.p.split("/").map(encodeURIComponent).join("/"), rel: "noreferrer noopener", target: "_blank" }, bdi(one.n)), size)
        : make("li", {}, "File: ", bdi(one.n), make("span", { class: "soft" }, " - its bytes are not here: " + (one.y || "nobody knows why"))));
    });
    return made;
  }

  // ---- where we are -------------------------------------------------------------------------------------------------

  var lastSearch = "", timer = 0;
  function decoded(text) { try { return decodeURIComponent(text); } catch (error) { return text; } }
  function go() {
    var hash = location.hash;
    if (hash.startsWith("#/")) {
      var parts = hash.slice(2).split("/").map(decoded);
      open(parts[0], parts.slice(1).join("/"));
      return;
    }
    var text = hash.startsWith("#q=") ? decoded(hash.slice(3)) : "";
    if (el("q").value !== text) el("q").value = text;
    lastSearch = text;
    search(text);
  }
  function typed() {
    clearTimeout(timer);
    timer = setTimeout(function () {
      var text = el("q").value;
      lastSearch = text;
      history.replaceState(null, "", text ? "#q=" + encodeURIComponent(text) : "#");
      search(text);
    }, 120);
  }
  function start(told) {
    about = told;
    el("whose").textContent = told.source + " to " + told.target;
    el("facts").textContent = told.kinds.slice(0, 6).map(function (one) { return counted(one[2] - one[3], one[0]) + (one[3] ? " (and " + one[3].toLocaleString("en") + " only named by others)" : ""); }).join(", ") + (told.as_of ? ". As of " + told.as_of.slice(0, 16).replace("T", " ") + " UTC." : ".");
    el("q").addEventListener("input", typed);
    el("form").addEventListener("submit", function (event) { event.preventDefault(); clearTimeout(timer); location.hash = "#q=" + encodeURIComponent(el("q").value); });
    window.addEventListener("hashchange", go);
    document.addEventListener("keydown", function (event) {
      if (event.key === "/" && !/^(INPUT|TEXTAREA)$/.test(document.activeElement.tagName) && !event.ctrlKey && !event.metaKey) { event.preventDefault(); el("q").focus(); el("q").select(); }
    });
    document.querySelector(".skip").addEventListener("click", function (event) { event.preventDefault(); el("main").focus(); });
    if (!location.hash) el("q").focus();
    go();
  }
  return {
    start: start,
    t: function (n, value) { handed("t/" + n, value); }, d: function (n, value) { handed("d/" + n, value); }, i: function (n, value) { handed("i/" + n, value); }
  };
})();
