import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { copyWithout, edited, projectFolder } from '../../chaos/copy-without.ts';
import { openTraps } from '../../chaos/traps.ts';
import { withoutRules } from '../../chaos/without.ts';

describe('a rule of the fence that is switched off', () => {
  const edits = Object.entries(withoutRules).flatMap(([rule, one]) => one.edits.map((edit) => ({ rule, edit })));

  it.each(edits)('is in the sources exactly once: $rule, $edit.text', ({ edit }) => {
    const content = readFileSync(join(projectFolder, edit.file), 'utf8');
    expect(content.split(edit.text)).toHaveLength(2);
  });

  it('is so in a copy alone, which is removed', async () => {
    const copy = await copyWithout('memory');
    const [edit] = withoutRules['memory']?.edits ?? [];
    const read = (folder: string): string => readFileSync(join(folder, edit?.file ?? ''), 'utf8');
    try {
      expect(read(copy.folder)).toContain(edit?.replacement);
      expect(read(projectFolder)).not.toContain(edit?.replacement);
    } finally {
      await copy.remove();
    }
    expect(existsSync(copy.folder)).toBe(false);
  });

  it('is one that is known', async () => {
    await expect(copyWithout('all')).rejects.toThrow(/--without is all, expected one of fence, /);
  });

  it('is not taken for one where its text is gone, or there twice', () => {
    const edit = { file: 'a.ts', text: 'b', replacement: 'c' };
    expect(edited('abd', edit)).toBe('acd');
    expect(() => edited('ad', edit)).toThrow('a.ts has this 0 times');
    expect(() => edited('abb', edit)).toThrow('a.ts has this 2 times');
  });
});

describe('a trap', () => {
  const asked = { method: 'PATCH', path: '/o1', body: Buffer.alloc(0) };

  it('holds the first request that fits, and no other', async () => {
    const traps = openTraps();
    const trap = traps.set({ system: 'kubernetes', held: 'request', fits: ({ path }) => path === '/o1' });
    await traps.hold('storage', 'request', asked);
    await traps.hold('kubernetes', 'answer', asked);
    await traps.hold('kubernetes', 'request', { ...asked, path: '/o2' });
    let isThrough = false;
    const held = traps.hold('kubernetes', 'request', asked).then(() => (isThrough = true));
    expect(await trap.caught()).toBe(true);
    await traps.hold('kubernetes', 'request', asked);
    expect(isThrough).toBe(false);
    trap.release();
    await held;
    expect(isThrough).toBe(true);
  });

  it('holds nothing any more once all are released', async () => {
    const traps = openTraps();
    traps.set({ system: 'git', held: 'request', fits: () => true });
    traps.releaseAll();
    await expect(traps.hold('git', 'request', asked)).resolves.toBeUndefined();
  });
});
