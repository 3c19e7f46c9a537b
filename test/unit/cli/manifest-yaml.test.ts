import { load } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { manifestYaml } from '../../../cli/manifest-yaml.ts';
import { parseJson } from '../../../shared/objects/exact-json.ts';

describe('a manifest as YAML', () => {
  it('keeps each digit of a number that a double cannot hold', () => {
    expect(manifestYaml(parseJson('{"a":12345678901234567890,"b":[0.12345678901234567890],"c":1.5,"d":"12"}'))).toBe(
      `a: 12345678901234567890\nb:\n  - 0.12345678901234567890\nc: 1.5\nd: '12'`,
    );
  });

  it.each(['on', 'yes', 'n', '0777', '1_000', '12:30:45', '0x1f', '1e3', '2001-01-01', '~', 'null', '.inf', '=', '<<'])(
    'quotes %s, which is no text to a reader of YAML 1.1',
    (text) => {
      expect(manifestYaml({ key: text })).toMatch(/^key: '/);
    },
  );

  it.each([
    'a\tb\nc\n',
    'zero\u200bwidth',
    '\u202eturned',
    'a\u0007b',
    'tag\u{e0001}',
    'end \n',
    'kept\n\n\n',
    '\n  begin',
    'a: b # c',
  ])('brings back %j, and holds nothing that a terminal would not show', (text) => {
    const yaml = manifestYaml({ [text]: { value: text } });
    expect(load(yaml)).toEqual({ [text]: { value: text } });
    expect(yaml.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });
});
