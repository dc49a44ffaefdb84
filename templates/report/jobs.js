// The jobs: read from the page's blocks of JSON, a few at a time, so that the page answers while it reads.

const jobs = [];

/** So long may reading or sorting keep the page from answering. */
const BUSY_MS = 10;

/** Lets the page answer before it goes on. */
function breathe() {
  return new Promise((resume) => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => { channel.port1.close(); resume(); };
    channel.port2.postMessage(null);
  });
}

function takeBlock(element) {
  const { pictures, models, accounts = [], jobs: entries } = JSON.parse(element.textContent);
  const named = pictures.map(([name, link]) => ({ name, link: link ?? null }));
  for (const job of entries) {
    job.order = jobs.length;
    job.human = named[job.human];
    job.cloths = [named[job.cloth]];
    if (job.second_cloth !== undefined) {
      job.cloths.push(named[job.second_cloth]);
    }
    job.model = models[job.model];
    job.account = accounts[job.account];
    jobs.push(job);
  }
  element.remove();
}

/** Reads all blocks. `onFirst` is called as soon as there is something to show. */
async function readJobs(onFirst) {
  let since = performance.now();
  for (const [index, element] of [...document.querySelectorAll('script.jobs')].entries()) {
    takeBlock(element);
    if (index === 0) {
      onFirst();
    }
    if (performance.now() - since > BUSY_MS) {
      await breathe();
      since = performance.now();
    }
  }
}

/** The reason of rows that were never loaded: the manifest names pictures, but nobody knows where they are. */
const UNUSABLE = 'unusable';
const reasonOf = (job) => (job.state === 'failed' && job.human.link === null ? UNUSABLE : job.reason);

/** Whether a job has a flag, or any. */
const hasFlag = (job, flag) => (flag === ANY_FLAG ? flagsOf(job).length > 0 : flagsOf(job).includes(flag));
const ANY_FLAG = 'any';
const FLAGS = [ANY_FLAG, 'unchanged', 'blank', 'small', 'aspect', 'twin', 'format'];

/** What the text filter looks at. */
function textOf(job) {
  if (job.text === undefined) {
    const said = [job.id, plain(job.state), spoken(job.state), ...flagsOf(job), ...flagsOf(job).map(t), job.why, job.human.name, ...job.cloths.map(({ name }) => name), job.task, job.account, job.review?.reason, job.review?.reviewer];
    job.text = said.filter(Boolean).join('\n').toLowerCase();
  }
  return job.text;
}

/** The jobs that a view asks for, in its order. */
function select(view) {
  const words = view.find.toLowerCase().split(/\s+/).filter(Boolean);
  const chosen = jobs.filter((job) =>
    (view.states.size === 0 || view.states.has(job.state))
    && (view.verdict === '' || verdictOf(job) === view.verdict)
    && (view.flag === null || hasFlag(job, view.flag))
    && (view.reason === null || reasonOf(job) === view.reason)
    && (words.length === 0 || words.every((word) => textOf(job).includes(word))));
  sort(chosen, view.sort);
  return view.descending ? chosen.reverse() : chosen;
}

const byText = new Intl.Collator(undefined, { numeric: true });

/** What is not known yet comes last. */
const number = (value) => value ?? Infinity;

const COMPARE = {
  flagged: (a, b) => hasFlag(b, ANY_FLAG) - hasFlag(a, ANY_FLAG),
  id: (a, b) => byText.compare(a.id, b.id),
  state: (a, b) => STATES.indexOf(a.state) - STATES.indexOf(b.state),
  seconds: (a, b) => number(a.seconds) - number(b.seconds) || 0,
  finished: (a, b) => number(a.finished) - number(b.finished) || 0,
};

function sort(chosen, key) {
  if (key in COMPARE) {
    chosen.sort((a, b) => COMPARE[key](a, b) || a.order - b.order);
  }
}
