// What was said of results: the verdicts that the queue had when the page was written, and rejections that the browser remembers for
// this report. Such a mark holds for the very picture that was judged: when the job is made again, its new picture is unmarked.

const marks = {
  key: `tryon.rejected.${document.documentElement.dataset.report}`,
  byId: new Map(),
  /** Whether the browser remembers; some do not for pages from disk. */
  isKept: true,

  read() {
    try {
      this.byId = new Map(Object.entries(JSON.parse(localStorage.getItem(this.key) ?? '{}')));
    } catch {
      this.isKept = false;
    }
  },

  write() {
    try {
      localStorage.setItem(this.key, JSON.stringify(Object.fromEntries(this.byId)));
      this.isKept = true;
    } catch {
      this.isKept = false;
    }
  },

  /** Whether it says something to reject a job's result here: what the queue knows to be rejected needs no mark. */
  can(job) { return job.state === 'succeeded' && job.review?.verdict !== 'rejected'; },
  has(job) { return marks.can(job) && marks.byId.get(job.id) === (job.sha256 ?? ''); },

  toggle(job) {
    if (!this.can(job)) {
      return;
    }
    // Another window of this page may have marked something since.
    const set = !this.has(job);
    this.reread();
    if (set) {
      this.byId.set(job.id, job.sha256 ?? '');
    } else {
      this.byId.delete(job.id);
    }
    this.write();
  },

  reread() {
    if (this.isKept) {
      this.read();
    }
  },

  clear() {
    this.byId.clear();
    this.write();
  },

  all() { return this.byId.size === 0 ? [] : jobs.filter(this.has); },
};

/** What is said of a job's result, here or else in the queue; undefined where nothing is, or there is no result. */
const reviewOf = (job) => (marks.has(job) ? { verdict: 'rejected' } : job.review);

const VERDICTS = ['unjudged', 'approved', 'rejected'];

/** A job's verdict as a word; undefined where there is nothing to judge. */
const verdictOf = (job) => (job.state === 'succeeded' ? reviewOf(job)?.verdict ?? 'unjudged' : undefined);

/** The results that were rejected here, as `tryon retry --from` and `tryon review --from` read them. */
function rejectedCsv() {
  const file = (link) => decodeURIComponent(link ?? '');
  return csv([['id', 'human_image', 'cloth_image', 'output', 'review', 'sha256'],
    ...marks.all().map((job) => [job.id, job.human.name, job.cloths[0].name, file(job.result), 'rejected', job.sha256 ?? ''])]);
}

/** Shows on a card, or in the viewer, what was said of its result, and whether it can be rejected here. */
function showJudgement(holder, job) {
  const isRejected = verdictOf(job) === 'rejected';
  const button = holder.querySelector('.reject');
  showButton(button, isRejected ? 'Rejected' : 'Reject', isRejected, job.state === 'succeeded');
  button.disabled = !marks.can(job);
  showVerdict(holder, marks.has(job) ? { verdict: 'rejected', reason: 'on this page' } : job.review);
}
