// The status and keys page. Speaks only the admin API; builds elements, never markup, so that no name or message
// can become code. Keys are shown once and kept nowhere.

const $ = (id) => document.getElementById(id);
let csrf = "";

class Refused extends Error {
  constructor(status, problem) {
    const listed = (problem.problems ?? []).map((p) => (p.path ? `${p.path}: ${p.message}` : p.message));
    super(listed.length ? listed.join("; ") : (problem.detail ?? `The gateway answered ${status}.`));
    this.status = status;
  }
}

async function call(method, path, body, headers = {}) {
  const sent = { ...headers };
  if (method !== "GET") sent["x-csrf-token"] = csrf;
  if (body !== undefined) sent["content-type"] = "application/json";
  const response = await fetch(`/admin/v1${path}`, {
    method,
    headers: sent,
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await response.text();
  let read = {};
  try {
    read = text ? JSON.parse(text) : {};
  } catch {
    read = { detail: text };
  }
  if (!response.ok) throw new Refused(response.status, read);
  return read;
}

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "onclick") made.addEventListener("click", value);
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

function say(text, bad = false) {
  $("notice").textContent = text;
  $("notice").classList.toggle("bad", bad);
}

async function attempt(work) {
  try {
    await work();
  } catch (error) {
    if (error.status === 401) return signedOut();
    say(error.message, true);
  }
}

function signedOut() {
  csrf = "";
  $("signed-in").hidden = true;
  $("sign-out").hidden = true;
  $("signed-out").hidden = false;
  $("issued-keys").replaceChildren();
  say("");
}

const STATES = {
  closed: ["in use", "good"],
  half_open: ["being tried", "quiet"],
  open: ["taken out", "bad"],
  unhealthy: ["unhealthy", "bad"],
};

function backendRow(backend) {
  const [word, tone] = STATES[backend.state] ?? [backend.state ?? "unknown", "quiet"];
  return element(
    "tr",
    {},
    element("th", { scope: "row" }, String(backend.id)),
    element("td", { class: tone }, word),
    element("td", {}, String(backend.in_flight ?? "-")),
  );
}

async function showStatus() {
  const status = await call("GET", "/status");
  $("gateway").textContent = `version ${status.version}, configuration revision ${status.revision}`;
  $("backends").replaceChildren(...status.backends.map(backendRow));
  $("models").replaceChildren(...status.models.map((name) => element("li", {}, element("code", {}, name))));
}

async function showProducts() {
  const { items } = await call("GET", "/products?limit=1000");
  const options = items.map((product) => element("option", { value: product.id }, product.title ?? product.id));
  document.querySelector("select[name=product]").replaceChildren(...options);
}

function access(subscription) {
  return subscription.scope ?? (subscription.product ? `product ${subscription.product}` : "-");
}

function lastUsed(subscription) {
  const at = subscription.meta.last_used;
  return at ? element("time", { datetime: at }, new Date(at).toLocaleString()) : "never";
}

function issued(subscription) {
  const rows = [["Primary key", subscription.key], ["Secondary key", subscription.secondary_key]];
  const shown = rows.filter(([, key]) => key);
  if (!shown.length) return;
  $("issued-title").textContent = `New key of ${subscription.id}`;
  $("issued-keys").replaceChildren(...shown.flatMap(([name, key]) => [element("dt", {}, name), element("dd", {}, key)]));
  $("issued").hidden = false;
  $("issued").focus();
}

function act(subscription, label, work) {
  const described = `${label} of ${subscription.id}`;
  const button = element("button", { type: "button", "aria-label": described }, label);
  button.addEventListener("click", () =>
    attempt(async () => {
      button.disabled = true;
      try {
        await work();
      } finally {
        button.disabled = false;
      }
    }),
  );
  return button;
}

const path = (subscription) => `/subscriptions/${encodeURIComponent(subscription.id)}`;

function move(subscription, label, state) {
  return act(subscription, label, async () => {
    await call("POST", `${path(subscription)}/state`, { state });
    say(`${subscription.id} is ${state} now.`);
    await showSubscriptions();
  });
}

function renew(subscription, which) {
  return act(subscription, `New ${which} key`, async () => {
    if (!confirm(`The ${which} key of ${subscription.id} that is in use now stops working at once. Go on?`)) return;
    issued(await call("POST", `${path(subscription)}/regenerate-${which}`));
    await showSubscriptions();
  });
}

function actions(subscription) {
  if (subscription.meta.owner === "file") return [`declared in ${subscription.meta.file}:${subscription.meta.line}`];
  if (subscription.meta.inactive) return [subscription.meta.inactive];
  const steps = {
    submitted: [move(subscription, "Approve", "active"), move(subscription, "Reject", "rejected")],
    active: [move(subscription, "Suspend", "suspended")],
    suspended: [move(subscription, "Activate", "active")],
    rejected: [move(subscription, "Approve", "active")],
  };
  return [...(steps[subscription.state] ?? []), renew(subscription, "primary"), renew(subscription, "secondary")];
}

function subscriptionRow(subscription) {
  return element(
    "tr",
    {},
    element("th", { scope: "row" }, subscription.id),
    element("td", {}, access(subscription)),
    element("td", { class: subscription.state === "active" ? "good" : "bad" }, subscription.state),
    element("td", {}, lastUsed(subscription)),
    element("td", {}, ...actions(subscription)),
  );
}

async function showSubscriptions(after = "") {
  const page = await call("GET", `/subscriptions?limit=100&after=${encodeURIComponent(after)}`);
  const rows = page.items.map(subscriptionRow);
  if (after) $("subscriptions").append(...rows);
  else $("subscriptions").replaceChildren(...rows);
  $("more").hidden = page.next === null;
  $("more").dataset.after = page.next ?? "";
}

async function create(form) {
  const fields = new FormData(form);
  const made = await call("POST", "/subscriptions", { id: fields.get("id"), product: fields.get("product") });
  form.elements.id.value = "";
  say(`${made.id} is ${made.state}.`);
  issued(made);
  await showSubscriptions();
}

async function start() {
  const session = await call("GET", "/session");
  csrf = session.csrf_token ?? "";
  $("signed-in").hidden = false;
  $("sign-out").hidden = false;
  await Promise.all([showStatus(), showProducts(), showSubscriptions()]);
}

$("create").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(() => create(event.target));
});
$("more").addEventListener("click", () => attempt(() => showSubscriptions($("more").dataset.after)));
$("issued-done").addEventListener("click", () => {
  $("issued-keys").replaceChildren();
  $("issued").hidden = true;
  $("keys-title").scrollIntoView();
});
$("sign-out").addEventListener("click", () =>
  attempt(async () => {
    await call("DELETE", "/session");
    signedOut();
  }),
);
setInterval(() => {
  if (!document.hidden && !$("signed-in").hidden) attempt(showStatus);
}, 5000);
attempt(start);
