// Enhancement only: every page works without this file.
"use strict";

// A list that sorts or filters by a select applies at once; the button stays for everybody else.
document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-auto]");
  if (form) form.requestSubmit();
});

// Numbers and keys are copied with one press.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    const said = button.textContent;
    button.textContent = button.dataset.copied;
    setTimeout(() => { button.textContent = said; }, 1600);
  } catch {
    // Without permission the text can still be selected by hand.
  }
});
for (const button of document.querySelectorAll("button[data-copy], button[data-print]")) {
  button.hidden = false;
}
document.addEventListener("click", (event) => {
  if (event.target.closest("button[data-print]")) window.print();
});

// The summary of a form's errors takes the focus.
document.querySelector(".error-summary")?.focus();

// A session that is about to end says so two minutes before, so that nothing typed is lost.
const ending = document.querySelector(".session-end");
if (ending) {
  const soonMs = 120_000;
  // The server knows the last use to the minute.
  const stepMs = 60_000;
  const idleMs = ending.dataset.left * 1000;
  const last = Date.now() + ending.dataset.last * 1000;
  let ends = Date.now() + idleMs;
  const part = (name) => ending.querySelector(name);
  const look = () => {
    const left = ends - Date.now();
    ending.hidden = left > soonMs;
    part(".session-soon").hidden = left <= 0;
    part(".session-over").hidden = left > 0;
    part(".session-stay").hidden = left <= 0 || ends >= last;
    if (left > 0) setTimeout(look, left > soonMs ? left - soonMs : left);
  };
  part(".session-stay").addEventListener("click", async () => {
    try {
      const answer = await fetch("/account", { method: "HEAD", redirect: "manual" });
      ends = answer.ok ? Math.min(Date.now() + idleMs - stepMs, last) : Date.now();
    } catch {
      // Without an answer the time that is left stays as it was.
    }
    look();
  });
  look();
}
