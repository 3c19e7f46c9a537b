import {
  DEFAULT_SCALAR_STYLE_RULES,
  defineScalarTag,
  dump,
  DUMP_SCHEMA,
  floatYaml11Tag,
  intYaml11Tag,
  SCALAR_STYLE,
  type ScalarLayout,
  type ScalarTagDefinition,
} from 'js-yaml';
import { exactNumber } from '../shared/objects/exact-json.ts';

/*
 * A manifest goes from a terminal's text to `kubectl apply`: what is not shown as it is (control characters, a
 * direction of writing) is written as an escape, and a number that a double cannot hold with all its digits.
 */

/** A YAML document of an object, which Kubernetes reads as the same object. Without a newline at its end. */
export function manifestYaml(object: unknown): string {
  const text = dump(object, { schema, scalarStyleRules, lineWidth: -1, noRefs: true });
  return withEscapes(text.replace(/\n$/, ''));
}

/** What a terminal would not show, or obey, as escapes of YAML; line feeds stay. */
export function withEscapes(text: string): string {
  return text.replaceAll(unseen, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code > 0xffff ? `\\U${code.toString(16).padStart(8, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
  });
}

/** All but the line feed, which ends a line of the text. */
const unseen = /[^\n\P{Cc}]|\p{Cf}/gu;
const holdsUnseen = new RegExp(unseen.source, 'u');

const schema = DUMP_SCHEMA.withTags(
  exactly({ tag: intYaml11Tag, isMeant: (source) => /^-?\d+$/.test(source) }),
  exactly({ tag: floatYaml11Tag, isMeant: (source) => !/^-?\d+$/.test(source) }),
);

function exactly({
  tag,
  isMeant,
}: {
  tag: ScalarTagDefinition;
  isMeant: (source: string) => boolean;
}): ScalarTagDefinition {
  const known = DUMP_SCHEMA.tags.find(({ tagName }) => tagName === tag.tagName) as ScalarTagDefinition | undefined;
  const { tagName, ...options } = known ?? tag;
  return defineScalarTag(tagName, {
    ...options,
    identify: (value: unknown) => {
      const source = exactNumber(value);
      return source === undefined ? options.identify(value) : isMeant(source);
    },
    represent: (value: unknown) => exactNumber(value) ?? options.represent(value),
  });
}

function quoteUnseen(layout: ScalarLayout): void {
  if (layout.style === SCALAR_STYLE.PLAIN && holdsUnseen.test(layout.node.value))
    layout.style = SCALAR_STYLE.DOUBLE_QUOTED;
}

const scalarStyleRules = [quoteUnseen, ...Object.values(DEFAULT_SCALAR_STYLE_RULES)];
