import { escapeHtml } from '../../shared/adapters/sinks/escape-html.ts';
import type { InboxMessage } from './inbox.ts';

const style = `
  body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: #222; }
  article { border-left: 5px solid #999; background: #f6f6f6; margin: 0 0 1rem; padding: .6rem 1rem; }
  article.opened { border-color: #c62828; } article.changed { border-color: #ef6c00; }
  article.acknowledged { border-color: #f9a825; } article.closed { border-color: #2e7d32; }
  h2 { font-size: 1rem; margin: .2rem 0; overflow-wrap: anywhere; }
  p, ul { margin: .2rem 0; color: #555; overflow-wrap: anywhere; }
`;

/** What came, in its order, as a page that asks for itself again. */
export function inboxPage(messages: readonly InboxMessage[]): string {
  const articles =
    messages.length === 0 ? '<p>Nobody has been told anything yet.</p>' : messages.map(article).join('\n');
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta http-equiv="refresh" content="5"><title>Inbox</title><style>${style}</style></head>
<body>
<h1>Inbox</h1>
<p>What Converge told by mail and by webhook, in the order in which it came. <a href="/messages">As JSON</a></p>
${articles}
</body>
</html>
`;
}

function article({ number, at, by, state, incident, title, lines }: InboxMessage): string {
  const of = incident === null ? '' : `, incident ${escapeHtml(incident)}`;
  const items = lines.map((line) => `<li>${escapeHtml(line)}</li>`).join('');
  return `<article class="${state}">
<p>${number}. ${escapeHtml(at)}, by ${by}: <strong>${state}</strong>${of}</p>
<h2>${escapeHtml(title)}</h2>
<ul>${items}</ul>
</article>`;
}
