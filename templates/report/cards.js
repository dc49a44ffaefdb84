// A job as a card: human, garment, result, and what there is to say.

/** A place where a picture would be. */
function emptyTile(kind, text) {
  const tile = element('div', `tile empty ${kind}`);
  tile.append(element('span', 'what', t(kind)), element('span', 'said', text));
  return tile;
}

/** A picture on the web is not fetched: the page asks nothing of any network. Whoever wants to see it follows the link. */
function webTile(kind, link) {
  const tile = emptyTile(kind, new URL(link).host);
  const open = element('a', 'open', t('open on the web'));
  open.href = link;
  open.target = '_blank';
  open.rel = 'noreferrer noopener';
  tile.append(open);
  return tile;
}

/** A picture, made small where there is room for no more. */
function pictureTile(kind, link, alt, name) {
  const tile = element('div', `tile ${kind}`);
  const image = new Image();
  image.loading = 'lazy';
  image.decoding = 'async';
  image.alt = alt;
  image.addEventListener('error', () => tile.replaceWith(emptyTile(kind, `${name} ${t('is not there')}`)));
  image.src = link;
  tile.append(image);
  return tile;
}

function inputTile(kind, picture, isSmall) {
  if (picture.link === null) {
    return emptyTile(kind, fileName(picture.name));
  }
  const name = fileName(picture.name);
  const tile = isAddress(picture.link)
    ? webTile(kind, picture.link)
    : pictureTile(kind, (isSmall && picture.small) || picture.link, `${t(kind)}: ${name}`, name);
  tile.title = picture.name;
  return tile;
}

function resultTile(job, isSmall) {
  return job.result === undefined
    ? emptyTile('result', spoken(job.state))
    : pictureTile('result', (isSmall && job.small) || job.result, `${t('result')}: ${job.id}`, fileName(decodedLink(job)));
}

/** An outfit's garments stand above one another, as they are worn. */
function garmentTile(cloths, isSmall) {
  const tiles = cloths.map((cloth) => inputTile('garment', cloth, isSmall));
  if (tiles.length === 1) {
    return tiles[0];
  }
  const outfit = element('div', 'outfit');
  outfit.append(...tiles);
  return outfit;
}

const tilesOf = (job, isSmall) => [inputTile('human', job.human, isSmall), garmentTile(job.cloths, isSmall), resultTile(job, isSmall)];

const LOCALE = SPEAKS_CHINESE ? 'zh-CN' : 'en-GB';

/** The clock of the report, whoever looks at it from wherever. */
const clock = clockOf(document.documentElement.dataset.zone);

function clockOf(timeZone) {
  const parts = { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' };
  try {
    return new Intl.DateTimeFormat(LOCALE, { ...parts, timeZone });
  } catch {
    // A zone that this browser does not know.
    return new Intl.DateTimeFormat(LOCALE, { ...parts, timeZone: 'UTC', timeZoneName: 'short' });
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
    ...(job.columns ?? []),
  ].filter(([, value]) => value !== undefined);
}

function metaOf(job) {
  const facts = Object.fromEntries(factsOf(job));
  return [facts.took, facts.finished, facts.attempts && t(`${facts.attempts} attempts`), facts.account].filter(Boolean).join(' · ');
}

function showState(holder, job) {
  const state = holder.querySelector('.state');
  state.className = `state ${job.state}`;
  state.textContent = spoken(job.state);
}

/** Shows what was noticed about a result. */
function showFlags(holder, job) {
  holder.querySelector('.flags').replaceChildren(...flagsOf(job).map((flag) => element('span', 'flag', t(flag))));
}

/** Shows what a person has said of a result. */
function showVerdict(holder, review) {
  for (const word of ['approved', 'rejected']) {
    holder.classList.toggle(`is-${word}`, review?.verdict === word);
  }
  const line = holder.querySelector('.verdict');
  line.className = `verdict ${review?.verdict ?? ''}`;
  line.replaceChildren();
  if (review !== undefined) {
    const { verdict, reason, reviewer, at } = review;
    const when = at === undefined ? undefined : clock.format(at);
    line.append(t(verdict) + (reason === undefined ? '' : `${SPEAKS_CHINESE ? '：' : ': '}${t(reason)}`));
    line.append(element('small', '', [reviewer, when].filter(Boolean).join(' · ')));
  }
}

/** Shows a button for a verdict: pressed where that is what was said. */
function showButton(button, word, isPressed, canPress) {
  button.hidden = !canPress;
  button.setAttribute('aria-pressed', String(isPressed));
  button.textContent = t(word);
}

function cardOf(job) {
  const card = document.getElementById('card').content.firstElementChild.cloneNode(true);
  card.querySelector('.tiles').append(...tilesOf(job, true));
  card.querySelector('.id').textContent = job.id;
  showAbout(card, job);
  return card;
}

/** Shows on a card everything but its pictures. */
function showAbout(card, job) {
  card.querySelector('.meta').textContent = metaOf(job);
  card.querySelector('.why').textContent = job.why ?? '';
  showState(card, job);
  showFlags(card, job);
  showJudgement(card, job);
}
