// The live page: which cards are shown, what goes on, and where the reader is.

const PAGE_CARDS = 60;

const EVERYTHING = { state: '', flag: '', verdict: '', account: '', column: '', value: '', find: '' };

/** What the reader asked to see. */
const view = { ...EVERYTHING, sort: 'flagged' };

/** The cards that are shown, and no others: a page has the same size however many jobs there are. */
let cards = [];
/** Where this page begins, where the pages before it began, and where the next one does. */
let start = '';
let before = [];
let next;
/** Whether the list was read to its end: what is added to the queue comes behind it. */
let isAtEnd = false;
let overview = null;
let flaggedWhenAsked = 0;
/** Counts up with every question, so that a late answer to an earlier one is dropped. */
let question = 0;

const placeOf = (card) => [...list.children].indexOf(card);

// ---- asking

const wish = () => Object.fromEntries(Object.entries({ ...view, after: start }).filter(([, value]) => value !== ''));

/** Asks for the page that begins at `start`. Where few of many jobs are like that, it asks on until it is full. */
async function load() {
  question += 1;
  isAtEnd = false;
  const mine = question;
  flaggedWhenAsked = overview?.flagged ?? 0;
  byId('fresh').hidden = true;
  let isFirst = true;
  try {
    do {
      const from = isFirst ? start : next;
      const answer = await ask('/api/cards', { ...wish(), after: from, most: PAGE_CARDS - (isFirst ? 0 : cards.length) });
      if (mine !== question) {
        return false;
      }
      if (isFirst) {
        showCards(answer.cards);
      } else {
        addCards(answer.cards);
      }
      isFirst = false;
      showEnd(answer);
    } while (cards.length < PAGE_CARDS && next !== undefined);
  } catch (error) {
    if (!(error instanceof Refusal)) {
      throw error;
    }
    tellReader(error.message);
    return false;
  }
  return true;
}

function showCards(found) {
  const hadFocus = focusedCard() !== null;
  cards = found;
  current = Math.min(current, Math.max(cards.length - 1, 0));
  list.replaceChildren(...cards.map(cardOf));
  if (hadFocus) {
    focusOn(current);
  }
  remember();
}

function addCards(further) {
  cards.push(...further);
  list.append(...further.map(cardOf));
}

/** Shows how far the list was read, and whether there is more. */
function showEnd({ next: from, seen }) {
  next = from;
  isAtEnd = next === undefined;
  const isLooking = next !== undefined && cards.length < PAGE_CARDS;
  byId('nothing').hidden = cards.length > 0 || isLooking;
  byId('shown').textContent = isLooking
    ? t(`looking through ${grouped(overview?.total ?? 0)} jobs: at ${grouped(seen)}`)
    : t(`${cards.length} on this page`);
  for (const turn of document.querySelectorAll('[data-turn]')) {
    turn.disabled = Number(turn.dataset.turn) < 0 ? before.length === 0 : next === undefined;
  }
}

/** Takes what jobs are now, as far as they are shown. What somebody else has changed is to be noticed. */
function takeCards(fresh, isNews) {
  for (const job of fresh) {
    const place = cards.findIndex(({ seq }) => seq === job.seq);
    if (place >= 0 && cards[place].version !== job.version) {
      takeCard(job, place, isNews);
    }
  }
}

const hasSamePictures = (one, other) => one.result === other.result && one.state === other.state;

function takeCard(job, place, isNews) {
  const was = cards[place];
  cards[place] = job;
  let card = list.children[place];
  if (hasSamePictures(was, job)) {
    showAbout(card, job);
  } else {
    const hadFocus = card.contains(document.activeElement);
    const made = cardOf(job);
    card.replaceWith(made);
    card = made;
    if (hadFocus) {
      card.querySelector('.id').focus({ preventScroll: true });
    }
  }
  if (isNews) {
    card.classList.remove('has-news');
    card.getBoundingClientRect();
    card.classList.add('has-news');
  }
  if (!viewer.open || current !== place) {
    return;
  }
  if (hasSamePictures(inViewer, job)) {
    inViewer = job;
    showJudgement(viewer, job);
    showFlags(viewer, job);
  } else {
    showInViewer(job, viewer.querySelector('.place').textContent);
  }
}

/** What has become of the cards that are shown; and where the list ends on this page, of what has come behind them. */
async function catchUp() {
  if (cards.length > 0) {
    takeCards(await ask('/api/changed', { cards: cards.map(({ seq, version }) => `${seq}.${version}`).join(',') }), true);
  }
  if (isAtEnd && cards.length < PAGE_CARDS && view.find === '') {
    const mine = question;
    const answer = await ask('/api/cards', wish());
    const shown = new Set(cards.map(({ seq }) => seq));
    const added = answer.cards.filter(({ seq }) => !shown.has(seq)).slice(0, PAGE_CARDS - cards.length);
    if (mine === question && added.length > 0) {
      addCards(added);
      showEnd({});
    }
  }
}

// ---- what goes on

let isCatchingUp = false;
let tickSeen = 0;

async function onNews(fresh) {
  if (fresh.trouble !== undefined) {
    showPulse('lost', fresh.trouble);
    return;
  }
  const isFirst = overview === null;
  overview = fresh;
  showOverview();
  showPulse('live');
  if (isFirst) {
    flaggedWhenAsked = overview.flagged;
  }
  byId('fresh').hidden = view.sort !== 'flagged' || overview.flagged <= flaggedWhenAsked || before.length > 0;
  if (isCatchingUp) {
    return;
  }
  isCatchingUp = true;
  try {
    while (tickSeen !== overview.tick) {
      tickSeen = overview.tick;
      await catchUp();
    }
  } catch (error) {
    if (!(error instanceof Refusal)) {
      throw error;
    }
    showPulse('lost', error.message);
  } finally {
    isCatchingUp = false;
  }
}

function showPulse(state, why) {
  const pulse = byId('pulse');
  pulse.className = `pulse is-${state}`;
  const isRunning = overview?.at_work ?? false;
  const words = { live: isRunning ? 'a run is at work' : 'live, no run at work', lost: 'connection lost, trying again' };
  pulse.textContent = t(words[state]);
  pulse.title = why ?? '';
  document.documentElement.dataset.pulse = state;
}

function showOverview() {
  const { total, states, flagged, approved, rejected, unjudged, unusable, units, rate, left, paused } = overview;
  const count = Object.fromEntries(states);
  const figures = [
    ['images', grouped(count.succeeded), t(`of ${grouped(total)}`)],
    ['unjudged', grouped(unjudged)],
    ['approved', grouped(approved)],
    ['rejected', grouped(rejected)],
    flagged > 0 && ['flagged', grouped(flagged), t('to be looked at')],
    count.failed > 0 && ['failed', grouped(count.failed), unusable > 0 ? t(`${grouped(unusable)} unusable rows`) : ''],
    count.in_doubt > 0 && ['in doubt', grouped(count.in_doubt)],
    ['units', units],
  ].filter(Boolean);
  byId('figures').replaceChildren(...figures.map(([label, value, note]) => {
    const figure = element('div', '');
    const shown = element('dd', '', value);
    if (note) {
      shown.append(' ', element('small', '', note));
    }
    figure.append(element('dt', '', t(label)), shown);
    return figure;
  }));
  byId('course').textContent = [paused && `${t('paused:')} ${paused}`, rate && t(rate), left && `${t(left)} ${t('left')}`]
    .filter(Boolean).map((piece) => `· ${piece}`).join(' ');
  showShare(states, total);
  showChips(count);
  showAccounts();
}

function showShare(states, total) {
  const svg = byId('share');
  const order = ['succeeded', 'failed', 'in_doubt', 'downloading', 'running', 'submitting', 'pending', 'cancelled'];
  const counts = Object.fromEntries(states);
  let from = 0;
  svg.replaceChildren(...order.filter((state) => counts[state] > 0).map((state) => {
    const part = document.createElementNS('http://www.w3.org/2000/svg', 'rect');
    const width = counts[state] / total * 100;
    for (const [name, value] of [['class', state], ['x', `${from}%`], ['width', `${width}%`], ['height', 10]]) {
      part.setAttribute(name, value);
    }
    from += width;
    return part;
  }));
  svg.setAttribute('aria-label', order.filter((state) => counts[state] > 0).map((state) => `${grouped(counts[state])} ${spoken(state)}`).join(', '));
}

function chip(className, text, count, isPressed, onPress) {
  const made = element('button', 'chip');
  made.type = 'button';
  made.setAttribute('aria-pressed', String(isPressed));
  made.append(element('i', className), text, ' ', element('b', '', grouped(count)));
  made.addEventListener('click', onPress);
  return made;
}

function showChips(count) {
  const chosen = new Set(view.state.split(',').filter(Boolean));
  const toggled = (state) => {
    const states = new Set(chosen);
    if (!states.delete(state)) {
      states.add(state);
    }
    return [...states].join(',');
  };
  const states = STATES.filter((state) => count[state] > 0 || chosen.has(state));
  const hadFocus = byId('states').contains(document.activeElement) ? [...byId('states').children].indexOf(document.activeElement) : -1;
  const flags = overview.flags.length === 0 && view.flag === '' ? [] : [['any', overview.flagged], ...overview.flags];
  byId('states').replaceChildren(
    ...states.map((state) => chip(state, spoken(state), count[state], chosen.has(state), () => choose({ state: toggled(state) }))),
    ...flags.map(([flag, number]) => chip('flagged', t(flag === 'any' ? 'flagged' : flag), number, view.flag === flag, () => choose({ flag: view.flag === flag ? '' : flag }))),
  );
  byId('states').children[hadFocus]?.focus();
}

function showAccounts() {
  const select = byId('account');
  const known = new Set([...select.options].map(({ value }) => value));
  const wanted = view.account === '' ? [] : [view.account];
  for (const name of [...overview.accounts, ...wanted].filter((account) => !known.has(account))) {
    const option = element('option', '', name);
    option.value = name;
    select.append(option);
  }
  select.value = view.account;
  byId('of-account').hidden = select.options.length < 2;
}

// ---- where the reader is

/** A new question begins at its first page. */
function choose(change) {
  Object.assign(view, change);
  [start, before, next, current] = ['', [], undefined, 0];
  showTools();
  return load();
}

function showTools() {
  for (const name of ['find', 'verdict', 'account', 'column', 'value', 'sort']) {
    if (byId(name) !== null) {
      byId(name).value = view[name];
    }
  }
  if (byId('of-value') !== null) {
    byId('of-value').hidden = view.column === '';
  }
  if (overview !== null) {
    showChips(Object.fromEntries(overview.states));
  }
}

let isTurning = false;

async function turn(by, place) {
  // Whoever is quick presses a key once more before the next page is there.
  if (isTurning || (by > 0 ? next === undefined : before.length === 0)) {
    return;
  }
  isTurning = true;
  if (by > 0) {
    before.push(start);
    start = next;
  } else {
    start = before.pop();
  }
  current = 0;
  const isLoaded = await load();
  isTurning = false;
  if (isLoaded) {
    toListTop();
    if (place !== undefined) {
      goTo(place < 0 ? cards.length - 1 : place);
    }
  }
}

function focusOn(place) {
  current = place;
  focusCard(list.children[place]);
}

/** Goes to a card of this page, or on to the next one and back to the one before. */
function goTo(place) {
  if (place < 0) {
    return turn(-1, -1);
  }
  if (place >= cards.length) {
    return turn(1, 0);
  }
  if (viewer.open) {
    open(place);
  } else {
    focusOn(place);
  }
  return undefined;
}

function goToSeen(id) {
  const place = cards.findIndex((job) => job.id === id);
  if (place >= 0) {
    goTo(place);
  }
}

function open(place) {
  current = place;
  viewed = place;
  showInViewer(cards[place], t(`${place + 1} of ${cards.length} on this page`));
}

/** The view and its page are in the address, so that opening the page again goes on there. */
function remember() {
  const said = new URLSearchParams(wish());
  if (view.sort === 'flagged') said.delete('sort');
  history.replaceState({ before }, '', said.size > 0 ? `#${said}` : location.pathname);
}

function recall() {
  const said = new URLSearchParams(location.hash.slice(1));
  Object.assign(view, EVERYTHING, { sort: 'flagged' });
  for (const name of Object.keys(view)) {
    view[name] = said.get(name) ?? view[name];
  }
  start = said.get('after') ?? '';
  before = history.state?.before ?? (start === '' ? [] : ['']);
}

// ---- judging

/** With a key one goes on to the next card at once; with the mouse one stays. */
function approve(place, goesOn) {
  const job = cards[place];
  if (canJudge(job)) {
    judge(job, job.review?.verdict === 'approved' && !goesOn ? null : 'approved');
    if (goesOn) goTo(place + 1);
  }
}

function reject(place, goesOn) {
  const job = cards[place];
  if (!canJudge(job)) {
    return;
  }
  if (job.review?.verdict === 'rejected' && !goesOn) {
    judge(job, null);
    return;
  }
  // The job as the reader saw it: what another window says while they think about a reason is not known to them.
  askWhy(job, (reason) => {
    judge(job, 'rejected', reason);
    if (goesOn) goTo(place + 1);
  });
}

let noticeTimer;
function tellReader(text) {
  (document.querySelector('dialog[open]') ?? document.body).append(byId('notice'));
  byId('notice-text').textContent = text;
  byId('notice').hidden = false;
  clearTimeout(noticeTimer);
  noticeTimer = setTimeout(() => { byId('notice').hidden = true; }, 12_000);
}

// ---- wiring

byId('tools').addEventListener('submit', (event) => {
  event.preventDefault();
  choose({ find: byId('find').value.trim() });
});
byId('find').addEventListener('search', ({ target }) => {
  if (target.value === '' && view.find !== '') choose({ find: '' });
});
for (const name of ['verdict', 'account', 'sort']) {
  byId(name).addEventListener('change', ({ target }) => choose({ [name]: target.value }));
}
byId('column')?.addEventListener('change', ({ target }) => {
  if (target.value === '') {
    choose({ column: '', value: '' });
    return;
  }
  // A column alone asks for nothing: its value does.
  byId('of-value').hidden = false;
  byId('value').focus();
});
byId('value')?.addEventListener('change', ({ target }) => choose({ column: byId('column').value, value: target.value }));
byId('everything').addEventListener('click', () => choose({ ...EVERYTHING }));
byId('fresh').addEventListener('click', () => choose({}));
byId('notice-close').addEventListener('click', () => { byId('notice').hidden = true; });

wire({
  placeOf,
  count: () => cards.length,
  goTo,
  open,
  turn,
  approve,
  reject,
  key: (key) => (key === 'u' && CAN_JUDGE ? undo : undefined),
  isBusy: (event) => {
    if (reasons.open) reasonKey(event);
    return reasons.open;
  },
  closed: () => focusOn(current),
});

new ResizeObserver(() => keepClear('scrollPaddingTop', byId('tools'))).observe(byId('tools'));

/** Another address of this page was put in. */
addEventListener('hashchange', () => {
  recall();
  current = 0;
  showTools();
  load();
});

keepReviewer();
fillReasons();
recall();
showTools();
news.follow(onNews, showPulse);
await load();
document.documentElement.dataset.ready = '';
