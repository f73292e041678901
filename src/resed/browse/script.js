// The clip browser: filters, lanes in step with the sound, posteriors, keys.
(function () {
  "use strict";
  const data = JSON.parse(document.getElementById("data").textContent);
  const $ = (id) => document.getElementById(id);
  const compared = data.kinds.length > 0;
  const NAMES = ["right", "late", "missed", "invented"];
  const SIGNS = ["✓", "~", "○", "✕"];
  const ANY = "-1", NONE = "-2";
  const MARGIN = 0.15; // seconds around an event that is looped
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const sound = $("sound"), view = $("view");
  let shown = [], current = null, chosen = null, looping = false, curves = false;

  function make(tag, words, className) {
    const made = document.createElement(tag);
    if (words !== undefined) made.textContent = words;
    if (className) made.className = className;
    return made;
  }
  function fill(id, first, names, numbers) {
    const select = $(id);
    if (!select) return;
    first.forEach(([value, text]) => select.append(new Option(text, value)));
    (numbers || names.map((_, index) => index)).forEach((index) => {
      select.append(new Option(names[index], String(index)));
    });
  }
  const value = (id, otherwise) => ($(id) ? Number($(id).value) : otherwise);
  const system = () => value("system", 0);
  function systems() {
    const found = [system(), value("second", -2), value("third", -2)];
    return found.filter((one, place) => one >= 0 && found.indexOf(one) === place);
  }

  // ---- which clips are listed ------------------------------------------------------------------
  // Events of a clip for one system: reference events and what became of them, then detections
  // without a counterpart.
  function outcomes(clip, number) {
    const found = [];
    if (compared) {
      clip.reference.forEach((one, place) => {
        found.push({ event: one, kind: clip.reference_kinds[number][place] });
      });
    }
    clip.lanes[number].forEach((one, place) => {
      const kind = compared ? clip.kinds[number][place] : -1;
      if (!compared || kind === 3) found.push({ event: one, kind: kind });
    });
    return found;
  }
  function wanted(one) {
    const label = value("class", -1), kind = value("kind", -1);
    return (label < 0 || one.event[0] === label) && (kind < 0 || one.kind === kind);
  }
  function fits(clip) {
    const group = value("group", -1);
    if (group >= 0 && clip.group !== group) return false;
    if (value("class", -1) < 0 && value("kind", -1) < 0) return true;
    return outcomes(clip, system()).some(wanted);
  }
  function tally(clip) {
    const counts = [0, 0, 0, 0];
    outcomes(clip, system()).forEach((one) => { if (one.kind >= 0) counts[one.kind] += 1; });
    if (compared) {
      return counts.map((count, kind) => (count ? count + " " + data.kinds[kind] : ""))
        .filter(Boolean).join(", ") || "no event";
    }
    const names = new Set(clip.lanes[0].map((one) => data.classes[one[0]]));
    return Array.from(names).join(", ") || "no event";
  }
  function titled(clip) {
    if (compared) return clip.name;
    return clip.name + ", " + clock(clip.start) + " to " + clock(clip.start + clip.seconds);
  }
  function list() {
    shown = data.clips.filter(fits);
    const all = data.clips.length;
    $("count").textContent = (shown.length === all ? all : shown.length + " of " + all) +
      (compared ? " clips" : " parts");
    $("clips").replaceChildren(...shown.map((clip) => {
      const item = make("li"), button = make("button", titled(clip));
      button.type = "button";
      button.append(make("small", (compared ? data.groups[clip.group] + ": " : "") + tally(clip)));
      button.addEventListener("click", () => open(clip));
      item.append(button);
      return item;
    }));
    totals();
    if (shown.includes(current)) open(current, true);
    else if (shown.length) open(shown[0], true);
    else mark();
  }
  function totals() {
    if (!compared) return;
    const group = value("group", -1), label = value("class", -1), sums = [0, 0, 0, 0];
    let clips = 0;
    data.totals.forEach((one, number) => {
      if (group >= 0 && number !== group) return;
      clips += one[system()].clips;
      one[system()].counts.forEach((counts, place) => {
        if (label < 0 || label === place) counts.forEach((count, kind) => { sums[kind] += count; });
      });
    });
    const what = label < 0 ? "all classes" : data.classes[label];
    const parts = sums.map((count, kind) => count + " " + data.kinds[kind]);
    $("totals").textContent = data.systems[system()] + ", " + what + ", all " + clips + " clips" +
      (group < 0 ? "" : " of " + data.groups[group]) + ": " + parts.join(", ") + ".";
  }
  function mark() {
    $("clips").querySelectorAll("button").forEach((button, place) => {
      if (shown[place] === current) {
        button.setAttribute("aria-current", "true");
        const box = $("clips"), top = button.offsetTop - box.offsetTop;
        if (top < box.scrollTop || top + button.offsetHeight > box.scrollTop + box.clientHeight) {
          box.scrollTop = top - box.clientHeight / 3;
        }
      } else button.removeAttribute("aria-current");
    });
    const place = shown.indexOf(current);
    $("previous").disabled = place <= 0;
    $("next").disabled = place < 0 || place >= shown.length - 1;
  }

  // ---- one clip --------------------------------------------------------------------------------
  function clock(seconds) {
    const whole = Math.floor(seconds + 1e-6), minutes = Math.floor(whole / 60);
    const hours = Math.floor(minutes / 60), two = (number) => String(number).padStart(2, "0");
    const rest = two(whole % 60);
    return hours ? hours + ":" + two(minutes % 60) + ":" + rest : minutes + ":" + rest;
  }
  // Where the clip begins in what is played: a file beside the page begins with it.
  const zero = () => (current.sound ? 0 : current.start);
  function open(clip, keep) {
    const other = clip !== current;
    current = clip;
    if (other) {
      const address = clip.sound || clip.local;
      sound.pause();
      sound.hidden = !address;
      $("play").disabled = $("loop").disabled = !address;
      $("silent").textContent = !clip.sound && clip.note ? (address
        ? "Plays the file on this machine: " + clip.note + "." : "No sound: " + clip.note + ".")
        : (address ? "" : "No sound: it is not here.");
      if (address) { sound.src = address; if (zero()) sound.currentTime = zero(); }
      else { sound.removeAttribute("src"); sound.load(); }
      $("picture").hidden = !clip.picture;
      $("no-picture").hidden = Boolean(clip.picture);
      if (clip.picture) $("picture").src = clip.picture; else $("picture").removeAttribute("src");
      $("picture").alt = "Spectrogram of " + titled(clip);
      $("credits").hidden = !clip.credits.length;
      $("credits").querySelector("ul").replaceChildren(...clip.credits.map((one) => make("li", one)));
      axis();
    }
    $("name").textContent = titled(clip);
    $("place").textContent = compared ? data.groups[clip.group] : "";
    draw();
    mark();
    if (other) $("playhead").style.visibility = sound.hidden ? "hidden" : "visible";
    if (other || !keep || !chosen) first();
    remember();
    move();
  }
  function axis() {
    const box = $("axis"), length = current.seconds;
    const step = [0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300].find((one) => length / one <= 6) || 600;
    const found = [];
    for (let at = 0; at <= length + 1e-6; at += step) {
      const from = current.start + at;
      const text = current.start ? clock(from) : String(Math.round(at * 10) / 10);
      const tick = make("span", found.length ? text : text + (current.start ? "" : " s"));
      tick.style.left = (100 * at / length) + "%";
      if (at > length * 0.97) tick.className = "end";
      found.push(tick);
    }
    box.replaceChildren(...found);
  }
  function rows() {
    const found = new Set(current.reference.map((one) => one[0]));
    systems().forEach((number) => {
      current.lanes[number].forEach((one) => found.add(one[0]));
      if (!curves) return;
      const own = current.curves[data.curve_of[number]];
      if (own) Object.keys(own.values).forEach((label) => found.add(Number(label)));
    });
    return Array.from(found).sort((a, b) => a - b);
  }
  function draw() {
    view.classList.toggle("with-curves", curves);
    const labels = rows(), lanes = [];
    if (compared) {
      const events = current.reference.map((one) => ({ event: one, look: "reference", sign: "",
        words: "reference" }));
      lanes.push(lane("Reference", labels, events, null, "reference"));
    }
    systems().forEach((number) => {
      const events = current.lanes[number].map((one, place) => {
        const kind = compared ? current.kinds[number][place] : -1;
        return { event: one, number: number, kind: kind, look: NAMES[kind] || "right",
          sign: SIGNS[kind] || "", words: compared ? data.kinds[kind] : "detected" };
      });
      if (compared) {
        current.reference.forEach((one, place) => {
          if (current.reference_kinds[number][place] === 2) {
            events.push({ event: one, number: number, kind: 2, look: "missed", sign: SIGNS[2],
              words: data.kinds[2] });
          }
        });
      }
      lanes.push(lane(data.systems[number], labels, events, current.curves[data.curve_of[number]]));
    });
    $("lanes").replaceChildren(...lanes);
  }
  function lane(title, labels, events, own, look) {
    const box = make("div", undefined, "lane " + (look || ""));
    const head = make("h3", title);
    if (!events.length) head.append(make("small", labels.length ? " – no event" : " – nothing"));
    box.append(head);
    labels.forEach((label) => {
      const row = make("div", undefined, "row"), track = make("div", undefined, "track");
      const name = make("span", data.classes[label], "label");
      name.title = data.classes[label];
      if (curves && own && own.values[label]) track.append(curve(own, own.values[label]));
      events.filter((one) => one.event[0] === label)
        .sort((a, b) => a.event[1] - b.event[1])
        .forEach((one) => track.append(block(one, title)));
      row.append(name, track);
      box.append(row);
    });
    return box;
  }
  function block(one, title) {
    const [label, onset, offset] = one.event, length = current.seconds;
    const button = make("button", one.sign, "event " + one.look);
    button.type = "button";
    const from = Math.max(0, Math.min(onset, length)), to = Math.max(from, Math.min(offset, length));
    button.style.left = Math.min(100 * from / length, 99.2) + "%";
    button.style.width = (100 * (to - from) / length) + "%";
    const at = current.start;
    const words = data.classes[label] + ", " + (at + onset).toFixed(2) + " to " +
      (at + offset).toFixed(2) + " s, " + one.words + (one.look === "reference" ? "" : " (" + title + ")");
    button.setAttribute("aria-label", words);
    button.title = words;
    button.made = { onset: onset, offset: offset, words: words, look: one.look,
      kind: one.kind, event: one.event, number: one.number };
    button.addEventListener("click", () => choose(button, true));
    return button;
  }
  function curve(own, packed) {
    const octets = Uint8Array.from(atob(packed), (one) => one.charCodeAt(0));
    const space = "http://www.w3.org/2000/svg";
    const svg = document.createElementNS(space, "svg"), path = document.createElementNS(space, "path");
    const width = own.seconds / current.seconds / octets.length;
    let line = "M0 1";
    octets.forEach((octet, place) => {
      const y = (1 - octet / 255).toFixed(3);
      line += "L" + (place * width).toFixed(4) + " " + y + "L" + ((place + 1) * width).toFixed(4) + " " + y;
    });
    path.setAttribute("d", line + "L" + (octets.length * width).toFixed(4) + " 1Z");
    svg.setAttribute("viewBox", "0 0 1 1");
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("aria-hidden", "true");
    svg.append(path);
    return svg;
  }

  // ---- the chosen event ------------------------------------------------------------------------
  const blocks = () => Array.from($("lanes").querySelectorAll("button.event"));
  function first() {
    const own = blocks().filter((one) => one.made.number === system() || !compared);
    choose(own.find((one) => wanted(one.made)) || own[0] || blocks()[0] || null, false);
  }
  function choose(button, seek) {
    blocks().forEach((one) => one.classList.toggle("chosen", one === button));
    chosen = button ? button.made : null;
    $("event").textContent = chosen ? "Event: " + chosen.words : "";
    if (chosen && seek && !sound.hidden) go(chosen.onset - MARGIN);
  }
  function step(by) {
    const all = blocks(), place = all.findIndex((one) => one.made === chosen);
    const next = all[place + by];
    if (next) { choose(next, true); next.focus(); }
  }
  function go(seconds) {
    sound.currentTime = zero() + Math.max(0, Math.min(seconds, current.seconds - 0.01));
    move();
  }

  // ---- in step with the sound ------------------------------------------------------------------
  function move() {
    if (!current) return;
    const at = Math.max(0, (sound.currentTime || 0) - zero());
    if (!sound.paused && looping && chosen) {
      const from = Math.max(0, chosen.onset - MARGIN);
      const to = Math.min(chosen.offset + MARGIN, current.seconds - 0.02);
      if (at >= to || at < from - 0.3) { go(from); return; }
    } else if (!sound.paused && at >= current.seconds && !current.sound) sound.pause();
    view.style.setProperty("--at", Math.min(1, at / current.seconds).toFixed(5));
  }
  function follow() {
    move();
    if (!sound.paused && !still.matches) requestAnimationFrame(follow);
  }
  ["timeupdate", "seeked", "loadedmetadata"].forEach((name) => sound.addEventListener(name, move));
  ["play", "pause", "ended"].forEach((name) => sound.addEventListener(name, () => {
    $("play").setAttribute("aria-pressed", String(!sound.paused));
    $("play").querySelector("span").textContent = sound.paused ? "Play" : "Pause";
    follow();
  }));
  sound.addEventListener("ended", () => {
    if (looping && chosen) { go(chosen.onset - MARGIN); play(); }
  });
  sound.addEventListener("error", () => {
    if (!sound.hasAttribute("src")) return;
    const place = decodeURIComponent(sound.getAttribute("src"));
    $("silent").textContent = "This browser cannot play " + place + "; is the file there?";
  });
  function play() {
    const begun = sound.play();
    if (begun) begun.catch(() => {});
  }
  function toggle() {
    if (sound.hidden) return;
    if (!sound.paused) { sound.pause(); return; }
    if (looping && chosen) go(chosen.onset - MARGIN);
    else if ((sound.currentTime || 0) - zero() >= current.seconds - 0.05) go(0);
    play();
  }
  function loop() {
    looping = !looping;
    $("loop").setAttribute("aria-pressed", String(looping));
    if (looping && chosen && !sound.hidden) { go(chosen.onset - MARGIN); play(); }
  }
  function showCurves() {
    curves = !curves;
    $("curves").setAttribute("aria-pressed", String(curves));
    draw();
    const same = blocks().find((one) => chosen && one.made.event === chosen.event &&
      one.made.number === chosen.number && one.made.look === chosen.look);
    choose(same || null, false);
  }
  function turn(by) {
    const clip = shown[shown.indexOf(current) + by];
    if (!clip) return;
    const playing = !sound.paused;
    open(clip);
    if (playing && !sound.hidden) play();
  }
  $("track").addEventListener("click", (event) => {
    const box = $("track").getBoundingClientRect();
    if (!sound.hidden) go(current.seconds * (event.clientX - box.left) / box.width);
  });

  // ---- keys ------------------------------------------------------------------------------------
  const acts = { n: () => turn(1), p: () => turn(-1), l: loop, c: () => !$("curves").hidden && showCurves(),
    " ": toggle, ArrowRight: () => step(1), ArrowLeft: () => step(-1) };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !current) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const target = event.target, act = acts[key];
    if (!act || target.matches("select, input, textarea, audio")) return;
    if (key === " " && target.matches("button:not(.event), summary, a")) return;
    if (key.length === 1 && !$("keys").checked) return;
    event.preventDefault();
    act();
  });
  $("previous").addEventListener("click", () => turn(-1));
  $("next").addEventListener("click", () => turn(1));
  $("play").addEventListener("click", toggle);
  $("loop").addEventListener("click", loop);
  $("curves").addEventListener("click", showCurves);

  // ---- the address keeps what is shown -----------------------------------------------------------
  const FIELDS = ["group", "class", "system", "kind", "second", "third"];
  function remember() {
    const state = new URLSearchParams();
    FIELDS.forEach((id) => {
      const select = $(id);
      if (select && (select.selectedIndex > 0 || id === "system")) state.set(id, select.value);
    });
    state.set("clip", String(data.clips.indexOf(current)));
    try { history.replaceState(null, "", "#" + state); } catch (error) { /* some viewers forbid it */ }
  }
  function recall() {
    const state = new URLSearchParams(location.hash.slice(1));
    FIELDS.forEach((id) => {
      const select = $(id), found = state.get(id);
      if (select && Array.from(select.options).some((one) => one.value === found)) select.value = found;
    });
    current = null;
    const clip = data.clips[Number(state.get("clip") || -1)];
    list();
    if (clip && shown.includes(clip)) open(clip);
  }

  $("group-title").textContent = data.grouped;
  fill("group", [[ANY, "all"]], data.groups,
    data.groups.map((_, index) => index).filter((one) => data.clips.some((clip) => clip.group === one)));
  fill("class", [[ANY, "all"]], data.classes);
  fill("system", [], data.systems);
  fill("kind", [[ANY, "all"]], data.kinds, compared ? [2, 3, 1, 0] : []);
  fill("second", [[NONE, "none"]], data.systems);
  fill("third", [[NONE, "none"]], data.systems);
  ["group", "class", "kind", "system"].forEach((id) => {
    if ($(id)) $(id).addEventListener("change", () => { chosen = null; list(); });
  });
  ["second", "third"].forEach((id) => {
    if ($(id)) $(id).addEventListener("change", () => { draw(); first(); remember(); });
  });
  if (compared && data.systems.length > 1) { // the best one first, until another is chosen
    const shares = data.systems.map((_, number) => {
      const sums = [0, 0, 0, 0];
      data.totals.forEach((one) => one[number].counts.forEach((counts) => {
        counts.forEach((count, kind) => { sums[kind] += count; });
      }));
      return 2 * sums[0] / Math.max(1, 2 * sums[0] + 2 * sums[1] + sums[2] + sums[3]);
    });
    $("system").value = String(shares.indexOf(Math.max(...shares)));
  }
  $("filters").addEventListener("submit", (event) => event.preventDefault());
  $("curves").hidden = !data.clips.some((clip) => Object.keys(clip.curves).length);
  if (data.clips.length) recall(); else $("count").textContent = "no clips";
})();
