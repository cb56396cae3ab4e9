import { randomUUID } from 'node:crypto';

import { acquireCases } from './acquire-cases.js';
import { adoptCases } from './adopt-cases.js';
import { confirmCases, extendCases, impossibleCounterCases } from './hold-cases.js';
import { historyCases, noteCases } from './history-cases.js';
import { lostMemoryCases, memoryCases } from './memory-cases.js';
import { Operations, type Cases } from './operations.js';
import { closeCases, misconfiguredCases, portCases, withdrawCases } from './port-cases.js';
import { batchCases, inspectCases, releaseCases } from './release-cases.js';
import { runCases, tickCases } from './run-cases.js';
import type { ContractCase, ContractSubject, NodePart } from './subject.js';
import { queueCases, waitingCases } from './waiting-cases.js';

/**
 * What every `LockNode` must do, as a list of cases for any test runner.
 *
 * @example
 * const subject = { open: async () => ({ node: new FileNode(newPath()) }) };
 * for (const { title, run } of lockNodeContract(subject)) it(title, run);
 */
export function lockNodeContract(subject: ContractSubject): readonly ContractCase[] {
  const { parts = [], forget } = subject;
  const casesOf = (part: NodePart, cases: Cases): Cases => (parts.includes(part) ? cases : {});
  const cases: Cases = {
    ...portCases(parts),
    ...acquireCases,
    ...adoptCases,
    ...tickCases,
    ...runCases,
    ...confirmCases,
    ...extendCases,
    ...impossibleCounterCases,
    ...releaseCases,
    ...inspectCases,
    ...batchCases,
    ...queueCases,
    ...casesOf('onRelease', waitingCases),
    ...casesOf('withdraw', withdrawCases),
    ...noteCases,
    ...casesOf('history', historyCases),
    ...casesOf('memory', memoryCases),
    ...casesOf('memory', forget === undefined ? {} : lostMemoryCases(forget)),
    ...(parts.includes('markMisconfigured') ? misconfiguredCases : closeCases),
  };
  return Object.entries(cases).map(([title, check]) => ({
    title,
    run: async () => {
      const name = `contract:${randomUUID()}`;
      const on = new Operations(await subject.open(), subject.hashTag ? `{${name}}` : name);
      try {
        await check(on);
      } finally {
        await on.end();
      }
    },
  }));
}
