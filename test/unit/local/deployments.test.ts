import { expect, it } from 'vitest';
import { withAccounts } from '../../../local/deployments.ts';

const deployments = withAccounts({
  config: '/run/converge.yaml',
  uploads: { master: 'family-master', staging: 'family-staging' },
  storageOf: (name) => `http://${name}`,
});
const copied = (bucket?: string) =>
  deployments({ function: 'copyArtifact', headers: bucket === undefined ? {} : { 'ce-bucket': bucket } });

it('has a function for each class where each has an account, by the bucket that its trigger names', () => {
  expect(copied('family-staging')).toMatchObject({
    name: 'copyArtifact-staging',
    variables: { CONVERGE_CONFIG: '/run/converge-copyArtifact-staging.yaml' },
  });
  expect(copied('family-nobody')).toBeUndefined();
  expect(copied()).toBeUndefined();
});

it('has one of each of the others, whatever they are called about', () => {
  expect(deployments({ function: 'reconcile', headers: { 'ce-bucket': 'family-master' } })?.name).toBe('reconcile');
});
