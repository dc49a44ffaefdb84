// Copying and saving, also where the browser gives a page from disk no clipboard.

async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text);
  }
}

function copyBySelection(text) {
  const area = document.createElement('textarea');
  area.value = text;
  area.className = 'offstage';
  (document.querySelector('dialog[open]') ?? document.body).append(area);
  const before = document.activeElement;
  area.select();
  const copied = document.execCommand('copy');
  area.remove();
  before?.focus();
  return copied;
}

/** Copies, and says so on the button that was pressed. */
async function copyFrom(button, text) {
  button.dataset.label ??= button.textContent;
  button.textContent = (await copyText(text)) ? t('Copied') : t('Could not copy');
  setTimeout(() => { button.textContent = button.dataset.label; }, 1600);
}

/** Saves a table. The mark at its beginning tells a spreadsheet that it is UTF-8, without which a Chinese Excel reads GBK. */
function saveText(name, text) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob(['\ufeff', text], { type: 'text/csv;charset=utf-8' }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** A cell of CSV; what a spreadsheet would take for a formula is defused as in report.csv. */
function cell(text) {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

const csv = (rows) => rows.map((row) => `${row.map(cell).join(',')}\r\n`).join('');
