// Words about jobs that every part of the page uses.

const STATES = ['pending', 'submitting', 'in_doubt', 'running', 'downloading', 'succeeded', 'failed', 'cancelled'];
const plain = (word) => word.replace('_', ' ');
const spoken = (word) => t(plain(word));

/** The last part of a path or address, which is what people know a picture by. */
function fileName(path) {
  const bare = /^https?:\/\//i.test(path) ? path.replace(/[?#].*$/, '') : path;
  return bare.slice(Math.max(bare.lastIndexOf('/'), bare.lastIndexOf('\\')) + 1) || path;
}

const flagsOf = (job) => job.flags ?? [];

const isAddress = (link) => /^https?:\/\//i.test(link);
const grouped = (count) => count.toLocaleString('en');
const jobsCounted = (count) => `${grouped(count)} job${count === 1 ? '' : 's'}`;

function element(name, className, text) {
  const made = document.createElement(name);
  made.className = className;
  if (text !== undefined) {
    made.textContent = text;
  }
  return made;
}

/** A link's text as people read it. */
const decodedLink = (job) => {
  const link = decodeURIComponent(job.result);
  return link.startsWith('/pictures/') ? job.id : link;
};
