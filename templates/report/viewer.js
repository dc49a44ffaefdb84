// One job at full size, over the page: side by side, or before and after; enlarged where the pointer is.

const viewer = document.getElementById('viewer');

/** Whether before and after are compared. Whoever looks at one job so looks at the next one so. */
let isComparing = false;
let isEnlarged = false;
let inViewer = null;

/** A tile at full size, with a way to the file itself. */
function pane(tile) {
  for (const image of tile.querySelectorAll('img')) {
    image.loading = 'eager';
    const link = element('a', 'file', '↗');
    link.href = image.src;
    link.target = '_blank';
    link.rel = 'noreferrer noopener';
    link.title = t('Open the file');
    const lens = element('div', 'lens');
    image.replaceWith(lens, link);
    lens.append(image);
  }
  return tile;
}

/** Shows a job; `place` says where it stands among the jobs of the list. */
function showInViewer(job, place) {
  inViewer = job;
  viewer.querySelector('#viewer-id').textContent = job.id;
  viewer.querySelector('.place').textContent = place;
  viewer.querySelector('.why').textContent = job.why ?? '';
  viewer.querySelector('.facts').replaceChildren(...factsOf(job).map(([name, value]) => {
    const fact = element('div', 'fact');
    fact.append(element('dt', '', t(name)), element('dd', '', value));
    return fact;
  }));
  enlarge(false);
  showPanes();
  showState(viewer, job);
  showFlags(viewer, job);
  showJudgement(viewer, job);
  if (!viewer.open) {
    viewer.showModal();
  }
}

function showPanes() {
  const compared = comparison(inViewer);
  const isShown = isComparing && compared !== null;
  const panes = viewer.querySelector('.panes');
  panes.classList.toggle('is-compared', isShown);
  panes.replaceChildren(...(isShown ? [compared] : tilesOf(inViewer, false).map(pane)));
  const button = viewer.querySelector('.comparing');
  button.hidden = compared === null;
  button.setAttribute('aria-pressed', String(isShown));
}

/** Enlarges all pictures at the same place of each, so that the person and the result are compared there. */
function enlarge(to, event) {
  isEnlarged = to;
  viewer.classList.toggle('is-enlarged', to);
  viewer.querySelector('.enlarging').setAttribute('aria-pressed', String(to));
  if (event !== undefined) {
    lookAt(event);
  }
}

function lookAt({ clientX, clientY, target }) {
  const tile = target.closest?.('.panes .tile');
  if (tile == null) {
    return;
  }
  const { left, top, width, height } = tile.getBoundingClientRect();
  const share = (at, from, length) => `${Math.min(Math.max((at - from) / length, 0), 1) * 100}%`;
  viewer.style.setProperty('--x', share(clientX, left, width));
  viewer.style.setProperty('--y', share(clientY, top, height));
}

function compare() {
  isComparing = !isComparing;
  showPanes();
  viewer.querySelector('.slider')?.focus();
}

/** What a key does in the viewer of either page. */
function viewerKey(key) {
  switch (key) {
    case 'c': return viewer.querySelector('.comparing').hidden ? undefined : compare;
    case 'z': return () => enlarge(!isEnlarged);
    default: return undefined;
  }
}

viewer.addEventListener('pointermove', (event) => {
  if (isEnlarged) {
    lookAt(event);
  }
});
viewer.addEventListener('click', (event) => {
  const { target } = event;
  if (target.closest('.comparing') !== null) {
    compare();
  } else if (target.closest('.enlarging') !== null) {
    enlarge(!isEnlarged);
  } else if (target.closest('.panes .tile') !== null && target.closest('a, .slider') === null) {
    enlarge(!isEnlarged, event);
  }
});
