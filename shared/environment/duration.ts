const units = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
type Unit = keyof typeof units;

/** The written form of a duration: `90s`, `5m`, `1h30m`. */
export const durationPattern = /^(\d+(ms|s|m|h|d))+$/;

/** Milliseconds of a duration that matches `durationPattern`. */
export function parseDuration(text: string): number {
  let total = 0;
  for (const [, count, unit] of text.matchAll(/(\d+)(ms|s|m|h|d)/g)) total += Number(count) * units[unit as Unit];
  return total;
}
