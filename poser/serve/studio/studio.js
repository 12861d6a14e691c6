"use strict";
const $ = (id) => document.getElementById(id);
const make = (tag, kind, words) => {
  const found = document.createElement(tag);
  if (kind) found.className = kind;
  if (words != null) found.textContent = words;
  return found;
};
const runs = [];
let start = null, shown = null, working = null;

const url = (event) => `data:image/${event.output_format};base64,${event.b64_json}`;
const state = (words) => { $("state").textContent = words; };
const headers = () => ($("key").value ? { authorization: `Bearer ${$("key").value}` } : {});

async function models() {
  const answer = await fetch("/v1/models", { headers: headers() });
  if (answer.status === 401) {
    $("locked").hidden = false;
    return state("this server asks for an API key");
  }
  const names = (await answer.json()).data.map((model) => model.id);
  const presets = names.filter((name) => !name.includes("@"));
  $("preset").replaceChildren(...presets.map((name) => new Option(name)));
  const fill = () => {
    const policies = names.filter((name) => name.startsWith(`${$("preset").value}@`)).map((name) => name.split("@")[1]);
    $("policy").replaceChildren(new Option("the preset's", ""), ...policies.map((name) => new Option(name)));
  };
  $("preset").onchange = fill;
  fill();
  state("ready");
}

async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    for (let end; (end = text.indexOf("\n\n")) >= 0; text = text.slice(end + 2)) {
      const data = text.slice(0, end).split("\n").find((line) => line.startsWith("data: "));
      if (data) yield JSON.parse(data.slice(6));
    }
  }
}

function begin(file) {
  start = file;
  $("start").hidden = !file;
  if (file) $("thumb").src = URL.createObjectURL(file);
  else for (const name of ["file", "references", "maskfile"]) $(name).value = "";
}

function display(image, before, words) {
  shown = image;
  $("stage").hidden = false;
  $("nothing").hidden = true;
  for (const name of ["before", "after"]) $(name).onload = () => $(name).classList.toggle("small", $(name).naturalWidth <= 256);
  $("after").src = $("bigger").src = $("save").href = image;
  $("said").textContent = words;
  const both = Boolean(before) && before !== image;
  $("slide").hidden = $("before").hidden = !both;
  if (both) $("before").src = before;
  $("split").value = 0;
  split();
}

const split = () => { $("before").style.clipPath = `inset(0 ${100 - $("split").value}% 0 0)`; };

function card(run, event) {
  const told = event.poser, box = make("article", `step ${told.outcome}`), body = make("div", "body"), words = make("div");
  const head = make("div", "head");
  head.append(make("span", "number", told.step), make("h3", "", told.expert || "Stop"), make("span", `badge ${told.outcome}`, told.outcome));
  if (told.expert) head.append(make("span", "cost", `${(told.seconds || 0).toFixed(2)} s${told.usd ? ` · $${told.usd}` : ""}`));
  const pair = make("div");
  if (event.b64_json) {
    const image = make("img", "picture small");
    image.src = url(event);
    image.alt = `candidate of step ${told.step}: ${told.prompt}`;
    pair.append(image);
  } else pair.append(make("div", "picture none", told.failure || "no picture"));
  for (const command of told.command) words.append(make("p", "asked", command));
  if (told.prompt && told.command.join() !== told.prompt) words.append(make("p", "handed", `handed on as: ${told.prompt}`));
  if (told.score != null) {
    const bars = make("div", "bars"), bar = make("div", "bar"), fill = make("i", told.score < 0.5 ? "low" : "");
    fill.style.width = `${100 * told.score}%`;
    bar.append(fill);
    bars.append(make("div", "label", "the critic's score"), bar, make("div", "value", told.score.toFixed(2)));
    words.append(bars);
  }
  if (told.failure) words.append(make("p", "feedback error", told.failure));
  if (told.feedback) words.append(make("p", "feedback", told.feedback));
  words.append(make("p", "fate", told.why || (told.accepted ? "Kept." : "")));
  if (event.b64_json) {
    const back = make("button", "", "Go on from here");
    back.type = "button";
    back.onclick = () => goOn(url(event));
    words.append(back);
  }
  body.append(pair, words);
  box.append(head, body);
  return box;
}

async function goOn(image) {
  begin(new File([await (await fetch(image)).blob()], "start.png", { type: "image/png" }));
  $("prompt").value = "";
  $("prompt").focus();
  state("say what should change");
}

function ends(account) {
  const rows = account.ends.map((end) => {
    const row = make("li"), words = make("span", "", end.command);
    const kind = { done: "done", "left over": "pending" }[end.end] || "dropped";
    if (end.reason) words.append(make("small", "", end.reason));
    row.append(make("span", `badge ${kind}`, end.end), words);
    return row;
  });
  for (const note of account.notes || []) {
    const row = make("li");
    row.append(make("span", "badge note", "note"), make("span", "", note));
    rows.push(row);
  }
  for (const harm of account.harmed) {
    const row = make("li");
    row.append(make("span", "badge dropped", "harmed"), make("span", "", harm));
    rows.push(row);
  }
  $("ends").replaceChildren(...rows);
}

function show(run) {
  $("steps-list").replaceChildren(...run.cards);
  if (run.image) display(run.image, run.before, run.words);
  ends(run.account || { ends: [], harmed: [] });
  for (const button of $("history").children) button.setAttribute("aria-current", String(button === run.button));
}

function remember(run) {
  const button = make("button");
  button.type = "button";
  if (run.image) {
    const image = make("img");
    image.src = run.image;
    image.alt = "";
    button.append(image);
  }
  button.append(`${runs.length + 1}. ${run.prompt.slice(0, 60)}`);
  button.onclick = () => show(run);
  run.button = button;
  runs.push(run);
  $("history").prepend(button);
  show(run);
}

async function carryOut() {
  if (working) return;
  working = new AbortController();
  $("go").disabled = true;
  $("stop").disabled = false;
  $("steps-list").replaceChildren();
  $("ends").replaceChildren();
  state("working");
  const run = { prompt: $("prompt").value, cards: [], before: start ? URL.createObjectURL(start) : null };
  const policy = $("policy").value;
  const fields = { prompt: run.prompt, model: $("preset").value + (policy ? `@${policy}` : ""), stream: true, details: true, partial_images: 100, seed: $("seed").value, steps: $("steps").value };
  for (const name of ["usd", "size"]) if ($(name).value) fields[name] = $(name).value;
  fields.quality = $("quality").value;
  fields.background = $("ground").value;
  const options = { method: "POST", headers: headers(), signal: working.signal };
  if (start) {
    options.body = new FormData();
    for (const name in fields) options.body.append(name, fields[name]);
    options.body.append("image", start, "start.png");
    for (const file of $("references").files) options.body.append("image", file, file.name);
    const mask = await maskFile();
    if (mask) options.body.append("mask", mask, "mask.png");
  } else {
    options.body = JSON.stringify(fields);
    options.headers["content-type"] = "application/json";
  }
  let words = "";
  try {
    const answer = await fetch(`/v1/images/${start ? "edits" : "generations"}`, options);
    if (!answer.ok) throw new Error((await answer.json()).error.message);
    for await (const event of events(answer.body)) {
      if (event.error) throw new Error(event.error.message);
      const add = (found) => { run.cards.push(found); $("steps-list").append(found); };
      if (event.type === "poser.plan") {
        const list = make("ol", "plan");
        list.append(...event.poser.commands.map((command) => make("li", "", command)));
        add(list);
      } else if (event.type.endsWith("completed")) {
        run.image = url(event);
        run.account = event.poser;
        run.words = `${event.poser.satisfied ? "all satisfied" : "not everything is satisfied"} · ${event.poser.calls} call${event.poser.calls === 1 ? "" : "s"} · ${event.poser.seconds.toFixed(1)} s · seed ${event.poser.seed}`;
      } else {
        add(card(run, event));
        if (event.b64_json && event.poser.accepted) {
          run.image = url(event);
          run.words = `step ${event.poser.step}`;
          display(run.image, run.before, run.words);
        }
        state(`step ${event.poser.step}: ${event.poser.outcome}`);
      }
    }
    words = run.account && run.account.satisfied ? "done: all satisfied" : "done: not everything is satisfied";
  } catch (error) {
    words = error.name === "AbortError" ? "stopped" : `not done: ${error.message}`;
  }
  working = null;
  $("go").disabled = false;
  $("stop").disabled = true;
  if (run.cards.length || run.image) remember(run);
  state(words);
}

$("ask").onsubmit = (event) => { event.preventDefault(); carryOut(); };
$("stop").onclick = () => working && working.abort();
$("again").onclick = () => goOn(shown);
$("zoom").onclick = () => $("big").showModal();
$("close").onclick = () => $("big").close();
$("split").oninput = split;
$("filter").onchange = () => { $("steps-list").dataset.show = $("filter").value; };
$("clear").onclick = () => begin(null);
$("file").onchange = () => begin($("file").files[0] || null);
$("key").onchange = models;
const picture = (list) => [...list].find((file) => file.type.startsWith("image/"));
document.ondragover = (event) => { event.preventDefault(); $("drop").classList.add("over"); };
document.ondragleave = () => $("drop").classList.remove("over");
document.ondrop = (event) => {
  event.preventDefault();
  $("drop").classList.remove("over");
  const file = picture(event.dataTransfer.files);
  if (file) begin(file);
};
document.onpaste = (event) => { const file = picture(event.clipboardData.files); if (file) begin(file); };
document.onkeydown = (event) => {
  const typing = /^(TEXTAREA|INPUT|SELECT)$/.test(event.target.tagName);
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); carryOut(); }
  else if (event.key === "Escape" && working) working.abort();
  else if (event.key === "z" && !typing && shown) $("big").showModal();
};
models();
