// Text of files is never markup: everything is set as text.

const $ = (id) => document.getElementById(id);

let file = null;
let found = [];
let urls = [];

$("token").value = sessionStorage.getItem("token") ?? "";
$("token").addEventListener("change", () => {
  sessionStorage.setItem("token", $("token").value);
  // The file that was not let in.
  if (file && $("labels").hidden) choose(file);
});

async function ask(path, options = {}) {
  const headers = { Authorization: `Bearer ${$("token").value.trim()}`, ...options.headers };
  const answer = await fetch(path, { ...options, headers });
  if (!answer.ok) {
    const problem = await answer.json().catch(() => ({}));
    if (answer.status === 401) $("token").focus();
    const words = problem.detail ?? `the server answered ${answer.status}`;
    throw new Error(answer.status === 401 ? `Enter a token that the server knows: ${words}` : words);
  }
  return answer;
}

/** Does work, and shows that it is under way and how it failed. */
async function during(words, work) {
  $("error").textContent = "";
  $("status").textContent = words;
  document.body.setAttribute("aria-busy", "true");
  try {
    await work();
    $("status").textContent = "";
  } catch (error) {
    $("status").textContent = "";
    $("error").textContent = error.message;
  } finally {
    document.body.removeAttribute("aria-busy");
  }
}

function element(name, text = "", properties = {}) {
  const made = Object.assign(document.createElement(name), properties);
  if (text !== "") made.textContent = text;
  return made;
}

function row(cells) {
  const made = element("tr");
  for (const [name, content] of cells) {
    const cell = element("td");
    if (name) cell.dataset.name = name;
    cell.append(content);
    made.append(cell);
  }
  return made;
}

function sites(label) {
  const list = element("ul", "", { className: "sites" });
  for (const site of label.sites) {
    const line = element("li", `${site.address} at ${site.place}`);
    if (site.barrier) line.append(" ", element("span", `(${site.barrier})`, { className: "barrier" }));
    list.append(line);
  }
  return list;
}

function choose(chosen) {
  if (!chosen) return;
  file = chosen;
  $("labels").hidden = true;
  forget();
  during(`Reading ${file.name} …`, async () => {
    const form = new FormData();
    form.append("file", file);
    const listing = await (await ask("v1/labels:list", { method: "POST", body: form })).json();
    show(listing);
  });
}

function show(listing) {
  found = listing.labels;
  $("labels-title").textContent = `Labels of ${listing.name} (${listing.format})`;
  $("guards").replaceChildren(...listing.guards.map((guard) => element("li", guard)));
  $("rows").replaceChildren(
    ...found.map((label, index) => {
      const box = element("input", "", { type: "checkbox", id: `label-${index}`, value: index });
      box.dataset.kind = label.kind;
      box.disabled = label.sites.every((site) => site.barrier);
      const key = element("label", label.key, { htmlFor: box.id });
      return row([
        ["", box],
        ["Key", key],
        ["Value", label.value ?? "(not text)"],
        ["Kind", label.kind],
        ["Where", sites(label)],
      ]);
    }),
  );
  if (found.length === 0) $("rows").append(row([["", "no labels"]]));
  $("all").checked = false;
  $("labels").hidden = false;
  ticked();
}

const boxes = () => [...$("rows").querySelectorAll("input:enabled")];

function ticked() {
  const count = boxes().filter((box) => box.checked).length;
  $("strip").disabled = count === 0;
  $("strip").textContent = count === 0 ? "Remove what is ticked" : `Remove ${count} label${count > 1 ? "s" : ""}`;
}

/** What is ticked, as the call names it: custom labels by key and value, fields of the format by address. */
function wanted() {
  const chosen = boxes().filter((box) => box.checked).map((box) => found[box.value]);
  const labels = [];
  const rules = new Set();
  for (const label of chosen) {
    if (label.kind === "custom") labels.push({ key: label.key, value: label.value ?? null });
    else label.sites.forEach((site) => rules.add(site.address));
  }
  return { ...(labels.length > 0 && { labels }), rules: [...rules] };
}

/** What the page made for an earlier file is let go. */
function forget() {
  urls.forEach((url) => URL.revokeObjectURL(url));
  urls = [];
  $("result").hidden = true;
}

function offer(link, blob, name) {
  const url = URL.createObjectURL(blob);
  urls.push(url);
  Object.assign(link, { href: url, download: name });
}

function strip() {
  forget();
  during(`Cleaning ${file.name} …`, async () => {
    const form = new FormData();
    form.append("metadata", JSON.stringify(wanted()));
    form.append("file", file);
    const headers = { Accept: "multipart/form-data" };
    const parts = await (await ask("v1/labels:strip", { method: "POST", body: form, headers })).formData();
    const report = JSON.parse(parts.get("report"));
    $("outcome").textContent = `${file.name}: ${report.outcome}, ${report.bytes_in} bytes before, ${report.bytes_out} after`;
    $("statuses").replaceChildren(
      ...report.labels.map((label) =>
        row([
          ["Key", label.key],
          ["Value", label.value ?? ""],
          ["Status", label.status],
          ["Where", label.sites.join(", ")],
        ]),
      ),
    );
    offer($("cleaned"), parts.get("file"), file.name);
    offer($("report"), new Blob([JSON.stringify(report, null, 2)], { type: "application/json" }), `${file.name}.report.json`);
    $("result").hidden = false;
    $("result-title").focus();
  });
}

let next = null;

function jobs(before) {
  during("Looking for jobs …", async () => {
    const page = await (await ask(`v1/jobs?limit=20${before ? `&before=${before}` : ""}`)).json();
    const rows = page.jobs.map((job) =>
      row([
        ["Query", job.queryID],
        ["File", job.name ?? ""],
        ["State", job.state],
        ["Created", new Date(job.created).toLocaleString()],
        ["Answer", job.answer?.message ?? ""],
      ]),
    );
    if (!before) $("job-rows").replaceChildren();
    $("job-rows").append(...(rows.length > 0 || before ? rows : [row([["", "no jobs"]])]));
    next = page.next;
    $("older").hidden = next === null;
    $("jobs").hidden = false;
    $("refresh").textContent = "Show the newest jobs";
  });
}

// The same file may be chosen again.
$("file").addEventListener("click", () => ($("file").value = ""));
$("file").addEventListener("change", () => choose($("file").files[0]));
$("rows").addEventListener("change", ticked);
$("all").addEventListener("change", () => {
  boxes().filter((box) => box.dataset.kind === "custom").forEach((box) => (box.checked = $("all").checked));
  ticked();
});
$("labels").addEventListener("submit", (event) => {
  event.preventDefault();
  strip();
});
$("refresh").addEventListener("click", () => jobs(null));
$("older").addEventListener("click", () => jobs(next));
for (const name of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    $("drop").classList.toggle("over", name === "dragover");
    if (name === "drop") choose(event.dataTransfer.files[0]);
  });
}
