/* The live panel of an endpoint: one ES module without dependencies, used by anywidget as it is.
 *
 * The kernel sends news once a second to whoever looks (feed.py describes the messages). They are merged into the
 * model's `picture`, from which everything is drawn: what is shown stays when the kernel goes, and is in a notebook that
 * is saved with its widgets. Text goes into the page as text only.
 */

const RANGES = { minutes: "5 min", day: "Day", month: "Month" };
const SPOKEN = { minutes: "last 5 minutes", day: "last day", month: "last month" };
const LOOK_SECONDS = 15;
const SILENCE_SECONDS = 12;
const HISTORY_SECONDS = 60;
const [WIDTH, HEIGHT] = [300, 64];

/* ---------------------------------------------------------------- the picture */

function mergeNews(picture, news) {
  if (news.whole) return news;
  const first = news.time - picture.window;
  const samples = [...picture.samples, ...(news.samples ?? [])].filter((row) => row[0] > first);
  return { ...picture, ...news, samples };
}

function initialize({ model }) {
  const hear = (message) => {
    if (message.kind === "news") model.set("picture", mergeNews(model.get("picture"), message));
  };
  model.on("msg:custom", hear);
  return () => model.off("msg:custom", hear);
}

/* ---------------------------------------------------------------- words and figures */

const isNumber = (value) => typeof value === "number";
const plural = (count, noun) => `${formatCount(count)} ${noun}${count === 1 ? "" : "s"}`;

function formatCount(value) {
  if (!isNumber(value)) return "–";
  if (value >= 1e6) return `${(value / 1e6).toFixed(1)} M`;
  return Math.round(value).toLocaleString("en");
}

function formatRate(value) {
  if (!isNumber(value)) return "–";
  return value >= 100 ? formatCount(value) : value === 0 ? "0" : value < 0.05 ? "<0.1" : value.toFixed(1);
}

function formatSeconds(value) {
  if (!isNumber(value)) return "–";
  if (value >= 1) return `${value.toFixed(value < 10 ? 2 : 0)} s`;
  return `${(value * 1000).toFixed(value < 0.01 ? 1 : 0)} ms`;
}

const formatShare = (value) => (isNumber(value) ? `${(value * 100).toFixed(value > 0 && value < 0.0995 ? 1 : 0)} %` : "–");
const formatMean = (value) => (isNumber(value) ? value.toFixed(1) : "–");
const formatMemory = (value) => {
  if (!isNumber(value)) return "–";
  return value >= 1e9 ? `${(value / 1e9).toFixed(1)} GB` : `${Math.round(value / 1e6)} MB`;
};
const formatTime = (seconds) => new Date(seconds * 1000).toLocaleTimeString([], { hour12: false });
const formatMoment = (seconds) =>
  new Date(seconds * 1000).toLocaleString([], { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hour12: false });

/* A round number at or above the largest value, so that the scale does not jump with every sample. */
function niceCeiling(value, least) {
  const wanted = Math.max(value, least);
  const power = 10 ** Math.floor(Math.log10(wanted));
  return [1, 1.5, 2, 3, 5, 7.5, 10].map((step) => step * power).find((step) => step >= wanted * 0.999);
}

/* ---------------------------------------------------------------- the page */

function make(tag, attributes = {}, ...children) {
  const node = ["svg", "path", "line"].includes(tag)
    ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "onclick") node.addEventListener("click", value);
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(key, value);
  }
  node.append(...children);
  return node;
}

/* Errors are written as the command writes them: the message, which may begin with a name, and under it an arrow and what
 * to do next, which may begin with a command. */
const capitalise = (text) => text.slice(0, 1).toUpperCase() + text.slice(1);
const isWord = (text) => /^(a|it|its|no|the|this|version|worker) /.test(text);
const isCommand = (text) => /^(docker|jupyter|nbdeploy|pip) /.test(text);
const writeSentences = (text) => text.split(/\s*\n\s*→ /)
  .map((one, index) => ((index ? !isCommand(one) : isWord(one)) ? capitalise(one) : one)).join(". ");

/* What the supervisor took away by itself, if nothing else became of the versions since. */
const RELEASES = ["deployed", "promoted", "rolled-back", "canary", "shadow", "aborted"];
function findAbort({ events }) {
  const last = (events ?? []).filter((one) => RELEASES.includes(one.kind)).at(-1);
  return last?.kind === "aborted" && !last.text.includes("is taken away: by hand") ? last : null;
}

/* Touches the page only where something changes: a text that a person has selected stays selected. */
function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

const button = (label, onclick, more = {}) => make("button", { type: "button", class: "nbdeploy-button", onclick, ...more }, label);

async function copyText(text, root) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Pages without a secure origin have no clipboard of their own.
    const area = make("textarea", { class: "nbdeploy-hidden", "aria-hidden": "true" });
    area.value = text;
    root.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}

/* ---------------------------------------------------------------- the way to the endpoint */

/* The endpoint's address is the kernel's machine's, where the browser need not be. The page's own Jupyter server, which
 * JupyterLab and Notebook name in the page, passes calls on if it has our extension: this gives that address, or null.
 * A version is the digest of what is served: a server elsewhere may know another endpoint of the same name. */
async function findPassage({ name, version }) {
  const { baseUrl, token } = JSON.parse(document.getElementById("jupyter-config-data")?.textContent ?? "{}");
  if (!baseUrl) return null;
  const url = new URL(`nbdeploy/endpoints/${encodeURIComponent(name)}/`, new URL(baseUrl, location.href)).href;
  try {
    const response = await fetch(`${url}entries`, { headers: token ? { Authorization: `token ${token}` } : {} });
    return response.ok && (await response.json()).version === version ? `${url}call/` : null;
  } catch {
    return null;
  }
}

const isHere = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);

/* The line for a shell where the browser is. */
function writeCurl({ url, curl }, passage) {
  if (isHere || !passage || !curl) return curl ?? "";
  return curl.replace(`curl ${url}/`, `curl -H "Authorization: token $JUPYTER_TOKEN" ${passage}`);
}

/* ---------------------------------------------------------------- charts */

/* A tile: `now` and `note` write its figures; one with `shown` is there only where it has something to say. Where no sample is, nothing happened (`flow`), or it is as it was (`holds`). */
const TILES = [
  { title: "Requests/s", series: ["rate"], flow: true, least: 1, format: formatRate,
    now: ({ last }) => formatRate(last ? last.rate : 0), note: ({ total }) => plural(total?.requests ?? 0, "request") },
  { title: "Latency", series: ["p99", "p95", "p50"], least: 0.001, format: formatSeconds,
    now: ({ total }) => formatSeconds(total?.p95), unit: ({ total }) => (isNumber(total?.p95) ? "p95" : ""),
    note: ({ total }) => (isNumber(total?.p95) ? `p50 ${formatSeconds(total.p50)} · p99 ${formatSeconds(total.p99)}` : "no requests") },
  { title: "Errors", series: ["errors"], flow: true, least: 1, format: formatCount, tone: "error",
    now: ({ total }) => formatCount(total?.errors ?? 0),
    note: ({ total }) => (total?.requests ? `${formatShare(total.errors / total.requests)} of requests` : "no requests") },
  { title: "In flight", series: ["in_flight"], flow: true, least: 1, format: formatCount,
    now: ({ last }) => formatCount(last ? last.in_flight : 0), note: ({ total }) => `peak ${formatCount(total?.in_flight)}` },
  { title: "CPU", series: ["cpu"], least: 0.1, format: formatShare,
    now: ({ last, state }) => (last ? formatShare(last.cpu) : state === "live" ? "idle" : "–"),
    note: ({ status }) => `${status.workers} of ${plural(status.wanted_workers, "worker")}` },
  { title: "Memory", series: ["memory"], holds: true, least: 2 ** 24, format: formatMemory,
    now: ({ latest, state }) => formatMemory(["stopped", "failed"].includes(state) ? undefined : latest?.memory),
    note: ({ total }) => `peak ${formatMemory(total?.memory)}` },
  { title: "Batch size", series: ["batch"], least: 2, format: formatMean, shown: (rows) => rows.some((row) => row.batch > 1),
    now: ({ last }) => formatMean(last?.batch), note: ({ total }) => `mean ${formatMean(total?.batch)}` },
  { title: "GPU", series: ["gpu"], least: 1, format: formatShare, shown: (rows) => rows.some((row) => isNumber(row.gpu)),
    now: ({ last }) => formatShare(last?.gpu), note: ({ total }) => `mean ${formatShare(total?.gpu)}` },
  { title: "GPU memory", series: ["gpu_memory"], holds: true, least: 1e9, format: formatMemory,
    shown: (rows) => rows.some((row) => isNumber(row.gpu_memory)),
    now: ({ latest, state }) => formatMemory(state === "stopped" ? undefined : latest?.gpu_memory),
    note: ({ total }) => `peak ${formatMemory(total?.gpu_memory)}` },
];

class Tile {
  constructor(spec) {
    this.spec = spec;
    this.paths = spec.series.map((key) => make("path", { class: `nbdeploy-line nbdeploy-${key}` }));
    this.area = make("path", { class: "nbdeploy-area" });
    this.mark = make("line", { class: "nbdeploy-mark", y1: 0, y2: HEIGHT, visibility: "hidden" });
    this.svg = make("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" },
      ...(spec.series.length === 1 ? [this.area] : []), ...this.paths, this.mark);
    this.figure = make("span", { class: "nbdeploy-figure" });
    this.unit = make("span", { class: "nbdeploy-unit" });
    this.note = make("div", { class: "nbdeploy-note" });
    this.top = make("span", { class: "nbdeploy-top", "aria-hidden": "true" });
    this.node = make("div", { class: `nbdeploy-tile nbdeploy-tone-${spec.tone ?? "plain"}` },
      make("div", { class: "nbdeploy-title" }, spec.title, ...(spec.series.length > 1 ? [...spec.series].reverse().map((key) =>
        make("span", { class: `nbdeploy-key nbdeploy-key-${key}`, "aria-hidden": "true" }, key)) : [])),
      make("div", {}, this.figure, this.unit),
      make("div", { class: "nbdeploy-scale" }, this.note, this.top), make("div", { class: "nbdeploy-chart" }, this.svg));
    this.svg.addEventListener("pointermove", (event) => this.point(event));
    this.svg.addEventListener("pointerleave", () => this.point(null));
  }

  draw(rows, context) {
    this.rows = rows;
    this.context = context;
    this.node.hidden = !(this.spec.shown?.(rows) ?? true);
    if (this.node.hidden) return;
    const unit = this.spec.unit?.(context) ?? "";
    setText(this.unit, unit);
    const values = rows.flatMap((row) => this.spec.series.map((key) => row[key])).filter(isNumber);
    const highest = values.reduce((one, other) => Math.max(one, other), 0);
    const ceiling = niceCeiling(highest, this.spec.least);
    this.paths.forEach((path, index) => path.setAttribute("d", this.trace(this.spec.series[index], ceiling)));
    if (this.spec.series.length === 1) this.area.setAttribute("d", this.trace(this.spec.series[0], ceiling, true));
    setText(this.top, values.length ? this.spec.format(ceiling) : "");
    setText(this.figure, this.spec.now(context));
    this.node.classList.toggle("nbdeploy-raised", this.spec.tone === "error" && highest > 0);
    if (!this.pointed) setText(this.note, this.spec.note(context));
    this.svg.setAttribute("aria-label", `${this.spec.title}, ${SPOKEN[context.range]}: ${this.spec.now(context)} `
      + `${unit || "now"}, ${this.spec.note(context)}`);
  }

  /* A sample holds for the whole of its seconds; the path is broken where nothing is known. */
  trace(key, ceiling, closed = false) {
    const { from, to, state } = this.context;
    const x = (time) => ((Math.max(time, from) - from) / (to - from)) * WIDTH;
    const y = (value) => HEIGHT - 1 - (value / ceiling) * (HEIGHT - 4);
    const pieces = [];
    let end = null;
    const step = (start, stop, value) => {
      if (!isNumber(value)) {
        end = null;
        return;
      }
      const joined = end !== null && start - end < 1.5;
      if (!joined) pieces.push([]);
      pieces.at(-1).push([x(joined ? end : start), y(value)], [x(stop), y(value)]);
      end = stop;
    };
    for (const row of this.rows) {
      const start = Math.max(row.time - row.seconds, from);
      if (this.spec.flow && start - (end ?? from) >= 1.5) step(end ?? from, start, 0);
      step(start, row.time, row[key]);
    }
    if (this.spec.flow && to - (end ?? from) >= 3) step(end ?? from, to, 0);
    if (this.spec.holds && end !== null && state !== "stopped") step(end, to, this.rows.at(-1)[key]);
    return pieces.map((points) => {
      const line = `M${points.map(([a, b]) => `${a.toFixed(1)} ${b.toFixed(1)}`).join("L")}`;
      return closed ? `${line}L${points.at(-1)[0].toFixed(1)} ${HEIGHT}L${points[0][0].toFixed(1)} ${HEIGHT}Z` : line;
    }).join("");
  }

  /* Shows the sample under the pointer in place of the note. */
  point(event) {
    this.pointed = false;
    if (event && this.rows) {
      const { from, to, range } = this.context;
      const box = this.svg.getBoundingClientRect();
      const time = from + ((event.clientX - box.left) / box.width) * (to - from);
      const row = this.rows.find((one) => one.time >= time && one.time - one.seconds <= time);
      if (row) {
        this.pointed = true;
        const place = ((time - from) / (to - from)) * WIDTH;
        this.mark.setAttribute("x1", place);
        this.mark.setAttribute("x2", place);
        const named = this.spec.series.length > 1;
        const figures = [...this.spec.series].reverse().map((key) => (named ? `${key} ` : "") + this.spec.format(row[key]));
        setText(this.note, `${range === "minutes" ? formatTime(row.time) : formatMoment(row.time)} · ${figures.join(" · ")}`);
      }
    }
    this.mark.setAttribute("visibility", this.pointed ? "visible" : "hidden");
    if (!this.pointed && this.context) setText(this.note, this.spec.note(this.context));
  }
}

/* ---------------------------------------------------------------- the view */

class View {
  constructor(model, root) {
    this.model = model;
    this.id = crypto.randomUUID?.() ?? String(Math.random());
    this.range = "minutes";
    this.history = null;
    this.dead = false;
    this.passage = null;
    this.heard = performance.now();
    this.build(root);
    this.onNews = () => this.update();
    this.onMessage = (message) => this.hear(message);
    this.onLive = () => this.doubt();
    this.onVisible = () => this.look();
    model.on("change:picture", this.onNews);
    model.on("msg:custom", this.onMessage);
    model.on("comm_live_update", this.onLive);
    document.addEventListener("visibilitychange", this.onVisible);
    addEventListener("pagehide", this.onVisible);
    this.observer = new IntersectionObserver((entries) => {
      this.near = entries.at(-1).isIntersecting;
      this.look();
    });
    this.observer.observe(root);
    this.update();
  }

  close() {
    this.near = false;
    this.look();
    this.observer.disconnect();
    this.model.off("change:picture", this.onNews);
    this.model.off("msg:custom", this.onMessage);
    this.model.off("comm_live_update", this.onLive);
    document.removeEventListener("visibilitychange", this.onVisible);
    removeEventListener("pagehide", this.onVisible);
  }

  /* Tells the kernel whether somebody looks, and keeps the clock of a panel that is seen. */
  look(event) {
    const looks = Boolean(this.near) && document.visibilityState === "visible" && event?.type !== "pagehide";
    if (looks === Boolean(this.clock)) return;
    if (!looks) {
      clearInterval(this.clock);
      this.clock = null;
      this.send({ op: "leave" });
      return;
    }
    this.heard = this.said = performance.now();
    this.send({ op: "look", new: true });
    if (this.range !== "minutes") this.ask();
    this.clock = setInterval(() => this.tick(), 1000);
    this.update();
  }

  /* The connection to the kernel has changed: it counts as gone unless it answers. */
  doubt() {
    this.dead = true;
    this.busy = this.trouble = null;
    this.send({ op: "look", new: true });
    this.update();
  }

  tick() {
    const now = performance.now();
    if (!this.dead && now - this.said > LOOK_SECONDS * 1000) {
      this.said = now;
      this.send({ op: "look" });
    }
    if (this.history && !this.dead && now - this.history.asked > HISTORY_SECONDS * 1000) this.ask();
    this.update();
  }

  send(message) {
    try {
      this.model.send({ ...message, view: this.id });
    } catch {
      this.dead = true;
    }
  }

  hear(message) {
    this.heard = performance.now();
    this.dead = false;
    if (message.kind === "news") this.trouble = null;
    if (message.kind === "trouble") this.trouble = message.text;
    if (message.kind === "history" && message.view === this.id && message.range === this.range) {
      this.history = { ...message, asked: performance.now() };
    }
    if (message.kind === "done") {
      this.busy = null;
      this.told = { text: message.text, failed: message.failed, until: performance.now() + (message.failed ? 60000 : 8000) };
    }
    this.update();
  }

  ask() {
    if (this.history) this.history.asked = performance.now();
    this.send({ op: "history", range: this.range });
  }

  choose(range) {
    this.range = range;
    this.history = null;
    if (range !== "minutes") this.ask();
    this.update();
  }

  /* ------------------------------------------------ what is on the page */

  build(root) {
    this.name = make("span", { class: "nbdeploy-name" });
    this.state = make("span", { class: "nbdeploy-state" });
    this.url = make("a", { class: "nbdeploy-url", target: "_blank", rel: "noopener" });
    this.proof = make("div", { class: "nbdeploy-proof" });
    this.ranges = Object.entries(RANGES).map(([range, label]) => button(label, () => this.choose(range), {
      class: "nbdeploy-range", "data-range": range, "aria-label": `Show the ${SPOKEN[range]}` }));
    this.tiles = TILES.map((spec) => new Tile(spec));
    this.left = make("span");
    this.right = make("span");
    this.versions = make("ul", { class: "nbdeploy-list", "aria-label": "Versions", tabindex: 0 });
    this.failures = make("ul", { class: "nbdeploy-list", "aria-label": "Last errors", tabindex: 0 });
    this.banner = make("div", { class: "nbdeploy-banner", role: "status", "aria-live": "polite", hidden: "" });
    this.bar = make("div", { class: "nbdeploy-bar" });
    this.buildBar();
    this.box = make("section", { class: "nbdeploy-panel jp-ThemedContainer" },
      make("header", { class: "nbdeploy-head" },
        make("div", { class: "nbdeploy-who" }, make("div", { class: "nbdeploy-line-1" }, this.name, this.state, this.url), this.proof),
        make("div", { class: "nbdeploy-ranges", role: "group", "aria-label": "Time shown" }, ...this.ranges)),
      this.banner,
      make("div", { class: "nbdeploy-tiles" }, ...this.tiles.map((tile) => tile.node)),
      make("div", { class: "nbdeploy-axis", "aria-hidden": "true" }, this.left, this.right),
      make("div", { class: "nbdeploy-columns" },
        make("div", {}, make("h4", {}, "Versions"), this.versions),
        make("div", {}, make("h4", {}, "Last errors"), this.failures)),
      this.bar);
    this.box.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.question) {
        event.stopPropagation();
        this.dismiss();
      }
    });
    root.append(this.box);
  }

  buildBar() {
    const copy = (label, text) => {
      const node = button(label, async () => {
        await copyText(text(), this.box);
        setText(node, "Copied");
        setTimeout(() => setText(node, label), 1500);
      });
      return node;
    };
    const { status } = this.model.get("picture");
    this.copyUrl = copy("Copy URL", () => this.picture.status.url);
    this.copyCurl = copy("Copy curl", () => writeCurl(this.picture.status, this.passage));
    this.docs = make("a", { class: "nbdeploy-button", target: "_blank", rel: "noopener" }, "Open docs");
    this.stop = button("Stop", () => this.confirm(
      `Stop ${status.name}? Callers are refused until it is started again.`, "Stop it", { op: "stop" }, this.stop),
    { class: "nbdeploy-button nbdeploy-danger" });
    this.start = button("Start", () => this.act({ op: "start" }));
    this.deeds = [this.stop, this.start];
    this.usual = make("div", { class: "nbdeploy-buttons" }, this.copyUrl, this.copyCurl, this.docs,
      make("span", { class: "nbdeploy-space" }), ...this.deeds);
    this.bar.append(this.usual);
  }

  /* Asks inside the panel; the answer that changes nothing has the focus. */
  confirm(text, label, message, origin) {
    this.dismiss();
    this.origin = origin;
    const keep = button("Cancel", () => this.dismiss());
    const yes = button(label, () => {
      this.dismiss();
      this.act(message);
    }, { class: "nbdeploy-button nbdeploy-sure" });
    this.question = make("div", { class: "nbdeploy-buttons nbdeploy-question", role: "alertdialog", "aria-label": text },
      make("span", { class: "nbdeploy-text" }, text), make("span", { class: "nbdeploy-space" }), keep, yes);
    this.usual.hidden = true;
    this.bar.append(this.question);
    keep.focus();
  }

  dismiss() {
    if (!this.question) return;
    this.question.remove();
    this.question = null;
    this.usual.hidden = false;
    this.origin?.focus();
  }

  act(message) {
    this.busy = { rollback: "Rolling back…", promote: "Promoting…", abort: "Taking it away…", stop: "Stopping…", start: "Starting…" }[message.op];
    this.told = null;
    this.send(message);
    this.update();
  }

  /* ------------------------------------------------ drawing */

  update() {
    this.picture = this.model.get("picture");
    const { status, time } = this.picture;
    if (!status) return;
    this.drawHead(status);
    this.drawBanner(time);
    this.drawTiles(status);
    if (this.drawnStatus !== status) this.drawVersions(status);
    if (this.drawnFailures !== this.picture.failures) this.drawFailures(this.picture.failures);
    this.drawnStatus = status;
    this.drawnFailures = this.picture.failures;
    this.drawBar(status);
  }

  drawHead(status) {
    this.box.setAttribute("aria-label", `Endpoint ${status.name}`);
    this.box.dataset.state = status.state;
    setText(this.name, status.name);
    setText(this.state, status.state);
    setText(this.url, status.url);
    const live = status.versions.find((one) => one.version === status.version);
    const proof = live?.proof;
    setText(this.proof, `Version ${live?.number ?? ""} (${status.version}): ` + (proof?.calls
      ? `${proof.equal} of ${plural(proof.calls, "golden call")} answered as in the notebook` : "not proven by golden calls"));
    for (const node of this.ranges) node.setAttribute("aria-pressed", String(node.dataset.range === this.range));
  }

  drawBanner(time) {
    const now = performance.now();
    let [text, kind] = [null, "info"];
    if (this.dead) text = `No kernel: this is how it was at ${formatTime(time)}. Run the cell again for a live panel; the endpoint goes on without it.`;
    else if (this.busy) text = this.busy;
    else if (this.told && now < this.told.until) [text, kind] = [this.told.text, this.told.failed ? "error" : "good"];
    else if (this.trouble) [text, kind] = [writeSentences(this.trouble), "error"];
    else if (this.clock && now - this.heard > SILENCE_SECONDS * 1000) {
      text = `No news since ${formatTime(time)}: the kernel is busy or gone. The endpoint goes on without it.`;
    } else if (this.picture.status.state === "failed") {
      [text, kind] = [writeSentences(this.picture.status.reason ?? "It has failed; the log tells why."), "error"];
    } else if (findAbort(this.picture.status)) {
      const abort = findAbort(this.picture.status);
      [text, kind] = [`${formatMoment(abort.time)}: ${abort.text}.`, "warn"];
    }
    this.banner.hidden = text === null;
    this.banner.dataset.kind = kind;
    setText(this.banner, text ?? "");
  }

  drawTiles(status) {
    const { fields, samples, total, window: width, time } = this.picture;
    const name = (row) => Object.fromEntries(fields.map((field, index) => [field, row[index]]));
    // The kernel's clock, which the browser's goes along with.
    const silent = this.clock ? (performance.now() - this.heard) / 1000 : 0;
    const now = this.dead ? time : time + Math.min(silent, SILENCE_SECONDS);
    const latest = samples.length ? name(samples.at(-1)) : null;
    const last = latest && now - latest.time < 3 && status.state !== "stopped" ? latest : null;
    const past = this.range === "minutes" ? null : this.history;
    // A young endpoint fills the whole width.
    const born = samples.length ? samples[0][0] - samples[0][1] : now;
    const context = { last, latest, status, state: status.state, range: this.range,
      total: past ? past.total : this.range === "minutes" ? total : null,
      from: past ? past.since : Math.max(now - width, Math.min(now - 60, born)), to: past ? past.time : now };
    const rows = past ? past.samples.map(name) : this.range === "minutes" ? samples.map(name) : [];
    for (const tile of this.tiles) tile.draw(rows, context);
    setText(this.left, past ? formatMoment(past.since) : this.range === "minutes" ? formatTime(context.from) : "reading…");
    setText(this.right, this.dead ? formatTime(time) : "now");
    this.box.setAttribute("data-range", past || this.range === "minutes" ? this.range : "reading");
  }

  drawVersions(status) {
    const current = status.versions.find((one) => one.version === status.version);
    // The list is drawn anew with the figures of a version that is tried: who is on one of its buttons stays there.
    const at = this.box.getRootNode().activeElement;
    const focused = this.versions.contains(at) ? at.getAttribute("aria-label") : null;
    const share = status.rollout?.mode === "canary" ? 1 - status.rollout.share : 1;
    const tried = status.rollout?.version;
    this.versions.replaceChildren(...this.writeRollout(status), ...status.versions.filter((one) => one.version !== tried).map((one) => {
      const proof = one.proof?.calls ? `${one.proof.equal}/${one.proof.calls} proven` : "unproven";
      const older = one.number < (current?.number ?? 0);
      const label = older ? "Roll back" : "Make live";
      const back = button(label, () => this.confirm(
        `${older ? "Go back to" : "Make"} version ${one.number}${older ? "?" : " live?"} The present one finishes what it has accepted.`, label,
        { op: "rollback", version: one.version }, back), { class: "nbdeploy-button nbdeploy-small nbdeploy-deed",
        "aria-label": older ? `Roll back to version ${one.number}` : `Make version ${one.number} live` });
      return make("li", one.live ? { class: "nbdeploy-live" } : {},
        make("span", { class: "nbdeploy-number" }, String(one.number)), make("code", {}, one.version),
        make("span", { class: "nbdeploy-quiet" }, `${formatMoment(one.deployed_at)} · ${proof}`),
        one.live ? make("span", { class: "nbdeploy-badge" }, ["failed", "asleep"].includes(status.state) ? status.state : `live · ${writePercent(share)}`) : status.state === "stopped" ? "" : back);
    }));
    if (focused) [...this.versions.querySelectorAll("button")].find((one) => one.getAttribute("aria-label") === focused)?.focus();
    this.stop.hidden = status.state === "stopped";
    this.start.hidden = !["stopped", "failed"].includes(status.state);
    this.drawLinks(status);
    this.findPassage(status);
  }

  /* The version that is tried beside the live one, and what may become of it. */
  writeRollout({ rollout, versions }) {
    if (!rollout) return [];
    const { figures, mode, share, version } = rollout;
    const number = versions.find((one) => one.version === version)?.number ?? "";
    const said = [`${figures.other.requests} answered`, plural(figures.other.errors, "error")];
    if (figures.other.refused) said.push(`${figures.other.refused} refused`);
    if (figures.compared) said.push(`${writePercent(1 - figures.disagreement)} of ${figures.compared} answers equal`);
    const deed = (label, op, question) => {
      const node = button(label, () => this.confirm(question, label, { op }, node),
        { class: "nbdeploy-button nbdeploy-small nbdeploy-deed", "aria-label": `${label} version ${version}` });
      return node;
    };
    return [make("li", { class: "nbdeploy-tried" }, make("span", { class: "nbdeploy-number" }, String(number)), make("code", {}, version),
      make("span", { class: "nbdeploy-quiet", title: said.join(" · ") }, said.join(" · ")),
      deed("Promote", "promote", `Make version ${version} live? The present one finishes what it has accepted.`),
      deed("Abort", "abort", `Take version ${version} away? The live one answers all requests again.`),
      make("span", { class: "nbdeploy-badge" }, mode === "canary" ? `canary · ${writePercent(share)}` : "shadow"))];
  }

  async findPassage(status) {
    const passage = await findPassage(status);
    if (this.drawnStatus !== status) return;
    this.passage = passage;
    this.drawLinks(status);
  }

  drawLinks(status) {
    for (const [link, direct] of [[this.docs, status.docs], [this.url, status.url]]) {
      const href = this.passage ? `${this.passage}docs` : direct;
      link.removeAttribute("href");
      if (/^https?:/.test(href) && !["stopped", "failed"].includes(status.state)) link.href = href;
    }
  }

  drawFailures(failures) {
    const items = (failures ?? []).map((one) => make("li", { class: "nbdeploy-failure" },
      make("div", {}, make("strong", {}, one.cell ?? one.where ?? one.entry),
        make("span", { class: "nbdeploy-quiet" }, [one.cell ? one.where : null, one.time.slice(11, 19) && `${formatTime(Date.parse(one.time) / 1000)}`,
          one.count > 1 ? `${one.count} times` : null, one.error_id && `id ${one.error_id}`].filter(Boolean).join(" · "))),
      make("div", { class: "nbdeploy-message" }, one.message)));
    this.failures.replaceChildren(...(items.length ? items : [make("li", { class: "nbdeploy-quiet" }, "None in the log.")]));
  }

  drawBar(status) {
    const idle = !this.busy && !this.dead;
    for (const node of [...this.deeds, ...this.versions.querySelectorAll(".nbdeploy-deed")]) node.disabled = !idle;
    for (const node of this.ranges) node.disabled = this.dead;
    this.copyCurl.disabled = !status.curl;
    if (this.dead) this.dismiss();
  }
}

function writePercent(share) {
  return `${Math.round(share * 1000) / 10} %`;
}

function render({ model, el }) {
  const view = new View(model, el);
  return () => view.close();
}

export default { initialize, render };
