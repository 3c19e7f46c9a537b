const longestGlob = 253;

/**
 * Whether a path is meant by a glob: `*` is within a folder and `**` any number of them; where the star `crosses` folders,
 * both are anything. `{a,b}` is a choice.
 */
export function globOf(glob: string, { crosses = false }: { crosses?: boolean } = {}): (path: string) => boolean {
  // A path is matched in no time, whatever a stranger wrote: what repeats is one.
  const plain = glob
    .slice(0, longestGlob)
    .replace(/(?:\*\*\/)+/g, '**/')
    .replace(/\*{3,}/g, '**');
  const expression = new RegExp(`^${sourceOf(plain, crosses ? '.*' : '[^/]*')}$`);
  return (path) => expression.test(path);
}

function sourceOf(glob: string, star: string): string {
  let pattern = '';
  for (let index = 0; index < glob.length; index++) {
    const rest = glob.slice(index);
    const [choice] = /^\{[^{}]*\}/.exec(rest) ?? [];
    if (choice !== undefined) {
      const forms = choice.slice(1, -1).split(',');
      pattern += `(?:${forms.map((form) => sourceOf(form, star)).join('|')})`;
      index += choice.length - 1;
    } else if (rest.startsWith('**/')) {
      pattern += '(?:[^/]+/)*';
      index += 2;
    } else if (rest.startsWith('**')) {
      pattern += '.*';
      index += 1;
    } else if (rest.startsWith('*')) pattern += star;
    else if (rest.startsWith('?')) pattern += '[^/]';
    else pattern += (rest[0] ?? '').replace(/[.+^$()|[\]{}\\]/, String.raw`\$&`);
  }
  return pattern;
}
