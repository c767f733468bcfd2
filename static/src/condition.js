// The builder of a condition: attribute, comparison, values. The server reads and writes the expression, so what the
// builder shows is what will be decided; a condition that is more than common comparisons stays text.

const ask = async (address, body) => {
  const answer = await fetch(address, { method: "POST", body, headers: { Accept: "application/json" } });
  return answer.ok ? answer.json() : { error: "The server does not answer." };
};

let dialog = null, cell = null, sheet = null, address = "", token = "", turn = 0, table = null;

export async function openBuilder(input, inSheet, at, tools) {
  dialog = document.querySelector("dialog[data-builder]");
  if (!dialog) return;
  [cell, sheet, address, table] = [input, inSheet, at, tools];
  token = input.form.querySelector('[name="_csrf"]').value;
  wire();
  const got = await ask(address, new URLSearchParams({ _csrf: token, when: input.value }));
  const note = dialog.querySelector("[data-note]");
  note.hidden = got.plain === true;
  note.textContent = got.error ?? "This condition is more than common comparisons, so it is edited as text. What you build here takes its place.";
  dialog.querySelector("[data-any]").value = got.any ? "any" : "";
  dialog.querySelector("[data-tests]").replaceChildren();
  for (const test of got.tests ?? []) addTest(test);
  if ((got.tests ?? []).length === 0) addTest({ attribute: "", operator: "is", values: "" });
  dialog.querySelector("[data-words]").textContent = input.value || "everybody";
  dialog.returnValue = "";
  dialog.showModal();
  dialog.querySelector("[data-tests] input")?.focus();
}

function wire() {
  if (dialog.dataset.wired) return;
  dialog.dataset.wired = "yes";
  dialog.addEventListener("input", preview);
  dialog.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if ("addTest" in button.dataset) { addTest({ attribute: "", operator: "is", values: "" }).querySelector("input").focus(); preview(); }
    if ("dropTest" in button.dataset) { button.closest("[data-test]").remove(); preview(); dialog.querySelector("[data-add-test]").focus(); }
  });
  dialog.addEventListener("submit", async (event) => {
    if (event.submitter?.value !== "use") return;
    event.preventDefault();
    const got = await write();
    if (got.error) return tell(got.error);
    const [input, before] = [cell, cell.value];
    input.value = got.when;
    table.remember(sheet, () => { input.value = before; return input; });
    table.changed(sheet, "Condition set");
    dialog.close("use");
    input.focus();
  });
  dialog.addEventListener("close", () => cell?.focus());
}

function addTest({ attribute, operator, values }) {
  const line = dialog.querySelector("template[data-test-blank]").content.firstElementChild.cloneNode(true);
  line.querySelector("[data-attribute]").value = attribute;
  line.querySelector("[data-operator]").value = operator;
  line.querySelector("[data-values]").value = values;
  dialog.querySelector("[data-tests]").append(line);
  suit(line);
  return line;
}

// suit hides the values where the comparison takes none.
function suit(line) {
  const option = line.querySelector("[data-operator]").selectedOptions[0];
  const values = line.querySelector("[data-values]");
  values.disabled = option?.dataset.takes === "0";
  values.placeholder = option?.dataset.takes === "2" ? "Sales, Marketing" : option?.dataset.takes === "0" ? "" : "Sales";
}

function write() {
  const body = new URLSearchParams({ _csrf: token, build: "yes", any: dialog.querySelector("[data-any]").value });
  for (const line of dialog.querySelectorAll("[data-test]")) {
    if (line.querySelector("[data-attribute]").value.trim() === "" && line.querySelector("[data-values]").value.trim() === "") continue;
    for (const part of ["attribute", "operator", "values"]) body.append(part, line.querySelector(`[data-${part}]`).value);
  }
  return ask(address, body);
}

async function preview(event) {
  for (const line of dialog.querySelectorAll("[data-test]")) suit(line);
  const mine = ++turn;
  await new Promise((resolve) => setTimeout(resolve, event ? 200 : 0));
  if (mine !== turn) return;
  const got = await write();
  if (mine !== turn) return;
  tell(got.error ?? "");
  if (!got.error) dialog.querySelector("[data-words]").textContent = got.when || "everybody";
}

function tell(text) {
  const error = dialog.querySelector("[data-builder-error]");
  error.textContent = text;
  error.hidden = text === "";
}
