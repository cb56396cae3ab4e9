import { ACQUIRE } from './acquire.js';
import { CONFIRM } from './confirm.js';
import { EXTEND } from './extend.js';
import { FINISH } from './finish.js';
import { GUARD_COMMAND } from './guard.js';
import { HISTORY } from './history.js';
import { INSPECT } from './inspect.js';
import { RECORD } from './record.js';
import { RELEASE } from './release.js';
import type { Script } from './script.js';
import { WAKE } from './wake.js';

/** All that a server is to know. */
export const SCRIPTS: readonly Script[] = [
  ACQUIRE,
  CONFIRM,
  EXTEND,
  RELEASE,
  FINISH,
  WAKE,
  INSPECT,
  HISTORY,
  GUARD_COMMAND,
  RECORD,
];
