"use strict";
const $ = (id) => document.getElementById(id);
const VOTES = { one: "first", two: "second", tie: "tie" };
let rater = sessionStorage.getItem("rater"), ballot = null;

async function ask(path, body) {
  const answer = await fetch(`/study/${path}`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  const data = await answer.json();
  if (!answer.ok) throw new Error(data.error.message);
  return data;
}

const ready = (yes) => { for (const id in VOTES) $(id).disabled = !yes; };

function show(name) {
  for (const id of ["welcome", "pair", "thanks"]) $(id).hidden = id !== name;
}

async function following() {
  ready(false);
  const { done, of, ballot: found } = await ask("next", { rater });
  ballot = found;
  if (!found) {
    $("end").textContent = `You compared ${done} pair${done === 1 ? "" : "s"}. You may close this page.`;
    return show("thanks");
  }
  show("pair");
  $("progress").max = of;
  $("progress").value = done;
  $("state").textContent = `${done + 1} of ${of}`;
  $("prompt").textContent = found.prompt;
  $("prompt").hidden = !found.prompt;
  $("given").hidden = !found.start;
  await Promise.all(["first", "second", "start"].filter((id) => found[id]).map((id) => load($(id), found[id])));
  ready(true);
}

async function load(image, url) {
  image.src = url;
  await image.decode();
  image.classList.toggle("low", image.naturalWidth <= 256);
}

async function vote(id) {
  if ($(id).disabled || !ballot) return;
  ready(false);
  try {
    await ask("vote", { rater, ballot: ballot.id, vote: VOTES[id] });
  } catch (error) {
    $("state").textContent = error.message;
  }
  await safely(following);
}

async function safely(work) {
  try {
    await work();
  } catch (error) {
    $("state").textContent = error.message;
  }
}

async function begin() {
  if (!rater) {
    const told = await ask("begin", { code: location.hash.slice(1) });
    rater = told.rater;
    sessionStorage.setItem("rater", rater);
    sessionStorage.setItem("question", told.question);
  }
  $("question").textContent = sessionStorage.getItem("question");
  await following();
}

$("begin").onclick = () => safely(begin);
for (const id in VOTES) $(id).onclick = () => vote(id);
document.onkeydown = (event) => {
  const id = { 1: "one", ArrowLeft: "one", 2: "two", ArrowRight: "two", 0: "tie", ArrowDown: "tie" }[event.key];
  if (id && !$("pair").hidden) { event.preventDefault(); vote(id); }
};
if (rater) safely(begin).then(() => { if ($("pair").hidden && $("thanks").hidden) { sessionStorage.clear(); rater = null; } });
