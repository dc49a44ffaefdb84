// What a reviewer says of a result: stored by the server at once, for the very image that is shown, and never over a verdict that
// this window has not shown.

const CAN_JUDGE = document.documentElement.dataset.readOnly === undefined;

const REASONS = [
  'wrong garment', 'garment distorted', 'face changed', 'hands or limbs wrong', 'colour is off', 'background is off',
  'cut off', 'blurred or artefacts',
];

/** What this window has said, the last at the end: what `u` takes back. */
const said = [];
const MOST_UNDONE = 500;

const canJudge = (job) => CAN_JUDGE && job?.state === 'succeeded' && job.sha256 !== undefined;

/** Verdicts leave one after the other, in the order in which they were given; the reader need not wait for them. */
let sending = Promise.resolve();

/** What became of the verdicts that are on their way, by job: whoever judges again meanwhile knows of their own. */
const onTheWay = new Map();

function inTurn(work) {
  sending = sending.then(work);
  return sending;
}

/** Says something of a job's image, as it was when the reader saw it. */
function judge(job, verdict, reason) {
  const entry = { id: job.id };
  said.push(entry);
  said.splice(0, said.length - MOST_UNDONE);
  const earlier = onTheWay.get(job.id);
  const mine = inTurn(async () => {
    const seen = (await earlier) ?? job;
    const before = seen.review;
    const card = await sendVerdict(seen, { verdict, reason, reviewer: reviewerName(), seen: before?.at ?? null });
    if (card !== null) {
      Object.assign(entry, { sha256: card.sha256, before, at: card.review?.at ?? null });
    } else if (said.includes(entry)) {
      said.splice(said.indexOf(entry), 1);
    }
    if (onTheWay.get(job.id) === mine) {
      onTheWay.delete(job.id);
    }
    return card ?? seen;
  });
  onTheWay.set(job.id, mine);
}

/** Takes back what this window said last, unless somebody has said something else since. */
function undo() {
  const last = said.pop();
  if (last === undefined) {
    tellReader(t('There is nothing to undo in this window.'));
    return;
  }
  goToSeen(last.id);
  inTurn(async () => {
    // What was not stored, as the reader was told, is not taken back.
    if (last.sha256 !== undefined) {
      const { verdict = null, reason, reviewer } = last.before ?? {};
      await sendVerdict(last, { verdict, reason, reviewer, seen: last.at });
    }
  });
}

/** Returns the job as it is now; null where nothing was stored, which the reader is told. */
async function sendVerdict({ id, sha256 }, { verdict, reason, reviewer, seen }) {
  try {
    const { refused, card } = await tell('/api/verdict', { id, sha256, verdict, reason, reviewer, seen });
    takeCards([card], refused !== undefined);
    if (refused === undefined) {
      return card;
    }
    tellReader(refusedText(refused, card));
  } catch (error) {
    tellReader(`${id}: ${error instanceof Refusal ? error.message : error}`);
  }
  return null;
}

function refusedText(refused, card) {
  if (refused === 'replaced') {
    return `${card.id}: ${t('the image was made again since you looked at it. Nothing was stored; look at the present one.')}`;
  }
  const by = card.review?.reviewer ?? t('somebody else');
  const what = card.review === undefined ? t('its verdict was taken back') : `${by}: ${t(card.review.verdict)}`;
  return `${card.id}: ${what}. ${t('Your verdict was not stored over it; give it again if you still want it.')}`;
}

/** Shows on a card, or in the viewer, what was said of its result, and the buttons to say it. */
function showJudgement(holder, job) {
  const verdict = job.review?.verdict;
  const approve = holder.querySelector('.approve');
  const words = { approved: ['Approve', 'Approved'], rejected: ['Reject', 'Rejected'] };
  for (const [button, word] of [[approve, 'approved'], [holder.querySelector('.reject'), 'rejected']]) {
    const isPressed = verdict === word;
    if (button !== null) showButton(button, words[word][Number(isPressed)], isPressed, canJudge(job));
  }
  showVerdict(holder, job.review);
}

// ---- the reviewer's name

function reviewerName() {
  return document.getElementById('reviewer')?.value.trim() || undefined;
}

function keepReviewer() {
  const field = document.getElementById('reviewer');
  if (field === null) {
    return;
  }
  try {
    field.value = localStorage.getItem('tryon.reviewer') ?? '';
    field.addEventListener('input', () => localStorage.setItem('tryon.reviewer', field.value.trim()));
  } catch {
    // A browser that keeps nothing asks for the name each time.
  }
}

// ---- why something is rejected

const reasons = document.getElementById('reasons');
let onReason = null;

/** Asks why; `then` is told the reason, or undefined for none. Not at all where the reader goes back. */
function askWhy(job, then) {
  onReason = then;
  document.getElementById('reasons-job').textContent = job.id;
  document.getElementById('reason-text').value = '';
  reasons.showModal();
  document.querySelector('#reasons-list button').focus();
}

function giveReason(reason) {
  const then = onReason;
  onReason = null;
  reasons.close();
  then?.(reason);
}

function fillReasons() {
  const choice = (digit, text, reason) => {
    const button = element('button', '');
    button.type = 'button';
    button.append(element('kbd', '', digit), element('span', '', t(text)));
    button.addEventListener('click', () => giveReason(reason));
    const item = element('li', '');
    item.append(button);
    return item;
  };
  document.getElementById('reasons-list').replaceChildren(
    ...REASONS.map((reason, index) => choice(`${index + 1}`, reason, reason)),
    choice('0', 'no reason', undefined),
  );
  document.getElementById('reasons-form').addEventListener('submit', (event) => {
    event.preventDefault();
    giveReason(document.getElementById('reason-text').value.trim() || undefined);
  });
}

function reasonKey(event) {
  if (event.target.matches('input') && event.target.value !== '') {
    return;
  }
  const digit = Number.parseInt(event.key, 10);
  if (digit >= 0 && digit <= REASONS.length) {
    event.preventDefault();
    giveReason(digit === 0 ? undefined : REASONS[digit - 1]);
  } else if (event.key === 'x' && !event.target.matches('input')) {
    event.preventDefault();
    giveReason(undefined);
  }
}
