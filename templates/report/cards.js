// A job as a card: human, garment, result, and what there is to say.

const isAddress = (link) => /^https?:\/\//i.test(link);

function element(name, className, text) {
  const made = document.createElement(name);
  made.className = className;
  if (text !== undefined) {
    made.textContent = text;
  }
  return made;
}

/** A place where a picture would be. */
function emptyTile(kind, text) {
  const tile = element('div', `tile empty ${kind}`);
  tile.append(element('span', 'what', kind), element('span', 'said', text));
  return tile;
}

/** A picture on the web is not fetched: the page asks nothing of any network. Whoever wants to see it follows the link. */
function webTile(kind, link) {
  const tile = emptyTile(kind, new URL(link).host);
  const open = element('a', 'open', 'open on the web');
  open.href = link;
  open.target = '_blank';
  open.rel = 'noreferrer noopener';
  tile.append(open);
  return tile;
}

function pictureTile(kind, link, alt) {
  const tile = element('div', `tile ${kind}`);
  const image = new Image();
  image.loading = 'lazy';
  image.decoding = 'async';
  image.alt = alt;
  image.addEventListener('error', () => tile.replaceWith(emptyTile(kind, `${fileName(decodeURIComponent(link))} is not there`)));
  image.src = link;
  tile.append(image);
  return tile;
}

function inputTile(kind, picture) {
  if (picture.link === null) {
    return emptyTile(kind, fileName(picture.name));
  }
  const name = fileName(picture.name);
  const tile = isAddress(picture.link) ? webTile(kind, picture.link) : pictureTile(kind, picture.link, `${kind}: ${name}`);
  tile.title = picture.name;
  return tile;
}

function resultTile(job) {
  return job.result === undefined
    ? emptyTile('result', spoken(job.state))
    : pictureTile('result', job.result, `result: ${job.id}`);
}

/** An outfit's garments stand above one another, as they are worn. */
function garmentTile(cloths) {
  const tiles = cloths.map((cloth) => inputTile('garment', cloth));
  if (tiles.length === 1) {
    return tiles[0];
  }
  const outfit = element('div', 'outfit');
  outfit.append(...tiles);
  return outfit;
}

const tilesOf = (job) => [inputTile('human', job.human), garmentTile(job.cloths), resultTile(job)];

/** The clock of the report, whoever looks at it from wherever. */
const clock = clockOf(document.documentElement.dataset.zone);

function clockOf(timeZone) {
  const parts = { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' };
  try {
    return new Intl.DateTimeFormat('en-GB', { ...parts, timeZone });
  } catch {
    // A zone that this browser does not know.
    return new Intl.DateTimeFormat('en-GB', { ...parts, timeZone: 'UTC', timeZoneName: 'short' });
  }
}

/** The facts of a job that are known, with their names. */
function factsOf(job) {
  const { attempts } = job;
  return [
    ['took', job.seconds === undefined ? undefined : `${job.seconds.toFixed(1)} s`],
    ['finished', job.finished === undefined ? undefined : clock.format(job.finished)],
    ['attempts', attempts > 1 ? `${attempts}` : undefined],
    ['units', job.units === undefined ? undefined : `${job.units}`],
    ['size', job.size === undefined ? undefined : `${job.size[0]} × ${job.size[1]}`],
    ['model', job.model],
    ['account', job.account],
    ['task', job.task],
    ['human', job.human.name],
    ['garment', job.cloths.map(({ name }) => name).join(', ')],
    ['sent', job.sent_as],
  ].filter(([, value]) => value !== undefined);
}

function metaOf(job) {
  const facts = Object.fromEntries(factsOf(job));
  return [facts.took, facts.finished, facts.attempts && `${facts.attempts} attempts`, facts.account].filter(Boolean).join(' · ');
}

/** Shows on a card, or in the viewer, whether its result is rejected. */
function showMark(holder, job) {
  const isRejected = marks.has(job);
  const button = holder.querySelector('.reject');
  holder.classList.toggle('is-rejected', isRejected);
  button.hidden = !marks.can(job);
  button.setAttribute('aria-pressed', String(isRejected));
  button.textContent = isRejected ? 'Rejected' : 'Reject';
}

function showState(holder, job) {
  const state = holder.querySelector('.state');
  state.className = `state ${job.state}`;
  state.textContent = spoken(job.state);
}

/** Shows what was noticed about a result. */
function showFlags(holder, job) {
  holder.querySelector('.flags').replaceChildren(...flagsOf(job).map((flag) => element('span', 'flag', flag)));
}

function cardOf(job) {
  const card = document.getElementById('card').content.firstElementChild.cloneNode(true);
  card.querySelector('.tiles').append(...tilesOf(job));
  card.querySelector('.id').textContent = job.id;
  card.querySelector('.meta').textContent = metaOf(job);
  card.querySelector('.why').textContent = job.why ?? '';
  showState(card, job);
  showFlags(card, job);
  showMark(card, job);
  return card;
}
