// What the page says in the reader's language. The keys of the table are the English texts, with `#` in place of each number.

const SPEAKS_CHINESE = speaksChinese(document.documentElement);

/** The live page was asked for in a language, and says it in `lang`. A page in a file asks the browser. */
function speaksChinese({ lang, dataset }) {
  if (dataset.language !== 'browser') {
    return lang.startsWith('zh');
  }
  const known = [...navigator.languages].map((tag) => tag.toLowerCase()).find((tag) => /^(zh|en)\b/.test(tag));
  return known?.startsWith('zh') ?? false;
}

const NUMBER = /\d(?:[\d,.]*\d)?/g;

/** A text in the reader's language; as it is where the table does not have it. */
function t(text) {
  const said = SPEAKS_CHINESE ? CHINESE[text.replace(NUMBER, '#')] : undefined;
  if (said === undefined) {
    return text;
  }
  const numbers = text.match(NUMBER) ?? [];
  let next = 0;
  return said.replace(/#/g, () => numbers[next++]);
}

/** Puts what stands in the page already into the reader's language. */
function translate(root) {
  if (!SPEAKS_CHINESE) {
    return;
  }
  for (const holder of root.querySelectorAll('[placeholder], [aria-label], [title]')) {
    for (const name of ['placeholder', 'aria-label', 'title']) {
      if (holder.hasAttribute(name)) {
        holder.setAttribute(name, t(holder.getAttribute(name)));
      }
    }
  }
  const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const node = texts.currentNode;
    const bare = node.data.trim();
    if (bare !== '' && node.parentElement?.closest('script, style, code, h1') == null) {
      node.data = node.data.replace(bare, () => t(bare));
    }
  }
  for (const template of root.querySelectorAll('template')) {
    translate(template.content);
  }
}

document.documentElement.lang = SPEAKS_CHINESE ? 'zh-CN' : 'en';
translate(document.body);
