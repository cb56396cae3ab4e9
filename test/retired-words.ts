/**
 * The words that the project no longer uses, each with the one that took its place.
 *
 * A word that is plain English besides is only looked for where it was a term: among the identifiers of the
 * code, and if need be in some folders only. Comments may say that a client waits its turn, that a promise
 * settles, or that a test makes a claim. These words of the old vocabulary are not looked for at all, because
 * they are still in use elsewhere: `lost` (of a lease), `Waiter` (it has a new meaning), `waits` and
 * `waitMs`, `membership`, `holder`, `refused` (of a vote).
 */
interface RetiredWord {
  readonly word: string;
  /** What took its place. */
  readonly now: string;
  /** Where it is looked for: in the whole text, or in the identifiers of the code only. */
  readonly among: 'text' | 'identifiers';
  readonly pattern: RegExp;
  /** Paths to which the search is limited; everywhere if there is none. */
  readonly under?: RegExp;
  /** Paths that are left out. */
  readonly allowedIn?: RegExp;
  /** Why it is not looked for everywhere: which other meaning stays allowed. */
  readonly why?: string;
}

/**
 * A word in all its spellings: `word`, `Word`, `WORD`, and as a part of a longer identifier, `lastWord`,
 * `word_count`.
 */
function spelled(word: string, endings = 's?'): RegExp {
  const capital = word[0]!.toUpperCase() + word.slice(1);
  const upper = word.toUpperCase();
  return new RegExp(
    `(?<![A-Za-z])${word}${endings}(?![a-z])|${capital}${endings}(?![a-z])|(?<![A-Za-z])${upper}S?(?![A-Za-z])`,
  );
}

/** Several words that were written as one: `leaseKeeper`, `LeaseKeeper`, `lease-keeper`, `lease keeper`. */
const joined = (first: string, second: string): RegExp =>
  new RegExp(`(?<![A-Za-z])${first}[- ]?${second}s?(?![a-z])|${first}${second}s?(?![a-z])`, 'i');

/** Identifiers that are exactly one of these; a `#` in front does not count. */
const exactly = (...names: readonly string[]): RegExp => new RegExp(`^(?:${names.join('|')})$`);

type Found = Omit<RetiredWord, 'word' | 'now' | 'among' | 'pattern'>;

const inText = (word: string, now: string, pattern = spelled(word), more: Found = {}): RetiredWord => ({
  word,
  now,
  among: 'text',
  pattern,
  ...more,
});

const inCode = (word: string, now: string, names: readonly string[], more: Found = {}): RetiredWord => ({
  word,
  now,
  among: 'identifiers',
  pattern: exactly(...names),
  ...more,
});

const SRC = /^src\//;
const LOCK = /^src\/lock\//;
const LEASE = /^src\/lock\/(?:lease|stall)\//;
const NODE = /^src\/node\//;

export const RETIRED_WORDS: readonly RetiredWord[] = [
  // core
  inText('ballot', 'acquire round'),
  inCode('Round', 'VoteTally', ['Round'], { why: 'an acquire round, and Math.round, are rounds' }),
  inCode('ending', 'outcome', ['endings?', 'Endings?'], { under: SRC, why: 'things may be ending' }),
  inText('endingOf', 'outcomeOf'),
  inText('goesOn', 'hasPriority'),
  inText('isReadable', 'isConclusive'),
  inCode('Claim', 'OwnerCount, KeyTracker', ['[cC]laims?'], { under: SRC, why: 'a test makes a claim' }),

  // asking a quorum
  inCode('question', 'QuorumCall', ['[qQ]uestions?'], { under: SRC }),
  inCode('poll', 'QuorumCall', ['[pP]olls?'], { under: SRC, why: 'a client may poll' }),
  inText('QuorumClient', 'Quorum', joined('quorum', 'client')),
  inText('asker', 'VoteReceiver'),
  inCode('asked', 'receive', ['Asked'], { under: SRC, why: 'a node is asked' }),
  inCode('Asking', 'QuorumCallContext', ['[aA]sking'], { under: SRC, why: 'a sentence may begin so' }),
  inCode('Giving', 'ReleaseContext', ['[gG]iving'], { under: SRC }),
  inText('arrears', 'HungNodes', spelled('arrears', '')),
  inText('owes', 'isHung', spelled('owe', '(?:s|d)?'), {
    allowedIn: /^benchmarks\//,
    why: 'a peer owes the stage an answer',
  }),
  inCode('paid', 'recovered', ['paid'], { why: 'a price is paid' }),
  inCode('gate', 'RoundLimiter', ['Gates?', 'GATE'], { why: 'a test may have a gate of its own' }),
  inCode('gate', 'roundLimiter', ['gates?'], { under: SRC, why: 'a test may have a gate of its own' }),
  inCode('member', 'nodeIndex', ['member'], { under: LOCK, why: 'a node may be a member of something' }),

  // releasing
  inText('give-back', 'release', /(?<![A-Za-z])giv(?:e|en|ing)-?back|Giv(?:e|en|ing)Back|GIVEN_BACK/i, {
    why: 'a resource is given back',
  }),
  inCode('Debt', 'PendingRelease', ['[dD]ebts?'], { under: SRC }),
  inText('Repayment', 'PendingRelease', spelled('repayment')),

  // the keys of a held lease
  inText('tenure', 'HeldKeys'),
  inCode('Holder', 'LeaseListener', ['Holder'], { under: SRC, why: 'the holder is the client' }),
  inText('vacated', 'keysReleased', spelled('vacated', '')),
  inCode('abandon', 'detach', ['abandon'], { under: SRC, why: 'a tick may be abandoned' }),
  inText('patient', 'RestoreTarget'),
  inText('heal', 'restoreKeys', spelled('heal', '(?:s|ed|ing)?')),
  inText('hasten', 'extendSoon', spelled('hasten', '(?:s|ed|ing)?')),
  inText('unproved', 'restoredWithoutQuorum', spelled('unproved', '')),
  inText('ceiling', 'maxCounter'),

  // the scheduler of extensions
  inCode('tend', 'reschedule', ['tend'], { why: 'something may tend to happen' }),
  inCode('keep', 'schedule', ['keep'], { under: LEASE, why: 'keys are kept' }),
  inCode('forget', 'cancel', ['forget'], { under: LEASE, why: 'a server forgets its data' }),
  inCode('Kept', 'Scheduled', ['Kept'], { why: 'keys are kept' }),
  inText('Extendable', 'Scheduled', /\bExtendables?\b/),
  inCode('place', 'Scheduled', ['place', 'Place'], { under: LEASE, why: 'a thing stands in a place' }),
  inText('keeper', 'LeaseScheduler, StallGuard'),
  inText('DueQueue', 'DueHeap', joined('due', 'queue')),
  inCode('extendInTurn', 'LeaseScheduler', ['extendInTurn']),

  // waiting
  inCode('acquisition', 'retryLoop', ['acquisition'], { under: LOCK, why: 'an event names its acquisition' }),
  inCode('Waiting', 'Waiter', ['Waiting']),
  inCode('Wait', 'WaitEvents', ['Wait']),
  inCode('Waits', 'QueueEntry', ['Waits']),
  inText('StandsBack', 'YieldReason', /[sS]tands?Back/),
  inText("'answer'", "'releasePending'", /'answer'/, { under: LOCK, why: 'a node gives an answer' }),
  inText("'moment'", "'othersNotified'", /'moment'/, { under: LOCK, why: 'it lasts a moment' }),
  inText("'turn'", "'queued'", /'turn'/, { under: LOCK, why: 'a turn of the event loop' }),
  inText('wake-up', 'release notification', /(?<![A-Za-z])wake-ups?(?![a-z])|[wW]akeUp/, {
    why: 'a machine wakes up',
  }),
  inText('ear', 'listener'),
  inText('deaf', 'cannotSubscribe', spelled('deaf', '')),
  inText('successorTo', 'nextInLine', spelled('successorTo', '')),
  inText('handOn', 'handOver', /(?<![A-Za-z])hand(?:s|ed|ing)?[ -]on(?![a-z-])|hand(?:s|ed)?On(?![a-z])/),
  inCode('Stop', 'Cancellation', ['Stop'], { why: 'servers and timers stop' }),
  inText('isAbandoned', 'isCancelled'),

  // a blocked event loop
  inText('StallKeeper', 'StallGuard', joined('stall', 'keeper')),
  inCode('StandIn', 'RemoteLease', ['[sS]tandIn(?:Handle)?'], { why: 'tests have stand-ins' }),
  inText('stall-cell', 'SharedLease', joined('stall', 'cell')),
  inCode('secure', 'recordExtension', ['secured?', 'securedAt'], { under: SRC, why: 'TLS is secure' }),

  // nodes
  inText('first-use', 'bootstrap', /first-use|[fF]irstUse/, { why: 'memory is had at first use' }),
  inText('watched-server', 'RedisServer', joined('watched', 'server')),
  inCode('standing', 'ObservableState', ['[sS]tanding'], { under: SRC, why: 'a queue may be standing' }),
  inCode('out', 'ended', ['out'], { under: NODE, why: 'a timer runs out' }),
  inCode('become', 'set', ['become'], { why: 'requests become a call' }),
  inCode('admit', 'trust', ['admit']),
  inCode('distrust', 'quarantine', ['distrust']),
  inCode('weigh', 'updateTrust', ['weigh']),
  inCode('order', 'guard command', ['order'], { under: NODE, why: 'a list has an order' }),
  inText('scout', 'topology reader', spelled('scout')),
  inText('discreet', 'RedisConnection', spelled('discreet', '')),
  inText('Discretion', 'RedactionRules', spelled('discretion', '')),
  inText('group-commit', 'request batcher', joined('group', 'commit')),
  inText('in-parts', 'split by slot', /in-parts|inParts/),
  inText('refusal.ts', 'permission-errors', /(?<![\w-])refusal\.[jt]s/, { why: 'a vote is a refusal' }),
  inCode('refusal', 'permission errors', ['refusal'], { under: NODE, why: 'a vote is a refusal' }),
  inText("status 'refused'", 'misconfigured', /status[^;,)\n]{0,12}'refused'|state="refused"/, {
    why: 'a vote is refused',
  }),

  // several meanings of one word
  inCode(
    'settled',
    'seenBefore, isFinal, whenReleased, stalledAt, normalizedOptions, yieldDelayMs',
    ['settled?', '(?!all).+Settled', 'SettledOptions'],
    { under: SRC, why: 'a promise settles' },
  ),

  // skins
  inText('Territory', 'ModuleScope', spelled('territory', '')),
  inText('dressAs', 'copyMetadata', spelled('dressAs', '')),
  inText('HeardBeginnings', 'OpenIntervals', joined('heard', 'beginning')),

  // the public face
  inText('LockContendedError', 'LockNotAcquiredError', /LockContended\w*/),
  inText('LOCK_CONTENDED', 'LOCK_NOT_ACQUIRED', /LOCK_CONTENDED/),
  inText('getLockToken', 'getLockManagerToken', /\bgetLockToken\b/),
  inText('InjectLocks', 'InjectLockManager', /\bInjectLocks\b/),
  inText('locks.on()', 'locks.subscribe()', /\b(?:locks|manager|lockManager)\.on\(/),
];
