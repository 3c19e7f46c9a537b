/** Of a Jenkinsfile. `script`: a text in three quotes. */
export interface Token {
  readonly kind: 'string' | 'script' | 'word' | 'mark';
  readonly text: string;
}

const pattern =
  /\/\/.*|'''(?<script>[^]*?)'''|'(?<one>(?:\\.|[^'\\])*)'|"(?<two>(?:\\.|[^"\\])*)"|(?<word>[\w.]+)|\s+|(?<mark>[^])/g;

/** As much of Groovy's grammar as Jenkinsfiles need: https://groovy-lang.org/syntax.html */
export function groovyTokens(text: string): readonly Token[] {
  return [...text.matchAll(pattern)].flatMap(({ groups = {} }): Token[] => {
    const { script, one, two, word, mark } = groups;
    if (script !== undefined) return [{ kind: 'script', text: unescaped(script) }];
    const string = one ?? two;
    if (string !== undefined) return [{ kind: 'string', text: unescaped(string) }];
    if (word !== undefined) return [{ kind: 'word', text: word }];
    return mark === undefined ? [] : [{ kind: 'mark', text: mark }];
  });
}

/** What is between the braces that follow a row of tokens. */
export function groovyBlock(tokens: readonly Token[], head: readonly string[]): readonly Token[] {
  const at = tokens.findIndex((_token, index) => head.every((text, place) => tokens[index + place]?.text === text));
  if (at === -1) throw new Error(`the Jenkinsfile has no ${head.join(' ')}`);
  const from = tokens.findIndex((token, index) => index > at && isMark(token, '{'));
  let depth = 0;
  for (let index = from; index < tokens.length; index++) {
    const token = tokens[index];
    if (token === undefined) break;
    depth += Number(isMark(token, '{')) - Number(isMark(token, '}'));
    if (depth === 0) return tokens.slice(from + 1, index);
  }
  throw new Error(`the block of ${head.join(' ')} does not end`);
}

export const groovyWords = (tokens: readonly Token[]): readonly string[] =>
  tokens.flatMap(({ kind, text }) => (kind === 'word' ? [text] : []));

const isMark = ({ kind, text }: Token, mark: string): boolean => kind === 'mark' && text === mark;

/** A backslash stands for what follows it, but before these letters, which no Jenkinsfile here has. */
function unescaped(text: string): string {
  return text.replace(/\\([^])/g, (whole, escaped: string) => {
    if (/[bfnrstu0-7]/.test(escaped)) throw new Error(`${whole} in a Jenkinsfile is not played`);
    return escaped;
  });
}
