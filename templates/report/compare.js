// Before and after: the person's picture and the result over one another, with a line between them that moves.

/** The two over one another; `null` where one of them is not to be had here. */
function comparison(job) {
  const before = job.human.link;
  if (before === null || isAddress(before) || job.result === undefined) {
    return null;
  }
  const holder = element('div', 'compare tile');
  const picture = (className, link, alt) => {
    const image = new Image();
    image.className = className;
    image.alt = alt;
    image.decoding = 'async';
    image.src = link;
    return image;
  };
  const slider = element('input', 'slider');
  Object.assign(slider, { type: 'range', min: 0, max: 100, step: 1, value: 50 });
  slider.setAttribute('aria-label', t('before and after'));
  slider.addEventListener('input', () => holder.style.setProperty('--at', `${slider.value}%`));
  const lens = element('div', 'lens');
  lens.append(picture('before', before, `${t('before')}: ${fileName(job.human.name)}`), picture('after', job.result, `${t('after')}: ${job.id}`));
  holder.append(lens, element('span', 'edge'), element('span', 'side left', t('before')), element('span', 'side right', t('after')), slider);
  return holder;
}
