import { ConvergeError } from '../../base/errors.ts';
import { decodeLedger, emptyLedger, encodeLedger, ledgerPath, mergeLedgers, type Ledger } from '../../source/ledger.ts';
import { triesAgainstOverwriting } from '../common/pauses.ts';
import { ageOf, readState, valueOrNone } from '../common/read-state.ts';
import type { CopyPorts, CopySettings } from './run.ts';
import type { GenerationPrecondition } from '../../ports/storage.ts';

export interface RecordedLedger {
  /** `lost` where there is none, or none of use: what it would say is to be found out elsewhere. */
  readonly state: 'kept' | 'lost';
  readonly ledger: Ledger;
  /** What the next write is conditional on. */
  readonly written: GenerationPrecondition;
  /** Milliseconds since it was written, by Storage's clock, as it was read; without an end where nothing was. */
  readonly age: number;
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
  if (found === undefined) return { state: 'lost', ledger: emptyLedger, written: 'absent', age: Infinity };
  const facts = { written: { generation: found.generation }, age: ageOf(found) };
  const ledger = valueOrNone(found);
  return ledger === undefined ? { state: 'lost', ledger: emptyLedger, ...facts } : { state: 'kept', ledger, ...facts };
}

/**
 * Adds to the ledger; what another run wrote meanwhile stays, and so does the end of its lease, which is the later one.
 * One that was lost meanwhile is written again, whole. Nothing is written where all is there, by whomever: a write whose
 * answer was lost is found so. Throws `StorageUnavailable` (retry).
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
    const isOfAnother = known.ledger.ended !== recorded.ledger.ended;
    const ledger = mergeLedgers(known.ledger, isOfAnother ? { ...news, ended: undefined } : news);
    const value = encodeLedger(ledger);
    if (known.state === 'kept' && JSON.stringify(value) === JSON.stringify(encodeLedger(known.ledger))) return known;
    const written = await ports.state.write({ path, value, ifGeneration: known.written });
    if (written !== 'conflict') return { state: 'kept', ledger, written, age: 0 };
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
