import type { PipelineOptions } from './pipeline.ts';

/** In which of its ways a pipeline says no as Google Cloud does: in words, the ways that are off left out. */
export function limitsOf({
  platform,
  chaos,
  memory,
  instances,
  cluster,
  host,
}: Pick<PipelineOptions, 'platform' | 'chaos' | 'memory' | 'instances' | 'cluster' | 'host'>): readonly string[] {
  const isSeparate = memory !== undefined && host === undefined;
  const limits = {
    'one write a second of an object': platform !== 'absent',
    'lost answers to writes': platform !== 'absent' && chaos !== 'none',
    [`Storage by the grants of ${isSeparate ? 'each function and of CI' : 'CI'}`]: platform !== 'absent',
    'GKE by the scopes of a token': cluster !== 'kubeconfig',
    'memory, files included: over it a function is killed': isSeparate && memory === 'enforced',
    'as many calls of an instance, and instances of a function, as are deployed':
      isSeparate && instances === 'as-deployed',
    'memory, files included: over it a line says so': isSeparate && memory === 'told',
  };
  return Object.entries(limits).flatMap(([words, isOn]) => (isOn ? [words] : []));
}
