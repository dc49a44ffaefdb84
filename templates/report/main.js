// The page in a file: which jobs are shown, where the reader is, and what marking a result does.

const PAGE_JOBS = 40;

const EVERYTHING = { find: '', states: new Set(), verdict: '', reason: null, flag: null };

/** Where there are flagged results they come first, unless the reader wants another order. */
const USUAL_SORT = byId('sort').options[0].value;

/** What the reader asked to see. */
const view = { ...EVERYTHING, sort: USUAL_SORT, descending: false };
let chosen = [];
let page = 0;
let isReading = true;

const pageCount = () => Math.max(1, Math.ceil(chosen.length / PAGE_JOBS));
const cardAt = (place) => list.children[place - page * PAGE_JOBS];

// ---- showing

function chooseAnew() {
  const keep = chosen[current];
  chosen = select(view);
  // Where the reader's job is no longer among them, the one that took its place is the reader's.
  const place = chosen.indexOf(keep);
  current = Math.max(0, place < 0 ? Math.min(current, chosen.length - 1) : place);
  page = Math.floor(current / PAGE_JOBS);
  showPage();
}

/** A new question begins at its first answer. */
function ask(change) {
  Object.assign(view, change);
  chosen = [];
  current = 0;
  chooseAnew();
  remember();
}

function showPage() {
  const first = page * PAGE_JOBS;
  list.replaceChildren(...chosen.slice(first, first + PAGE_JOBS).map(cardOf));
  const last = Math.min(first + PAGE_JOBS, chosen.length);
  byId('shown').textContent = chosen.length === 0 ? t('no jobs')
    : t(`${grouped(first + 1)}–${grouped(last)} of ${jobsCounted(chosen.length)}`) + (isReading ? t(', reading…') : '');
  byId('page').value = page + 1;
  byId('page').max = pageCount();
  byId('pages').textContent = grouped(pageCount());
  byId('nothing').hidden = chosen.length > 0 || isReading;
  for (const turn of document.querySelectorAll('[data-turn]')) {
    turn.disabled = Number(turn.dataset.turn) < 0 ? page === 0 : page + 1 >= pageCount();
  }
  showTools();
}

function showTools() {
  byId('find').value = view.find;
  byId('sort').value = view.sort;
  byId('direction').setAttribute('aria-pressed', String(view.descending));
  byId('direction').textContent = view.descending ? '↓' : '↑';
  for (const chip of document.querySelectorAll('.chip[data-state]')) {
    chip.setAttribute('aria-pressed', String(view.states.has(chip.dataset.state)));
  }
  for (const chip of document.querySelectorAll('.chip[data-verdict]')) {
    chip.setAttribute('aria-pressed', String(view.verdict === chip.dataset.verdict));
  }
  showFlagChip();
  byId('only-reason').hidden = view.reason === null;
  if (view.reason !== null) {
    const reason = document.querySelector(`[data-reason="${view.reason}"]`)?.closest('li')?.querySelector('.reason');
    const said = reason?.textContent ?? (view.reason === UNUSABLE ? t('rows that could not be used') : t('one reason'));
    byId('only-reason').title = said;
    byId('only-reason').querySelector('.said').textContent = said;
  }
}

function showFlagChip() {
  const chip = byId('only-flagged');
  if (chip === null) {
    return;
  }
  const isOne = view.flag !== null && view.flag !== ANY_FLAG;
  chip.setAttribute('aria-pressed', String(view.flag !== null));
  chip.querySelector('.which').textContent = isOne ? `: ${t(view.flag)}` : '';
  chip.querySelector('b').textContent = grouped(jobs.filter((job) => hasFlag(job, isOne ? view.flag : ANY_FLAG)).length);
}

function showMarks() {
  const count = marks.all().length;
  byId('rejected-bar').hidden = count === 0;
  byId('rejected-count').textContent = grouped(count);
  byId('rejected-kept').textContent = marks.isKept ? '' : t('not kept: this browser does not remember for this page');
  showVerdictChips();
  keepAllClear();
}

/** Where nothing was judged there is nothing to choose by. */
function showVerdictChips() {
  const counts = { unjudged: 0, approved: 0, rejected: 0 };
  for (const job of jobs) {
    const verdict = verdictOf(job);
    if (verdict !== undefined) counts[verdict] += 1;
  }
  const isJudged = counts.approved + counts.rejected > 0;
  for (const word of VERDICTS) {
    const chip = document.querySelector(`.chip[data-verdict="${word}"]`);
    chip.querySelector('b').textContent = grouped(counts[word]);
    chip.hidden = view.verdict !== word && (!isJudged || counts[word] === 0);
  }
}

function keepAllClear() {
  keepClear('scrollPaddingTop', byId('tools'));
  keepClear('scrollPaddingBottom', byId('rejected-bar'));
}

// ---- moving

function turnTo(to, focusPlace) {
  const target = Math.min(Math.max(to, 0), pageCount() - 1);
  if (target !== page) {
    page = target;
    current = Math.min(Math.max(current, page * PAGE_JOBS), Math.min((page + 1) * PAGE_JOBS, chosen.length) - 1);
    showPage();
    remember();
    if (focusPlace === undefined) {
      toListTop();
    }
  }
  if (focusPlace !== undefined) {
    focusOn(focusPlace);
  }
}

function focusOn(place) {
  current = place;
  focusCard(cardAt(place));
}

/** Goes to a place among the chosen jobs, turning the page where it must. */
function goTo(place) {
  if (place < 0 || place >= chosen.length) {
    return;
  }
  current = place;
  if (viewer.open) {
    open(place);
    return;
  }
  turnTo(Math.floor(place / PAGE_JOBS), place);
}

const placeOf = (card) => page * PAGE_JOBS + [...list.children].indexOf(card);

function open(place) {
  current = place;
  viewed = place;
  showInViewer(chosen[place], t(`${grouped(place + 1)} of ${grouped(chosen.length)}`));
}

// ---- judging

function toggleMark(place) {
  const job = chosen[place];
  if (job === undefined || !marks.can(job)) {
    return;
  }
  const hadBar = !byId('rejected-bar').hidden;
  marks.toggle(job);
  const card = cardAt(place);
  if (card !== undefined) {
    showJudgement(card, job);
  }
  if (viewer.open) {
    showJudgement(viewer, job);
  }
  showMarks();
  if (!hadBar) {
    // The bar may have come up in front of the card.
    focusedCard()?.scrollIntoView({ block: 'nearest' });
  }
  followMarks();
}

function showMarksEverywhere() {
  [...list.children].forEach((card) => showJudgement(card, chosen[placeOf(card)]));
  if (viewer.open) {
    showJudgement(viewer, chosen[viewed]);
  }
  showMarks();
  followMarks();
}

/** A list by verdicts follows the marks. Behind the viewer it waits, for a slip can be taken back there. */
function followMarks() {
  if (view.verdict === '' || viewer.open) {
    return;
  }
  const hadFocus = focusedCard() !== null;
  chooseAnew();
  remember();
  if (hadFocus) {
    standOn(current);
  }
}

/** Focuses a card, or where none is left, what leads on. */
function standOn(place) {
  if (chosen.length === 0) {
    byId('everything').focus();
  } else {
    goTo(place);
  }
}

// ---- remembering the view in the address, so that a page that was written again is shown where one was

function remember() {
  const said = new URLSearchParams();
  if (view.find !== '') said.set('find', view.find);
  if (view.states.size > 0) said.set('state', [...view.states].join(','));
  if (view.verdict !== '') said.set('verdict', view.verdict);
  if (view.reason !== null) said.set('reason', view.reason);
  if (view.flag !== null) said.set('flag', view.flag);
  if (view.sort !== USUAL_SORT) said.set('sort', view.sort);
  if (view.descending) said.set('down', '');
  if (page > 0) said.set('page', page + 1);
  try {
    history.replaceState(null, '', `#${said}`);
  } catch {
    // A browser that allows no such address for pages from disk does without.
  }
}

/** A reason by its number, or that of the unusable rows. */
function reasonNamed(word) {
  const reason = /^\d+$/.test(word) ? Number(word) : null;
  return word === UNUSABLE ? UNUSABLE : reason;
}

function recall() {
  const said = new URLSearchParams(location.hash.slice(1));
  view.find = said.get('find') ?? '';
  view.states = new Set((said.get('state') ?? '').split(',').filter((word) => STATES.includes(word)));
  view.verdict = VERDICTS.includes(said.get('verdict')) ? said.get('verdict') : '';
  view.reason = reasonNamed(said.get('reason') ?? '');
  view.flag = FLAGS.includes(said.get('flag')) ? said.get('flag') : null;
  view.sort = [...byId('sort').options].some(({ value }) => value === said.get('sort')) ? said.get('sort') : USUAL_SORT;
  view.descending = said.has('down');
  return Math.max(0, (Number.parseInt(said.get('page'), 10) || 1) - 1);
}

// ---- wiring

let asked;
byId('find').addEventListener('input', ({ target }) => {
  clearTimeout(asked);
  asked = setTimeout(() => ask({ find: target.value }), 120);
});
byId('tools').addEventListener('submit', (event) => {
  event.preventDefault();
  ask({ find: byId('find').value });
});
byId('sort').addEventListener('change', ({ target }) => ask({ sort: target.value }));
byId('direction').addEventListener('click', () => ask({ descending: !view.descending }));
byId('only-flagged')?.addEventListener('click', () => ask({ flag: view.flag === null ? ANY_FLAG : null }));
byId('only-reason').addEventListener('click', () => ask({ reason: null }));
byId('everything').addEventListener('click', () => ask({ ...EVERYTHING }));
byId('page').addEventListener('change', ({ target }) => {
  turnTo(target.value === '' ? page : Math.floor(Number(target.value)) - 1);
  // Whatever was typed, the field says which page is shown.
  target.value = page + 1;
});

document.addEventListener('click', ({ target }) => {
  const chip = target.closest('.chip[data-state]');
  const reason = target.closest('[data-reason]');
  const flag = target.closest('[data-flag]');
  const verdict = target.closest('.chip[data-verdict]')?.dataset.verdict;
  if (chip !== null) {
    const states = new Set(view.states);
    if (!states.delete(chip.dataset.state)) {
      states.add(chip.dataset.state);
    }
    ask({ states });
  } else if (reason !== null) {
    ask({ ...EVERYTHING, reason: reasonNamed(reason.dataset.reason) });
    toListTop();
  } else if (flag !== null) {
    ask({ ...EVERYTHING, flag: flag.dataset.flag });
    toListTop();
  } else if (verdict !== undefined) {
    ask({ verdict: view.verdict === verdict ? '' : verdict });
  }
});

wire({
  placeOf,
  count: () => chosen.length,
  goTo,
  open,
  turn: (by) => turnTo(page + by),
  reject: toggleMark,
  closed: () => {
    followMarks();
    standOn(current);
  },
});

byId('save-rejected').addEventListener('click', () => saveText(viewer.dataset.file, rejectedCsv()));
byId('copy-rejected').addEventListener('click', ({ target }) => copyFrom(target, rejectedCsv()));
byId('clear-rejected').addEventListener('click', ({ target }) => {
  if (target.dataset.sure === undefined) {
    target.dataset.sure = '';
    target.textContent = t('Clear all marks?');
    setTimeout(() => { delete target.dataset.sure; target.textContent = t('Clear'); }, 3000);
    return;
  }
  marks.clear();
  showMarksEverywhere();
});
window.addEventListener('storage', ({ key }) => {
  if (key === marks.key) {
    marks.read();
    showMarksEverywhere();
  }
});

const clearing = new ResizeObserver(keepAllClear);
clearing.observe(byId('tools'));
clearing.observe(byId('rejected-bar'));

for (const code of document.querySelectorAll('.command code')) {
  const words = code.textContent.split(' ').flatMap((word) => [' ', element('span', 'word', word)]);
  code.replaceChildren(...words.slice(1));
}

marks.read();
const wantedPage = recall();
const showFirst = () => { chosen = select(view); showPage(); };
await readJobs(showFirst);
isReading = false;
chosen = select(view);
page = Math.min(wantedPage, pageCount() - 1);
current = page * PAGE_JOBS;
showPage();
showMarks();
document.documentElement.dataset.ready = '';
