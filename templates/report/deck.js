// What a reader does with the cards of either page: which one they are at, clicks on cards and in the viewer, and keys. Which cards
// there are, and what a verdict does, is the page's.

const byId = (id) => document.getElementById(id);
const list = byId('cards');

/** The place of the reader's job in the list. */
let current = 0;

/** The place of the job that the viewer shows, or showed last. */
let viewed = 0;

const focusedCard = () => document.activeElement?.closest?.('.card') ?? null;

function focusCard(card) {
  card?.querySelector('.id').focus({ preventScroll: true });
  card?.scrollIntoView({ block: 'nearest' });
}

/** How many cards are in a row. */
function columns() {
  const [first, ...others] = list.children;
  const below = others.findIndex((card) => card.offsetTop > first.offsetTop);
  return below < 0 ? list.children.length : below + 1;
}

/** To the beginning of the list. The tools will not do: where they stick they are in sight already. */
function toListTop() {
  scrollTo({ top: byId('tools').parentElement.getBoundingClientRect().top + scrollY });
}

/** Whoever scrolls to something sees it: not behind what sticks to an edge of the window. */
function keepClear(edge, strip) {
  const isSticky = getComputedStyle(strip).position === 'sticky';
  document.documentElement.style[edge] = `${isSticky ? strip.offsetHeight : 0}px`;
}

/**
 * Has clicks and keys do what they are for. Of the page:
 * `placeOf` (a card), `count` (of places), `goTo` (a place), `open` (a place, in the viewer), `turn` (by pages), `approve` and
 * `reject` (a place; whether by a key), `key` (an action for a further key), `isBusy` (takes a key for itself) and `closed` (the viewer).
 */
function wire(deck) {
  list.addEventListener('click', ({ target }) => {
    const card = target.closest('.card');
    if (card === null || target.closest('a') !== null) {
      return;
    }
    const place = deck.placeOf(card);
    if (!judgedBy(deck, target, place) && target.closest('.id, .tile') !== null) {
      deck.open(place);
    }
  });
  list.addEventListener('focusin', ({ target }) => {
    if (!viewer.open) current = deck.placeOf(target.closest('.card'));
  });
  viewer.addEventListener('click', ({ target }) => {
    const step = target.closest('[data-step]');
    if (target === viewer || target.closest('.close') !== null) {
      viewer.close();
    } else if (!judgedBy(deck, target, current) && step !== null) {
      deck.goTo(current + Number(step.dataset.step));
    }
  });
  // Closing the viewer leads to the card of the job that was looked at last. The browser has given the focus back to the card that
  // it was opened from by then, which made that one the current job.
  viewer.addEventListener('close', () => {
    viewer.querySelector('.panes').replaceChildren();
    current = viewed;
    deck.closed();
  });
  document.addEventListener('click', ({ target }) => {
    const turn = target.closest('[data-turn]');
    const copy = target.closest('.copy');
    if (turn !== null) {
      deck.turn(Number(turn.dataset.turn));
    } else if (copy !== null) {
      copyFrom(copy, copy.previousElementSibling.textContent);
    }
  });
  document.addEventListener('keydown', (event) => {
    const { target, key, ctrlKey, metaKey, altKey } = event;
    const isOfSlider = target.matches?.('.slider') && key.startsWith('Arrow');
    if (ctrlKey || metaKey || altKey || isOfSlider || deck.isBusy?.(event)) {
      return;
    }
    if (target.matches?.('input:not(.slider), select, textarea')) {
      if (key === 'Escape') target.blur();
      return;
    }
    const action = actionOf(deck, key);
    if (action !== undefined) {
      event.preventDefault();
      action();
    }
  });
}

/** Whether what was clicked says something of a result. */
function judgedBy(deck, target, place) {
  if (target.closest('.approve') !== null) {
    deck.approve(place, false);
  } else if (target.closest('.reject') !== null) {
    deck.reject(place, false);
  } else {
    return false;
  }
  return true;
}

/** What a key does. */
function actionOf(deck, key) {
  const card = focusedCard();
  const onCard = card === null ? null : deck.placeOf(card);
  const here = viewer.open ? current : onCard;
  switch (key) {
    // Whoever is on no card begins at the one they were last on.
    case 'j': return () => deck.goTo(here === null ? current : here + 1);
    case 'k': return () => deck.goTo(here === null ? current : here - 1);
    default: break;
  }
  const action = deck.key?.(key) ?? (viewer.open ? viewerKey(key) : pageKey(deck, key));
  if (action !== undefined || here === null) {
    return action;
  }
  const row = () => (viewer.open ? 1 : columns());
  const bounded = (place) => Math.min(Math.max(place, 0), deck.count() - 1);
  switch (key) {
    case 'a': return deck.approve && (() => deck.approve(here, true));
    case 'x': return () => deck.reject(here, true);
    case 'ArrowRight': return () => deck.goTo(here + 1);
    case 'ArrowLeft': return () => deck.goTo(here - 1);
    case 'ArrowDown': return () => deck.goTo(bounded(here + row()));
    case 'ArrowUp': return () => deck.goTo(bounded(here - row()));
    default: return undefined;
  }
}

function pageKey(deck, key) {
  switch (key) {
    case '/': return () => { byId('find').focus(); byId('find').select(); };
    case 'n': return () => deck.turn(1);
    case 'p': return () => deck.turn(-1);
    default: return undefined;
  }
}
