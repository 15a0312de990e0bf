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
