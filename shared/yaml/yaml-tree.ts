import { EVENT_ID, COLLECTION_STYLE, SCALAR_STYLE, getScalarValue, parseEvents, type Event } from 'js-yaml';

interface Place {
  /** Offsets in the text: of the first character with a tag, without an anchor, and behind the last one. */
  readonly start: number;
  readonly end: number;
  readonly anchor: string | undefined;
}

export interface ScalarPlace extends Place {
  readonly kind: 'scalar';
  /** `empty`: nothing is written, as behind `key:`. */
  readonly style: 'plain' | 'single' | 'double' | 'block' | 'empty';
}

export interface MappingPlace extends Place {
  readonly kind: 'mapping';
  readonly isFlow: boolean;
  readonly entries: readonly Entry[];
}

export interface SequencePlace extends Place {
  readonly kind: 'sequence';
  readonly isFlow: boolean;
  readonly items: readonly Item[];
}

/** A key with its value. `start` is where the key begins, `mark` behind its colon; -1 where it has none. */
export interface Entry {
  readonly key: string | undefined;
  readonly start: number;
  readonly mark: number;
  readonly value: YamlPlace;
}

/** An item of a list. `start` is at its dash, `mark` behind it; in flow style both where the item begins. */
export interface Item {
  readonly start: number;
  readonly mark: number;
  readonly value: YamlPlace;
}

export type YamlPlace =
  | ScalarPlace
  | MappingPlace
  | SequencePlace
  | (Place & { readonly kind: 'alias'; readonly of: string });

/** Where everything of a text stands: the root of each document. The text must be one that js-yaml reads. */
export function yamlTrees(text: string): readonly YamlPlace[] {
  const events = parseEvents(text, {});
  let at = 0;

  /** Behind white space and comments. */
  function skip(from: number): number {
    let to = from;
    for (;;) {
      while (/\s/.test(text[to] ?? '')) to++;
      if (text[to] !== '#') return to;
      while (to < text.length && text[to] !== '\n') to++;
    }
  }

  function anchorOf(event: Exclude<Event, { type: typeof EVENT_ID.DOCUMENT | typeof EVENT_ID.POP }>): {
    anchor: string | undefined;
    begins: number | undefined;
  } {
    const hasAnchor = event.anchorStart >= 0 && event.type !== EVENT_ID.ALIAS;
    const tag = 'tagStart' in event && event.tagStart >= 0 ? event.tagStart : undefined;
    return {
      anchor: hasAnchor ? text.slice(event.anchorStart, event.anchorEnd) : undefined,
      begins: tag,
    };
  }

  /** @param after where the value may begin */
  function read(after: number): YamlPlace {
    const event = events[at++];
    if (event === undefined || event.type === EVENT_ID.POP || event.type === EVENT_ID.DOCUMENT)
      throw new Error('no value follows');
    if (event.type === EVENT_ID.ALIAS) {
      const of = text.slice(event.anchorStart, event.anchorEnd);
      return { kind: 'alias', start: event.anchorStart - 1, end: event.anchorEnd, anchor: undefined, of };
    }
    const { anchor, begins } = anchorOf(event);
    if (event.type === EVENT_ID.SCALAR) {
      const { valueStart, valueEnd } = event;
      const isQuoted = event.style === SCALAR_STYLE.SINGLE_QUOTED || event.style === SCALAR_STYLE.DOUBLE_QUOTED;
      if (valueStart < 0) {
        const end = Math.max(after, event.tagEnd, event.anchorEnd);
        return { kind: 'scalar', style: 'empty', start: begins ?? end, end, anchor };
      }
      if (event.style === SCALAR_STYLE.LITERAL_BLOCK || event.style === SCALAR_STYLE.FOLDED_BLOCK) {
        const header = text.slice(0, valueStart).trimEnd().length;
        const whole = text.slice(0, Math.max(valueEnd, header));
        // Blank lines behind it are its own only where it keeps them.
        const keeps = /[|>]\d?\+\d?\s*(#.*)?$/.test(lastLine(text.slice(0, header)));
        const end = keeps ? whole.replace(/\r?\n$/, '').length : Math.max(header, whole.trimEnd().length);
        return { kind: 'scalar', style: 'block', start: begins ?? after, end, anchor };
      }
      const quotes = isQuoted ? 1 : 0;
      const style = !isQuoted ? 'plain' : event.style === SCALAR_STYLE.SINGLE_QUOTED ? 'single' : 'double';
      return { kind: 'scalar', style, start: begins ?? valueStart - quotes, end: valueEnd + quotes, anchor };
    }
    const isFlow = event.style === COLLECTION_STYLE.FLOW;
    const start = begins ?? event.start;
    if (event.type === EVENT_ID.MAPPING) {
      const entries: Entry[] = [];
      let end = event.start + (isFlow ? 1 : 0);
      while (events[at]?.type !== EVENT_ID.POP) {
        const [keyEvent, keyAt] = [events[at], skipCommas(end, isFlow)];
        const key = read(keyAt);
        const name = keyEvent?.type === EVENT_ID.SCALAR ? getScalarValue(text, keyEvent) : undefined;
        const colon = skip(key.end);
        const mark = text[colon] === ':' ? colon + 1 : -1;
        const value = read(mark === -1 ? key.end : mark);
        entries.push({ key: name, start: keyAt, mark, value });
        end = value.end;
      }
      at++;
      return { kind: 'mapping', isFlow, entries, start, end: isFlow ? skipCommas(end, true) + 1 : end, anchor };
    }
    const items: Item[] = [];
    let end = event.start + (isFlow ? 1 : 0);
    while (events[at]?.type !== EVENT_ID.POP) {
      const begin = skipCommas(end, isFlow);
      const mark = isFlow ? begin : begin + 1;
      const value = read(mark);
      items.push({ start: begin, mark, value });
      end = value.end;
    }
    at++;
    return { kind: 'sequence', isFlow, items, start, end: isFlow ? skipCommas(end, true) + 1 : end, anchor };
  }

  function skipCommas(from: number, isFlow: boolean): number {
    let to = skip(from);
    while (isFlow && text[to] === ',') to = skip(to + 1);
    return to;
  }

  const roots: YamlPlace[] = [];
  while (at < events.length) {
    at++;
    if (events[at]?.type !== EVENT_ID.POP) roots.push(read(0));
    at++;
  }
  return roots;
}

function lastLine(text: string): string {
  return text.slice(text.lastIndexOf('\n') + 1);
}
