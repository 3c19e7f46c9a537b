/**
 * Generations, versions and nonces are told apart only by whether they are equal, so they are symbols: `~7~` within any
 * JSON text. Texts that differ in the names of their symbols only are one.
 */
export type Sym = string;

const symbol = /~[^~]+~/g;

export const symbolOf = (index: number): Sym => `~${index}~`;

export interface Renamed {
  readonly text: string;
  /** What `~0~`, `~1~`, … of the text were called. */
  readonly symbols: readonly Sym[];
}

/** Names symbols by where they first appear. */
export function canonical(text: string): Renamed {
  const names = new Map<Sym, Sym>();
  const renamed = text.replace(symbol, (found) => {
    let name = names.get(found);
    if (name === undefined) names.set(found, (name = symbolOf(names.size)));
    return name;
  });
  return { text: renamed, symbols: [...names.keys()] };
}

/** The inverse of `canonical`. */
export function instance({ text, symbols }: Renamed): string {
  return text.replace(symbol, (found) => symbols[Number(found.slice(1, -1))] ?? found);
}

/** Texts by number, each once. */
export class Texts {
  readonly #texts: string[] = [];
  readonly #numbers = new Map<string, number>();

  intern(text: string): number {
    let number = this.#numbers.get(text);
    if (number === undefined) {
      number = this.#texts.length;
      this.#texts.push(text);
      this.#numbers.set(text, number);
    }
    return number;
  }

  text(number: number): string {
    const text = this.#texts[number];
    if (text === undefined) throw new Error(`no text ${number}`);
    return text;
  }

  get size(): number {
    return this.#texts.length;
  }
}
