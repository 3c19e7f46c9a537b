import { http } from '@google-cloud/functions-framework';
import { parseObjectFinalized } from '../shared/events/object-finalized.ts';
import { copyArtifact } from '../shared/pipeline/copy-artifact.ts';
import { acknowledging } from './delivery.ts';
import { copySettings, repositoryOfBucket, wire } from './wiring.ts';

/** CI uploaded an object: commit it to the repository of its bucket, and announce the commit. */
http(
  'copyArtifact',
  acknowledging(
    'copyArtifact',
    async (event) => {
      const object = parseObjectFinalized(event);
      const ports = await wire('buckets', 'unpack', 'state', 'repository', 'topics');
      return await copyArtifact(object, ports, copySettings(repositoryOfBucket(object.bucket)));
    },
    (event) => repositoryOfBucket(parseObjectFinalized(event).bucket),
  ),
);
