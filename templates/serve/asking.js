// Asking the server: for cards, for what has changed, and for what goes on.

/** The server refused, or could not be reached; its words are for the reader. */
class Refusal extends Error {}

async function asked(path, options) {
  let response;
  try {
    response = await fetch(path, { credentials: 'same-origin', ...options });
  } catch {
    throw new Refusal(t('The server does not answer. Is tryon serve still running?'));
  }
  if (response.ok || response.status === 409) {
    return response.json();
  }
  if (response.status === 401) {
    location.reload();
  }
  throw new Refusal(await response.text());
}

const ask = (path, parameters) => asked(`${path}?${new URLSearchParams(parameters)}`);

/** What changes something carries a header that no other site's page can send. */
const tell = (path, body) => asked(path, {
  method: 'POST',
  headers: { 'content-type': 'application/json', 'x-tryon': '1' },
  body: JSON.stringify(body),
});

/** So long after a refusal the stream is asked for again. */
const AGAIN_MS = 10_000;

/** Follows what goes on while the window is looked at: a hidden one asks for nothing. */
const news = {
  stream: null,
  timer: undefined,

  follow(onNews, onState) {
    const open = () => {
      clearTimeout(news.timer);
      if (document.hidden || news.stream !== null) {
        return;
      }
      const stream = new EventSource('/api/events');
      news.stream = stream;
      stream.addEventListener('message', ({ data }) => onNews(JSON.parse(data)));
      stream.addEventListener('open', () => onState('live'));
      stream.addEventListener('error', () => {
        onState('lost');
        // After an answer that is no stream, such as "too many windows", the browser does not try again by itself.
        if (stream.readyState === EventSource.CLOSED) {
          news.close();
          news.timer = setTimeout(open, AGAIN_MS);
        }
      });
    };
    document.addEventListener('visibilitychange', () => (document.hidden ? news.close() : open()));
    addEventListener('pagehide', news.close);
    addEventListener('pageshow', open);
    open();
  },

  close() {
    news.stream?.close();
    news.stream = null;
  },
};
