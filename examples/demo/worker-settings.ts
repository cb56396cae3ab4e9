import { SETTINGS_VARIABLE, type WorkerMessage, type WorkerSettings } from './messages.js';
import { Journal } from './journal.js';
import { RecordFile } from './record.js';

/** The settings of this worker process. */
export const settings = JSON.parse(process.env[SETTINGS_VARIABLE] ?? '') as WorkerSettings;

export function tell(message: WorkerMessage): void {
  // The demo may have exited a moment ago. This process exits as soon as it notices.
  if (process.connected) process.send?.(message);
}

export const journal = new Journal(settings.name, new RecordFile(settings.recordPath), tell);
