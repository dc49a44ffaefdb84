// Rejected results, remembered by the browser for this report. A mark holds for the very picture that was judged: when
// the job is made anew, its new picture is unmarked.

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

  can(job) { return job.state === 'succeeded'; },
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

/** The rejected results as `tryon retry --from` reads them. */
function rejectedCsv() {
  const file = (link) => decodeURIComponent(link ?? '');
  return csv([['id', 'human_image', 'cloth_image', 'output'],
    ...marks.all().map((job) => [job.id, job.human.name, job.cloths[0].name, file(job.result)])]);
}

/** Shows on a card, or in the viewer, whether its result is rejected. */
function showJudgement(holder, job) {
  const isRejected = marks.has(job);
  const button = holder.querySelector('.reject');
  holder.classList.toggle('is-rejected', isRejected);
  button.hidden = !marks.can(job);
  button.setAttribute('aria-pressed', String(isRejected));
  button.textContent = t(isRejected ? 'Rejected' : 'Reject');
}
