import { failed, type Failed, type Granted, type Refused, type Vote } from '../../../core/vote.js';
import { impossibleAttempt, isPossibleAttempt, type RunRecord } from '../../../core/run.js';
import { failedWith } from '../../../core/run-votes.js';
import { impossibleCounter, isPossibleCounter } from '../../../core/fencing.js';
import type { NodeInspection } from '../../lock-node.js';
import { isNatural, runOf } from '../../server/finding.js';
import type { Operation } from './script-call.js';

/**
 * A node holds the counter that it finds to `COUNTER_AHEAD_MS`, and then counts up from it. What it reserves
 * at once is less than this, in milliseconds.
 */
const SLACK_MS = 1;

/** A script of ours never tells such a counter: this is a server that tells what it likes. */
const impossible = ({ resources }: Operation): Failed =>
  failed('error', new Error(impossibleCounter(`of ${resources.join(', ')}`)));

const unusableAttempt = ({ resources }: Operation): Failed =>
  failed('error', new Error(impossibleAttempt(resources.join(', '))));

const malformed = (what: string): Failed =>
  failed('error', new Error(`the node answered with ${what}: is it a Redis server?`));

const LATE = failed('late', new Error('the request reached the node after its deadline'));
const MISMATCH = failed('mismatch', new Error('the node does not vote under this list of nodes'));
const RESTORED = failed('restored', new Error('the node had lost the key'));
const NO_ANSWER = malformed('something that is no answer');
const TOO_FEW = malformed('another number of answers than it was asked for');

/** Whether the answer shows that the whole reply has not the shape of one to its call. */
export const isMisfit = (answer: unknown): boolean => answer === TOO_FEW;

/** The votes in the reply of a call, one for each operation, whatever the node sent. */
export const votesIn = (reply: readonly unknown[], operations: readonly Operation[]): Vote[] => {
  // Without the guard nothing is counted.
  const nodeMs = isGuarded(operations) ? Number(reply[0]) / 1_000 + SLACK_MS : 0;
  return answersIn(
    reply,
    operations,
    (answer, operation) => voteOf(answer, operation, nodeMs),
    (above, operation) => grantOf(above, operation, nodeMs),
  );
};

export const inspectionsIn = (
  reply: readonly unknown[],
  operations: readonly Operation[],
): (NodeInspection | Failed)[] => answersIn(reply, operations, inspectionOf, () => NO_ANSWER);

/** The notes that the node keeps of one resource. What is no text is left out. */
export const historyFrom = (reply: readonly unknown[], operation: Operation): readonly string[] | Failed => {
  const [answer = TOO_FEW] = answersIn<readonly string[]>(reply, [operation], notesOf, () => NO_ANSWER);
  return answer;
};

function notesOf(answer: unknown): readonly string[] | Failed {
  if (!Array.isArray(answer)) return NO_ANSWER;
  const [kind, ...notes] = answer as readonly unknown[];
  if (kind === 'error') return failedWith(notes[0]);
  return kind === 'history' ? notes.filter((note) => typeof note === 'string') : NO_ANSWER;
}

/**
 * One answer for each operation. `read` reads an answer, and `zero` is the meaning of the answer 0. A run of
 * zeros never gives more answers than there are operations.
 */
function answersIn<Answer>(
  reply: readonly unknown[],
  operations: readonly Operation[],
  read: (answer: unknown, operation: Operation) => Answer | Failed,
  zero: (above: number, operation: Operation) => Answer | Failed,
): (Answer | Failed)[] {
  const first = isGuarded(operations) ? 2 : 0;
  if (reply[first] === 'late') return operations.map(() => LATE);
  if (reply[first] === 'mismatch') return operations.map(() => MISMATCH);
  const answers: (Answer | Failed)[] = [];
  for (let place = first; place < reply.length; place++) {
    const answer = reply[place];
    const zeros = typeof answer === 'number' ? undefined : zerosIn(answer);
    if (answers.length + (zeros ?? 1) > operations.length) return operations.map(() => TOO_FEW);
    if (zeros === undefined) answers.push(read(answer, operations[answers.length]!));
    else for (let left = zeros; left > 0; left--) answers.push(zero(0, operations[answers.length]!));
  }
  return answers.length === operations.length ? answers : operations.map(() => TOO_FEW);
}

const isGuarded = ([first]: readonly Operation[]): boolean => first?.script.hasGuard === true;

/** The number of zeros that an answer stands for; `undefined` if it is another answer. */
function zerosIn(answer: unknown): number | undefined {
  if (!Array.isArray(answer) || answer[0] !== 'zeros') return undefined;
  const [, count] = answer as readonly unknown[];
  return isNatural(count) ? count : undefined;
}

function voteOf(answer: unknown, operation: Operation, nodeMs: number): Vote {
  if (typeof answer === 'number') return grantOf(answer, operation, nodeMs);
  if (!Array.isArray(answer)) return NO_ANSWER;
  const [kind, first, second, third, fourth] = answer as readonly unknown[];
  switch (kind) {
    case 'granted': {
      const grant = grantOf(first, operation, nodeMs);
      if (grant.kind === 'failed') return grant;
      const waiting = isNatural(second) ? { waiting: second } : second === '' ? {} : undefined;
      if (fourth !== undefined) return isNatural(fourth) ? { ...grant, giverLeftMs: fourth } : NO_ANSWER;
      if (isNatural(third) && !isPossibleAttempt(third)) return unusableAttempt(operation);
      const attempt = isNatural(third) ? { attempt: third } : third === undefined ? {} : undefined;
      return waiting === undefined || attempt === undefined
        ? NO_ANSWER
        : { ...grant, ...waiting, ...attempt };
    }
    case 'released':
      if (!isNatural(first)) return NO_ANSWER;
      return {
        kind: 'granted',
        counter: 0,
        ...(first === 0 ? {} : { waiting: first }),
        ...recordedOf(second),
      };
    case 'held':
      return heldBy(first, second);
    case 'already ran':
      return alreadyRan(runOf(first, second, third));
    case 'absent':
      return { kind: 'refused', reason: 'absent', ...recordedOf(second) };
    case 'superseded':
      if (!isNatural(first)) return NO_ANSWER;
      if (!isPossibleCounter(first, nodeMs)) return impossible(operation);
      return { kind: 'refused', reason: 'superseded', counter: first };
    case 'restored':
      return RESTORED;
    case 'error':
      return failedWith(first);
    default:
      return NO_ANSWER;
  }
}

/** The grant whose counter is this far above the operation's base. */
function grantOf(above: unknown, operation: Operation, nodeMs: number): Granted | Failed {
  const counter = typeof above === 'number' ? operation.base + above : Number.NaN;
  const { granted } = operation;
  const isKnown = granted !== undefined && granted.counter === counter;
  if (!isKnown && !isNatural(counter)) return NO_ANSWER;
  if (!isPossibleCounter(counter, nodeMs)) return impossible(operation);
  return isKnown ? granted : (operation.granted = { kind: 'granted', counter });
}

/** A key that does not expire has -1 ms left, and one that expires in this millisecond may have none. */
function heldBy(owner: unknown, remainingMs: unknown): Refused | Failed {
  if (typeof owner !== 'string' || !Number.isSafeInteger(remainingMs)) return NO_ANSWER;
  return { kind: 'refused', reason: 'held', owner, remainingMs: Math.max(0, Number(remainingMs)) };
}

const alreadyRan = (run: RunRecord | undefined): Refused | Failed =>
  run === undefined ? NO_ANSWER : { kind: 'refused', reason: 'already_ran', run };

const recordedOf = (recorded: unknown): { readonly recorded?: boolean } =>
  recorded === undefined ? {} : { recorded: recorded === 1 };

function inspectionOf(answer: unknown): NodeInspection | Failed {
  if (!Array.isArray(answer)) return NO_ANSWER;
  const [kind, owner, remainingMs, counter, tick, attempt, state, success] = answer as readonly unknown[];
  if (kind === 'error') return failedWith(owner);
  const isComplete =
    kind === 'inspected' &&
    typeof owner === 'string' &&
    Number.isSafeInteger(remainingMs) &&
    (counter === '' || isNatural(counter)) &&
    (tick === '' || runOf(tick, attempt, state) !== undefined) &&
    (success === '' || isNatural(success));
  if (!isComplete) return NO_ANSWER;
  return {
    kind: 'inspected',
    owner: owner === '' ? undefined : owner,
    remainingMs: Math.max(0, Number(remainingMs)),
    counter: counter === '' ? undefined : Number(counter),
    run: runOf(tick, attempt, state),
    ...(success === '' ? {} : { lastSuccess: Number(success) }),
  };
}
