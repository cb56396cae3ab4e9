import { SETTINGS_VARIABLE, type WorkerMessage, type WorkerSettings } from './messages.js';
import { Journal } from './journal.js';
import { RecordFile } from './record.js';

/** Of this worker process. */
export const settings = JSON.parse(process.env[SETTINGS_VARIABLE] ?? '') as WorkerSettings;

export function tell(message: WorkerMessage): void {
  // The demo may have gone a moment ago; this process goes as soon as it hears of it.
  if (process.connected) process.send?.(message);
}

export const journal = new Journal(settings.name, new RecordFile(settings.recordPath), tell);
