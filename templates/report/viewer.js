// One job at full size, over the page.

const viewer = document.getElementById('viewer');

/** A tile at full size; a click on its picture opens the file itself. */
function pane(tile) {
  for (const image of tile.querySelectorAll('img')) {
    image.loading = 'eager';
    const link = element('a', 'file');
    link.href = image.src;
    link.target = '_blank';
    link.rel = 'noreferrer noopener';
    link.title = 'Open the file';
    image.replaceWith(link);
    link.append(image);
  }
  return tile;
}

/** Shows a job; `place` says where it stands among the jobs of the list. */
function showInViewer(job, place) {
  viewer.querySelector('#viewer-id').textContent = job.id;
  viewer.querySelector('.place').textContent = place;
  viewer.querySelector('.panes').replaceChildren(...tilesOf(job).map(pane));
  viewer.querySelector('.why').textContent = job.why ?? '';
  viewer.querySelector('.facts').replaceChildren(...factsOf(job).map(([name, value]) => {
    const fact = element('div', 'fact');
    fact.append(element('dt', '', name), element('dd', '', value));
    return fact;
  }));
  showState(viewer, job);
  showFlags(viewer, job);
  showMark(viewer, job);
  if (!viewer.open) {
    viewer.showModal();
  }
}
