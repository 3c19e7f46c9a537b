import { ConvergeError } from '../../base/errors.ts';
import { decodeLedger, emptyLedger, encodeLedger, ledgerPath, mergeLedgers, type Ledger } from '../../source/ledger.ts';
import { triesAgainstOverwriting } from '../common/pauses.ts';
import { readState, valueOrNone } from '../common/read-state.ts';
import type { CopyPorts, CopySettings } from './run.ts';
import type { GenerationPrecondition } from '../../ports/storage.ts';

export interface RecordedLedger {
  /** `lost` where there is none, or none of use: what it would say is to be found out elsewhere. */
  readonly state: 'kept' | 'lost';
  readonly ledger: Ledger;
  /** What the next write is conditional on. */
  readonly written: GenerationPrecondition;
}

type LedgerAccess = {
  readonly ports: Pick<CopyPorts, 'state' | 'log'>;
  readonly settings: Pick<CopySettings, 'repositoryClass'>;
};

/**
 * An empty ledger where there is none, or none of use: the history of the branch says the same. A failed read throws.
 */
export async function readLedger({ ports, settings }: LedgerAccess): Promise<RecordedLedger> {
  const path = ledgerPath(settings);
  const found = await readState({ path, decode: decodeLedger }, ports);
  if (found === undefined) return { state: 'lost', ledger: emptyLedger, written: 'absent' };
  const written = { generation: found.generation };
  const ledger = valueOrNone(found);
  return ledger === undefined ? { state: 'lost', ledger: emptyLedger, written } : { state: 'kept', ledger, written };
}

/**
 * Adds to the ledger; what another run wrote meanwhile stays. One that was lost meanwhile is written again, whole. Throws
 * `StorageUnavailable` (retry).
 */
export async function writeLedger({
  recorded,
  news,
  ports,
  settings,
}: LedgerAccess & { recorded: RecordedLedger; news: Ledger }): Promise<RecordedLedger> {
  const path = ledgerPath(settings);
  let known = recorded;
  for (let attempt = 0; attempt < triesAgainstOverwriting; attempt++) {
    const ledger = mergeLedgers(known.ledger, news);
    const written = await ports.state.write({ path, value: encodeLedger(ledger), ifGeneration: known.written });
    if (written !== 'conflict') return { state: 'kept', ledger, written };
    const found = await readLedger({ ports, settings });
    known = found.state === 'kept' ? found : { ...found, ledger: known.ledger };
  }
  throw new ConvergeError({
    code: 'StorageUnavailable',
    subject: path,
    message: `changed during each of ${triesAgainstOverwriting} writes`,
    disposition: 'retry',
  });
}
