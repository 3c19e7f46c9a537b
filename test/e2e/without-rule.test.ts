import { describe, expect, it } from 'vitest';
import { copyWithout } from '../chaos/copy-without.ts';
import { describeRound } from '../chaos/report.ts';
import { playRound } from '../chaos/round.ts';
import { seedOf } from '../chaos/scenes.ts';
import { openStage } from '../chaos/stage.ts';
import { withoutRules } from '../chaos/without.ts';

/** `CONVERGE_RULES=all` switches each off. */
const played = process.env['CONVERGE_RULES'] === 'all' ? Object.keys(withoutRules) : ['fence', 'suspects'];
const rules = Object.entries(withoutRules).filter(([rule]) => played.includes(rule));

describe('a rule of the fence that is switched off', () => {
  it.each(rules)('is missed by its scene: %s', async (rule, { missedBy }) => {
    const copy = await copyWithout(rule);
    try {
      const stage = await openStage({ sources: copy.folder });
      try {
        const round = await playRound(stage, seedOf(missedBy), { isSceneOnly: true, isLast: true });
        expect(round.violations, describeRound(round, { number: 1, of: 1, without: rule })).not.toEqual([]);
      } finally {
        await stage.stop();
      }
    } finally {
      await copy.remove();
    }
  });
});
