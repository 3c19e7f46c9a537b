import type { EnvironmentSource } from './environment-file.ts';

/** A source as its environment file has it. */
export function sourceInWords({
  sources,
  index,
}: {
  sources: readonly EnvironmentSource[];
  index: number | undefined;
}): string | undefined {
  const source = index === undefined ? undefined : sources[index];
  if (source === undefined) return undefined;
  return source.kind === 'helm' ? `the release ${source.release}, spec.sources[${index}]` : `spec.sources[${index}]`;
}
