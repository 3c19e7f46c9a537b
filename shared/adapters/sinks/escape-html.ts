import type { NoticeLink } from '../../notices/links.ts';

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** A link as HTML. */
export function linkAsHtml({ title, url }: NoticeLink): string {
  return `<a href="${escapeHtml(url)}">${escapeHtml(title)}</a>`;
}

/** A text as HTML shows it, between tags and in quoted attributes. */
export function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => entities[character] ?? character);
}
